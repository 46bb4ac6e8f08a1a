"""Whose hand a track was led to, where hands meet."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from knuckle.live.motion import Motion
from knuckle.live.sightings import exchanged, strayed

HAND = np.random.default_rng(0).uniform(0, 100, (21, 2))


def at(left: float) -> np.ndarray:
    return HAND + np.array([left, 0.0])


def track(left: float, *, is_right: bool, speed: float = 0.0, odds: float = 6.0) -> Any:
    """A hand last seen there, at a speed in px a second."""
    motion = Motion(at(left), 0.0, np.array([speed, 0.0, 0.0, 0.0]))
    side_odds = odds if is_right else -odds
    made = SimpleNamespace(identity=left, motion=motion, is_right=is_right, side_odds=side_odds)
    made.found_again = lambda joints, time_s: setattr(made, "motion", Motion(joints, time_s))
    return made


def sighting(of: Any, left: float, *, right: float) -> Any:
    """What the frame shows where the track led: joints, and the probability of a right hand."""
    told = SimpleNamespace(
        hands=SimpleNamespace(joints_px=at(left)[None]),
        evidence=SimpleNamespace(right=np.array([right])),
    )
    return SimpleNamespace(track=of, told=told, row=0)


def test_hands_that_turned_back_where_they_met_are_exchanged():
    # Both moved to each other; the next frame shows them where they were, led to crosswise.
    left, right = track(0, is_right=False, speed=1500), track(120, is_right=True, speed=-1500)
    seen = [sighting(left, 118, right=0.9), sighting(right, 2, right=0.1)]
    assert exchanged(seen, 0.066) == [left, right]
    assert np.array_equal(left.motion.joints_px, at(2)) and np.array_equal(right.motion.joints_px, at(118))


def test_hands_that_pass_each_other_stay_who_they_are():
    left, right = track(0, is_right=False, speed=1500), track(60, is_right=True, speed=-1500)
    seen = [sighting(left, 60, right=0.1), sighting(right, 0, right=0.9)]
    assert exchanged(seen, 0.04) == []


def test_two_hands_of_a_side_are_never_exchanged():
    one, other = track(0, is_right=True), track(120, is_right=True)
    assert exchanged([sighting(one, 118, right=0.9), sighting(other, 2, right=0.9)], 0.033) == []


def test_a_sure_left_hand_gives_back_a_right_one_that_is_missing_there():
    left, missing = track(0, is_right=False), track(60, is_right=True)
    led = sighting(left, 55, right=0.9)
    assert strayed([led], [missing], 0.1) == [(led, missing)]
    # The nearest of those that are missing has it, and nobody twice.
    assert strayed([led], [track(100, is_right=True), missing], 0.1) == [(led, missing)]
    assert strayed([led, led], [missing], 0.1) == [(led, missing)]
    # Nobody is missing, the missing one is far or of the same side, the look is not sure, or the track's side is not.
    assert strayed([led], [], 0.1) == []
    assert strayed([led], [track(400, is_right=True)], 0.1) == []
    assert strayed([led], [track(60, is_right=False)], 0.1) == []
    assert strayed([sighting(left, 55, right=0.5)], [missing], 0.1) == []
    assert strayed([sighting(track(0, is_right=False, odds=1.0), 55, right=0.9)], [missing], 0.1) == []
