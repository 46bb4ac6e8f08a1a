"""Errors of two hands by group, and where they come from, against numbers worked out by hand."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.breakdown.two_hand_errors import TwoHandJointErrors
from knuckle.evaluation.breakdown.two_hand_groups import box_overlap, hand_groups
from knuckle.evaluation.metrics.two_hands import mpjpe, mrrpe, with_root_depth

LENS = np.array([500.0, 500.0, 80.0, 80.0])
BOTH, RIGHT, LEFT = [True, True], [True, False], [False, True]


def projected(joints_m: np.ndarray) -> np.ndarray:
    return joints_m[..., :2] / joints_m[..., 2:] * LENS[:2] + LENS[2:]


def truth_of(is_hand: list[list[bool]], kinds: tuple[str, ...] = ()) -> TwoHandTruth:
    """Hands spread like hands before the camera; those that are not there are NaN."""
    rng, there = np.random.default_rng(0), np.array(is_hand)
    place = np.array([0, 0, 0.6]) + rng.uniform(-0.1, 0.1, (len(there), 2, 1, 3))
    joints_m = place + rng.uniform(-0.05, 0.05, (len(there), 2, 21, 3))
    joints_m[~there] = np.nan
    names = tuple(str(i) for i in range(len(there)))
    return TwoHandTruth(
        projected(joints_m), joints_m, there, np.tile(LENS, (len(there), 1)), None, names, kinds
    )


def answer(joints_px: np.ndarray, joints_m: np.ndarray) -> TwoHandPredictions:
    return TwoHandPredictions(np.nan_to_num(joints_px), np.nan_to_num(joints_m))


def test_sums_over_all_hands_are_the_protocols():
    truth = truth_of([BOTH, RIGHT, LEFT, BOTH])
    rng = np.random.default_rng(1)
    found = answer(
        truth.joints_px + rng.normal(0, 3, (4, 2, 21, 2)), truth.joints_m + rng.normal(0, 0.02, (4, 2, 21, 3))
    )
    errors = TwoHandJointErrors.of(truth, found).of_hands(truth.is_hand)
    true_m = np.nan_to_num(truth.joints_m)
    scored = with_root_depth(found.joints_px, found.joints_m, truth.camera, true_m[..., 0, 2])
    assert errors.hands == 6
    assert errors.mpjpe_mm == pytest.approx(mpjpe(true_m, scored, truth.is_hand).all_mm)
    assert errors.mrrpe_mm == pytest.approx(mrrpe(true_m, found.joints_m, truth.is_hand))


def test_a_wrong_place_in_the_picture_is_told_from_a_wrong_depth():
    truth = truth_of([BOTH, BOTH])
    moved = truth.joints_px.copy()
    moved[:, :, 1:] += 10
    in_2d = TwoHandJointErrors.of(truth, answer(moved, truth.joints_m)).of_hands(truth.is_hand)
    assert in_2d.true_2d_mm == pytest.approx(0, abs=1e-6) and in_2d.true_depth_mm == in_2d.mpjpe_mm > 5
    deep = truth.joints_m.copy()
    deep[:, :, 1:, 2] += 0.03
    in_depth = TwoHandJointErrors.of(truth, answer(truth.joints_px, deep)).of_hands(truth.is_hand)
    assert in_depth.true_depth_mm == pytest.approx(0, abs=1e-6) and in_depth.box_percent == 0
    assert in_depth.true_2d_mm == in_depth.mpjpe_mm > 20


def test_wrists_are_told_by_axis_and_only_of_whole_pairs():
    truth = truth_of([BOTH, BOTH, LEFT])
    moved = truth.joints_m.copy()
    moved[0, 1] += [0.003, 0, -0.004]
    moved[1] += 0.5
    errors = TwoHandJointErrors.of(truth, answer(truth.joints_px, moved))
    whole = errors.of_hands(truth.is_hand)
    assert whole.between_mm == pytest.approx((1.5, 0, 2)) and whole.mrrpe_mm == pytest.approx(2.5)
    assert np.isnan(errors.of_hands(truth.is_hand & [True, False]).mrrpe_mm)


def test_hands_drawn_on_each_other_are_counted():
    truth = truth_of([BOTH, BOTH, RIGHT])
    swapped = truth.joints_px.copy()
    swapped[0] = swapped[0, ::-1]
    errors = TwoHandJointErrors.of(truth, answer(swapped, truth.joints_m))
    assert errors.of_hands(truth.is_hand).elsewhere_percent == 50
    assert errors.worst(1) == [0]


def test_groups_take_the_hands_they_name():
    truth = truth_of([BOTH, BOTH, RIGHT, LEFT], ("clasp", "palms", "right alone", "left alone"))
    visible = np.ones((4, 2, 21), bool)
    visible[0, 0, :7] = visible[0, 1, :8] = visible[1, 1, :11] = False
    groups = hand_groups(truth, visible)
    found = {name: np.argwhere(chosen).tolist() for name, chosen in groups.items()}
    assert found["all"] == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [3, 1]]
    assert found["alone"] == [[2, 0], [3, 1]] and found["left, alone"] == [[3, 1]]
    assert found["clasp"] == [[0, 0], [0, 1]] and "right alone" not in found
    assert found["up to a third of the joints hidden"] == [[0, 0], [1, 0]]
    assert found["a third to a half hidden"] == [[0, 1]] and found["more than half hidden"] == [[1, 1]]
    assert found["right, pairs"] == [[0, 0], [1, 0]]
    bands = [set(map(tuple, hands)) for name, hands in found.items() if name.startswith("boxes")]
    assert len(bands) == 3 and sum(len(band) for band in bands) == 4


def test_overlap_is_the_share_of_the_smaller_box():
    corners = np.array(
        [[[0, 0], [10, 10]], [[5, 0], [25, 20]], [[0, 0], [10, 10]], [[11, 0], [20, 5]]], float
    )
    px = np.repeat(corners, [20, 1], axis=1).reshape(2, 2, 21, 2)
    assert box_overlap(px) == pytest.approx([0.5, 0])


def test_bad_input_is_refused_in_one_sentence():
    truth = truth_of([BOTH])
    with pytest.raises(KnuckleError, match="visible: expected"):
        hand_groups(truth, np.ones((1, 21), bool))
    truth.joints_m[0, 1, 4] = np.nan
    with pytest.raises(KnuckleError, match=r"joints_m: .* got 1 hands"):
        TwoHandJointErrors.of(truth, answer(truth.joints_px, truth.joints_m))
    truth.joints_px[0, 0, 4] = np.nan
    with pytest.raises(KnuckleError, match="got 1 that"):
        hand_groups(truth, np.ones((1, 2, 21), bool))
