"""Which boxes are seen together."""

import numpy as np
import pytest

from knuckle.inference.pairing import LARGEST_RATIO, MARGIN, pair_boxes, seen_mirrored, union_box

OTHER = {"left": "right", "right": "left"}


def pairs_of(*hands: tuple[str, tuple[float, float, float, float]]):
    sides, boxes = zip(*hands, strict=True)
    return pair_boxes(np.array(boxes, dtype=float), sides)


def test_overlapping_left_and_right_are_a_pair():
    found = pairs_of(("left", (100, 100, 80, 90)), ("right", (150, 120, 90, 80)))
    assert found.pairs == ((1, 0),) and found.lone == ()


def test_hands_apart_are_lone():
    found = pairs_of(("left", (100, 100, 80, 90)), ("right", (300, 120, 90, 80)))
    assert found.pairs == () and found.lone == (0, 1)


@pytest.mark.parametrize(("gap", "paired"), [(-1, True), (99, True), (101, False)])
def test_hands_within_a_hand_of_each_other_count(gap, paired):
    """Each box of 100 px grows by 50 px on every side."""
    assert MARGIN == 0.5
    found = pairs_of(("left", (0, 0, 100, 60)), ("right", (100 + gap, 0, 100, 60)))
    assert bool(found.pairs) == paired


def test_boxes_that_meet_in_one_direction_only_are_lone():
    assert not pairs_of(("left", (0, 0, 50, 50)), ("right", (20, 200, 50, 50))).pairs


def test_two_right_hands_stay_lone_however_they_overlap():
    found = pairs_of(("right", (100, 100, 80, 90)), ("right", (100, 100, 80, 90)))
    assert found.pairs == () and found.lone == (0, 1)


def test_of_three_hands_those_that_overlap_most_are_the_pair():
    left, near, far = (
        ("left", (100, 100, 80, 80)),
        ("right", (120, 100, 80, 80)),
        ("right", (160, 100, 80, 80)),
    )
    assert pairs_of(near, left, far) == (((0, 1),), (2,))
    assert pairs_of(far, left, near) == (((2, 1),), (0,))


def test_two_people_make_two_pairs():
    found = pairs_of(
        ("right", (100, 100, 80, 80)),
        ("right", (400, 100, 80, 80)),
        ("left", (430, 110, 80, 80)),
        ("left", (150, 100, 80, 80)),
    )
    assert found.pairs == ((0, 3), (1, 2)) and found.lone == ()


def test_the_most_overlapping_go_first_and_each_box_once():
    """The best partner of both left hands is the same right one."""
    found = pairs_of(
        ("left", (100, 100, 80, 80)), ("right", (110, 100, 80, 80)), ("left", (150, 100, 80, 80))
    )
    assert found.pairs == ((1, 0),) and found.lone == (2,)


def test_left_and_right_of_different_people_at_one_distance_are_a_pair():
    """Four hands of two people that shake hands: the two that meet."""
    found = pairs_of(
        ("right", (200, 100, 80, 80)),
        ("left", (20, 100, 80, 80)),
        ("left", (240, 110, 80, 80)),
        ("right", (600, 100, 80, 80)),
    )
    assert found.pairs == ((0, 2),) and found.lone == (1, 3)


def test_hands_at_very_different_distances_are_lone():
    for factor, paired in ((0.95, True), (1.05, False)):
        small = 90 / (LARGEST_RATIO * factor)
        found = pairs_of(("left", (100, 100, 90, 80)), ("right", (120, 120, small, small)))
        assert bool(found.pairs) == paired


def test_one_inside_the_other_overlaps_most():
    found = pairs_of(
        ("right", (100, 100, 100, 100)), ("left", (180, 100, 100, 100)), ("left", (120, 120, 50, 50))
    )
    assert found.pairs == ((0, 2),) and found.lone == (1,)


def test_ties_go_by_the_order_of_the_boxes():
    left, right = ("left", (100, 100, 80, 80)), ("right", (140, 100, 80, 80))
    assert pairs_of(left, right, right).pairs == ((1, 0),)
    assert pairs_of(left, left, right).pairs == ((2, 0),)


def test_no_boxes_and_one():
    assert pair_boxes(np.zeros((0, 4)), []) == ((), ())
    assert pairs_of(("left", (0, 0, 10, 10))) == ((), (0,))


def random_hands(rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    count = int(rng.integers(2, 8))
    boxes = np.concatenate([rng.uniform(0, 300, (count, 2)), rng.uniform(30, 150, (count, 2))], axis=1)
    return boxes, [("left", "right")[i] for i in rng.integers(0, 2, count)]


@pytest.mark.parametrize("seed", range(20))
def test_every_box_is_used_once_and_the_mirrored_picture_pairs_alike(seed):
    boxes, sides = random_hands(np.random.default_rng(seed))
    found = pair_boxes(boxes, sides)
    used = [index for pair in found.pairs for index in pair] + list(found.lone)
    assert sorted(used) == list(range(len(boxes)))
    assert all(sides[right] == "right" and sides[left] == "left" for right, left in found.pairs)
    mirrored = boxes.copy()
    mirrored[:, 0] = 500 - boxes[:, 0] - boxes[:, 2]
    again = pair_boxes(mirrored, [OTHER[side] for side in sides])
    assert {frozenset(pair) for pair in again.pairs} == {frozenset(pair) for pair in found.pairs}
    assert again.lone == found.lone


def test_union_goes_round_all():
    np.testing.assert_allclose(union_box(np.array([[10.0, 20, 30, 40], [5, 50, 10, 30]])), [5, 20, 35, 60])


@pytest.mark.parametrize("seed", range(20))
def test_a_pair_or_its_mirror_image_is_shown_mirrored_never_both(seed):
    rng = np.random.default_rng(seed)
    right, left = np.concatenate([rng.integers(0, 4, (2, 2)) * 25, rng.integers(1, 3, (2, 2)) * 40], 1) + 0.0
    same = right[1] + right[3] / 2 == left[1] + left[3] / 2 and (right[2:] == left[2:]).all()
    # In the mirrored picture the left hand's box is the right hand's.
    assert seen_mirrored(right, left) + seen_mirrored(left, right) == (0 if same else 1)
