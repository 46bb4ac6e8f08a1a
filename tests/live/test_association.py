"""Which found hands are which known ones."""

import numpy as np

from knuckle.live.association import in_one_place, match_hands

HAND = np.random.default_rng(0).uniform(0, 100, (21, 2))


def at(*lefts: float, size: float = 1.0) -> np.ndarray:
    return np.array([HAND * size + np.array([left, 0.0]) for left in lefts]).reshape(-1, 21, 2)


def matched(known, found, *, known_odds=None, found_odds=None, slack=0.0):
    return sorted(
        match_hands(
            known,
            found,
            known_odds=known_odds or [0.0] * len(known),
            found_odds=found_odds or [0.0] * len(found),
            slack=[slack] * len(known),
        )
    )


def test_nearest_hands_are_the_same_and_each_is_in_one_pair():
    assert matched(at(0, 300), at(310, 20)) == [(0, 1), (1, 0)]
    assert matched(at(0), at(10, 20)) == [(0, 0)]
    assert matched(at(), at(10)) == matched(at(0), at()) == []


def test_a_hand_too_far_away_is_another_unless_it_was_lost_for_a_while():
    assert matched(at(0), at(200)) == []
    assert matched(at(0), at(200), slack=1.0) == [(0, 0)]


def test_a_hand_of_another_size_is_another():
    assert matched(at(0), at(0, size=2.0)) == []
    # One that was lost for a while may be a fist that has opened.
    assert (
        matched(at(0), at(0, size=2.0), slack=0.4) == [(0, 0)]
        and matched(at(0), at(0, size=3.0), slack=2.0) == []
    )


def test_a_hand_that_is_surely_of_the_other_side_is_another():
    found = at(-40, 45)
    assert matched(at(0), found, known_odds=[4.0], found_odds=[-4.0, 4.0]) == [(0, 1)]
    assert matched(at(0), found[:1], known_odds=[4.0], found_odds=[-4.0]) == []
    assert matched(at(0), found[:1], known_odds=[4.0], found_odds=[-2.0]) == [(0, 0)]


def test_of_two_lost_hands_as_near_the_one_whose_side_it_seems_to_be_matches():
    known = at(-30, 30)
    assert matched(known, at(0), known_odds=[-6.0, 6.0], found_odds=[2.0]) == [(1, 0)]
    assert matched(known, at(0), known_odds=[-6.0, 6.0], found_odds=[-2.0]) == [(0, 0)]


def test_hands_on_each_other_are_told_and_none_is_on_itself():
    joints = at(0, 5, 200)
    assert in_one_place(joints).tolist() == [[False, True, False], [True, False, False], [False] * 3]


def test_two_readings_of_a_fist_are_one_hand_by_their_boxes():
    one = at(0)[0]
    other = one * (-1, 1) + (one[:, 0].min() + one[:, 0].max(), 0)
    assert np.linalg.norm(one - other, axis=1).mean() > 0.4 * np.ptp(one, axis=0).max()
    assert in_one_place(np.stack([one, other])).tolist() == [[False, True], [True, False]]
    assert not in_one_place(np.stack([one, other + np.array([40.0, 0.0])])).any()
    assert in_one_place(np.zeros((0, 21, 2))).shape == (0, 0)
