"""ARCTIC's contact, motion and acceleration: values worked out by hand, and a second implementation."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.contact import (
    CONTACT_M,
    LEAST_FRAMES,
    Touch,
    acceleration_errors,
    contact_deviations,
    lasting_touches,
    motion_deviations,
    touches,
)


def test_touches_are_the_nearest_vertices_within_reach():
    thing = np.array([[[0, 0, 0], [0.1, 0, 0], [0, 0.2, 0]]] * 2, float)
    hand = np.array([[[0.0029, 0, 0], [0.05, 0, 0]], [[0, 0.2031, 0], [0.1, 0.001, 0.002]]], float)
    found = touches(hand, thing)
    np.testing.assert_allclose(found.distance_m, [[0.0029, np.inf], [np.inf, np.sqrt(5e-6)]])
    assert found.vertex.tolist() == [[0, -1], [-1, 1]]
    with pytest.raises(KnuckleError, match="expected as many frames of both, got 1, 2"):
        touches(hand[:1], thing)


def test_touches_against_a_tree():
    rng = np.random.default_rng(0)
    hand, thing = rng.uniform(0, 0.03, (4, 60, 3)), rng.uniform(0.01, 0.05, (4, 80, 3))
    found = touches(hand, thing)
    touching = 0
    for frame in range(4):
        distance, vertex = map(np.asarray, KDTree(thing[frame]).query(hand[frame]))
        near = distance <= CONTACT_M
        touching += near.sum()
        np.testing.assert_allclose(found.distance_m[frame][near], distance[near])
        assert (found.vertex[frame][near] == vertex[near]).all()
        assert np.isinf(found.distance_m[frame][~near]).all()
    assert touching > 10


def test_contact_deviation_worked_out_by_hand():
    """Two of three vertices touch: found 5 and 13 mm from where they should be."""
    touch = Touch(np.array([[0.001, 0.003, np.inf]] * 3), np.array([[1, 0, -1]] * 3))
    thing = np.array([[[0, 0, 0], [1, 0, 0]]] * 3, float)
    hand = np.array([[[1.003, 0.004, 0], [0.005, 0, 0.012], [9, 9, 9]]] * 3)
    hand[2] += 1
    found = contact_deviations(hand, thing, touch, np.array([True, False, True]))
    assert found[0] == pytest.approx(0.009) and np.isnan(found[1]) and found[2] > 1
    nothing = Touch(np.full((3, 3), np.inf), np.full((3, 3), -1))
    assert np.isnan(contact_deviations(hand, thing, nothing, np.ones(3, bool))).all()


def one_touch(first: int, last: int, frames: int, met: list[int] | None = None) -> Touch:
    """Of one vertex of the hand, with vertex 2 of the thing, or those that are given."""
    distance, vertex = np.full((frames, 1), np.inf), np.full((frames, 1), -1)
    distance[first : last + 1, 0] = 0.002
    vertex[first : last + 1, 0] = 2 if met is None else met
    return Touch(distance, vertex)


def test_windows_are_enclosed_long_and_do_not_slide():
    thing = np.array([[0, 0, 0], [0.001, 0, 0], [0.002, 0, 0], [0.05, 0, 0]])
    assert lasting_touches(one_touch(3, 17, 30), thing) == [(3, 17, 0, 2)]
    assert lasting_touches(one_touch(3, 16, 30), thing) == []
    # Nothing tells when one that is cut off began or ended.
    assert lasting_touches(one_touch(0, 20, 30), thing) == []
    assert lasting_touches(one_touch(10, 29, 30), thing) == []
    # It meets vertices 1 and 2 equally often: the first of them.
    assert lasting_touches(one_touch(3, 18, 30, [1, 2] * 8), thing) == [(3, 18, 0, 1)]
    # Half of the time 50 mm away.
    assert lasting_touches(one_touch(3, 18, 30, [0] * 8 + [3] * 8), thing) == []
    twice = one_touch(3, 17, 60)
    twice.distance_m[30:50], twice.vertex[30:50] = 0.001, 1
    assert lasting_touches(twice, thing) == [(3, 17, 0, 2), (30, 49, 0, 1)]


def windows_by_steps(touch: Touch, thing_m: np.ndarray) -> list[tuple[int, int, int, int]]:
    """The same once more, frame by frame and pair by pair."""
    found = []
    for hand in range(touch.distance_m.shape[1]):
        first = None
        for frame in range(len(touch.distance_m)):
            on = touch.distance_m[frame, hand] < CONTACT_M
            if on and first is None:
                first = frame
            if not on and first is not None:
                last, begun, first = frame - 1, first, None
                if begun == 0 or last - begun + 1 < LEAST_FRAMES:
                    continue
                met = touch.vertex[begun : last + 1, hand].tolist()
                pairs = []
                for row in range(len(met)):
                    for column in range(len(met)):
                        if row < LEAST_FRAMES and column < LEAST_FRAMES and column >= row:
                            continue
                        pairs.append(np.linalg.norm(thing_m[met[row]] - thing_m[met[column]]))
                if np.mean(pairs) <= CONTACT_M:
                    found.append((begun, last, hand, min(set(met), key=lambda v: (-met.count(v), v))))
    return found


def test_windows_against_a_second_way():
    rng = np.random.default_rng(1)
    thing = rng.uniform(0, 0.0058, (12, 3))
    distance = np.where(rng.random((300, 12)) < 0.97, 0.001, 0.02)
    touch = Touch(distance, rng.integers(0, 4, (300, 12)))
    found = lasting_touches(touch, thing)
    assert [tuple(window) for window in found] == windows_by_steps(touch, thing)
    assert len(found) > 5


def test_motion_deviation_worked_out_by_hand():
    """The hand moves 3 mm a frame along x, the thing 4 mm along y: 5 mm apart a step."""
    frames = np.arange(20.0)
    hand, thing = np.zeros((20, 1, 3)), np.zeros((20, 3, 3))
    hand[:, 0, 0], thing[:, 2, 1] = 0.003 * frames, 0.004 * frames
    windows = lasting_touches(one_touch(2, 17, 20), np.zeros((3, 3)))
    counts = np.ones(20, bool)
    assert motion_deviations(windows, hand, thing, counts).tolist() == pytest.approx([0.005])
    # A jump beside a frame that does not count plays no part.
    hand[10:] += 1
    assert motion_deviations(windows, hand, thing, counts)[0] > 0.05
    counts[10] = False
    assert motion_deviations(windows, hand, thing, counts).tolist() == pytest.approx([0.005])
    assert np.isnan(motion_deviations(windows, hand, thing, np.zeros(20, bool))).all()


def test_acceleration_errors_worked_out_by_hand():
    """A prediction that shakes by 1 mm from frame to frame: 2 mm off the middle of both sides, times 900."""
    truth = np.cumsum(np.full((6, 2, 3), 0.01), axis=0)
    found = truth + np.where(np.arange(6) % 2, 0.001, 0.0)[:, None, None] * [1, 0, 0]
    counts = np.ones(6, bool)
    values = acceleration_errors(truth, found, counts)
    assert np.isnan(values[[0, 5]]).all()
    np.testing.assert_allclose(values[1:5], 0.002 * 900)
    counts[2] = False
    assert np.isfinite(acceleration_errors(truth, found, counts)).tolist() == [False] * 4 + [True, False]
    assert np.isnan(acceleration_errors(truth[:2], found[:2], counts[:2])).all()
