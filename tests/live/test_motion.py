"""Where a hand is expected next."""

import json

import numpy as np
import pytest

from knuckle.geometry.crop import hand_roll, turn_of_px
from knuckle.live.motion import Motion

HAND = np.random.default_rng(0).uniform(0, 100, (21, 2))


def moved(by=(0.0, 0.0), *, grown: float = 1.0, turned: float = 0.0) -> np.ndarray:
    middle = HAND.mean(0)
    return (HAND - middle) @ turn_of_px(turned).T * grown + middle + np.array(by)


def followed(positions, *, step_s: float = 1 / 30) -> Motion:
    motion = Motion(positions[0], 0.0)
    for number, joints in enumerate(positions[1:], 1):
        motion = motion.seen(joints, number * step_s)
    return motion


def test_a_hand_goes_on_as_it_moved_grew_and_turned():
    motion = followed([moved((6.0 * n, -3.0 * n), grown=1.02**n, turned=0.03 * n) for n in range(12)])
    expected = moved((72.0, -36.0), grown=1.02**12, turned=0.36)
    predicted = motion.predicted(12 / 30)
    assert np.linalg.norm(predicted - expected, axis=1).max() < 2.5
    # Standing still it would be this far off.
    assert np.linalg.norm(motion.joints_px - expected, axis=1).mean() > 6


def test_a_hand_not_seen_slows_down_and_stops():
    motion = followed([moved((10.0 * n, 0.0)) for n in range(10)])
    far = [
        motion.predicted(9 / 30 + wait).mean(0)[0] - motion.joints_px.mean(0)[0] for wait in (0.1, 1.0, 3.0)
    ]
    assert 18 < far[0] < 25 < far[1] <= far[2] < 30
    assert far[2] - far[1] < 0.1


def test_a_lost_hand_moves_on_as_large_and_turned_as_it_was():
    motion = followed([moved((6.0 * n, 0.0), grown=0.9**n, turned=0.1 * n) for n in range(5)])
    ahead = motion.predicted(6 / 30, only_moved=True)
    assert np.allclose(ahead - ahead.mean(0), motion.joints_px - motion.joints_px.mean(0))
    assert np.allclose(ahead.mean(0), motion.predicted(6 / 30).mean(0)) and ahead.mean(0)[0] > 80


def test_a_turn_past_half_a_circle_is_a_small_one():
    start = float(hand_roll(HAND))
    motion = followed([moved(turned=np.pi - start - 0.05), moved(turned=np.pi - start + 0.05)])
    assert motion.velocity[3] == pytest.approx(0.1 * 30 * (1 - np.exp(-1 / 30 / 0.02)), rel=1e-6)


def test_saved_motion_goes_on_to_the_bit():
    motion = followed([moved((3.0 * n, n)) for n in range(4)])
    again = Motion.restored(json.loads(json.dumps(motion.saved())))
    assert np.array_equal(again.predicted(0.4), motion.predicted(0.4))
