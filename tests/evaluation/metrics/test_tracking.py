"""Scores of tracking on hands that are moved about by hand."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.tracking import ReportedHands, TrueHands, score_tracking

HAND = np.random.default_rng(0).uniform(0, 100, (21, 2))


def at(*lefts: float) -> np.ndarray:
    return np.array([HAND + np.array([left, 0]) for left in lefts]).reshape(-1, 21, 2)


def truth(*hands: tuple[int, float, float]) -> TrueHands:
    return TrueHands(
        [identity for identity, _, _ in hands],
        ["right"] * len(hands),
        at(*(left for _, left, _ in hands)),
        np.array([shown for _, _, shown in hands]),
    )


def reported(*hands: tuple[int, float], side: str = "right") -> ReportedHands:
    return ReportedHands([i for i, _ in hands], [side] * len(hands), at(*(left for _, left in hands)))  # pyright: ignore


def test_hands_followed_without_fault_have_none():
    scores = score_tracking(
        [truth((0, 10 * n, 1.0), (1, 400, 1.0)) for n in range(5)],
        [reported((7, 10 * n + 5), (9, 401)) for n in range(5)],
    )
    assert len(scores.matches) == scores.to_find == 10
    assert (scores.missed, scores.false, scores.switches, scores.mirror_jumps, scores.wrong_sides) == (0,) * 5


def test_another_identity_is_a_switch_unless_the_hand_was_hidden_or_out_of_the_picture():
    seen, hidden, gone = truth((0, 0, 1.0)), truth((0, 0, 0.05)), truth()
    assert score_tracking([seen, seen], [reported((1, 0)), reported((2, 0))]).switches == 1
    assert (
        score_tracking([seen, hidden, seen], [reported((1, 0)), reported(), reported((2, 0))]).switches == 0
    )
    assert score_tracking([seen, gone, seen], [reported((1, 0)), reported(), reported((2, 0))]).switches == 0
    # A frame in which it was merely missed does not excuse it.
    assert score_tracking([seen, seen, seen], [reported((1, 0)), reported(), reported((2, 0))]).switches == 1


def test_exchanged_identities_are_two_switches():
    frames = [truth((0, 0, 1.0), (1, 300, 1.0))] * 2
    scores = score_tracking(frames, [reported((5, 0), (6, 300)), reported((6, 0), (5, 300))])
    assert scores.switches == 2


def test_missed_false_and_hands_that_need_not_be_found():
    frames = [truth((0, 0, 1.0), (1, 300, 0.3)), truth((0, 0, 1.0))]
    scores = score_tracking(frames, [reported((1, 301)), reported((1, 900))])
    assert (scores.to_find, scores.missed, scores.false) == (2, 2, 1)
    assert scores.false_per_frame == 0.5


def test_a_side_that_turns_is_a_jump_each_time():
    scores = score_tracking(
        [truth((0, 0, 1.0))] * 4,
        [reported((1, 0), side=side) for side in ("right", "left", "left", "right")],
    )
    assert (scores.mirror_jumps, scores.wrong_sides) == (2, 2)


def test_other_numbers_of_frames_are_refused():
    with pytest.raises(KnuckleError, match="expected 1 as in the truth, got 2"):
        score_tracking([truth()], [reported(), reported()])
