"""Answers of a two-hand and a one-hand system merged."""

from dataclasses import replace

import numpy as np
import pytest

from knuckle.geometry.camera import Camera
from knuckle.inference.merge import REACH, SIGNALS, MergeOdds, merge_pairs, overlap
from knuckle.inference.pairing import PairEstimate
from knuckle.inference.trust import CLASSES, Odds, merge_odds
from knuckle.rig.load import load_rig
from knuckle.skeleton import WRIST

CAMERA = Camera(600.0, 620.0, 320.0, 240.0, 640, 480)
SIZE = np.array([100.0, 120])
FLIP = np.array([-1.0, 1, 1])
SEEN = np.ones((3, 2), bool)
LEARNT = MergeOdds(*merge_odds("dfl-lite+dahyf-lite", SIGNALS))


def odds_of(share: float, **slopes: float) -> MergeOdds:
    """The same share of the two-hand system in every joint; slopes: by signal."""
    numbers = np.array([slopes.get(name.replace(": ", "_"), 0.0) for name in SIGNALS])
    same = Odds(numbers, np.full(len(CLASSES), np.log(share / (1 - share))))
    return MergeOdds(same, same)


HALF = odds_of(0.5)


def joints_of(seed: int, *, about: np.ndarray | None = None) -> PairEstimate:
    """Three pairs of open hands half a metre away; or the hands given, each joint a little elsewhere."""
    rng = np.random.default_rng(seed)
    if about is None:
        rest = load_rig("open").joints_rest_m
        about = np.stack([rest, rest * FLIP]) + rng.normal((0, 0, 0.5), 0.01, (3, 2, 1, 3))
    else:
        about = about + rng.normal(0, 0.004, about.shape)
    return PairEstimate(CAMERA.project(about), about, np.full((3, 2), 0.9))


@pytest.fixture
def two() -> PairEstimate:
    return joints_of(0)


@pytest.fixture
def boxes(two: PairEstimate) -> np.ndarray:
    return boxes_round(two)


@pytest.fixture
def one(two: PairEstimate) -> PairEstimate:
    """The same hands seen a little elsewhere, and 10 cm farther away."""
    near = joints_of(1, about=two.joints_m)
    depth = near.joints_m[..., 2] + 0.1
    return replace(near, joints_m=CAMERA.backproject(near.joints_px, depth))


def boxes_round(joints: PairEstimate) -> np.ndarray:
    """Boxes of one size in the middle of the joints."""
    middle = (joints.joints_px.min(2) + joints.joints_px.max(2)) / 2
    return np.concatenate([middle - SIZE / 2, np.broadcast_to(SIZE, middle.shape)], axis=-1)


def behind(joints: PairEstimate) -> np.ndarray:
    return joints.joints_m[..., 2] - joints.joints_m[..., :1, 2]


def test_two_equal_answers_are_the_answer(two, boxes):
    merged = merge_pairs(two, two, boxes, CAMERA, SEEN, odds=odds_of(0.7))
    np.testing.assert_allclose(merged.pairs.joints_px, two.joints_px, atol=1e-9)
    np.testing.assert_allclose(merged.pairs.joints_m, two.joints_m, atol=1e-12)
    np.testing.assert_allclose(merged.share, 0.7)


def test_places_and_depths_behind_the_wrist_are_shared(two, one, boxes):
    merged = merge_pairs(two, one, boxes, CAMERA, SEEN, odds=HALF)
    joints = merged.pairs
    np.testing.assert_array_equal(merged.share, 0.5)
    np.testing.assert_allclose(joints.joints_px, (two.joints_px + one.joints_px) / 2, atol=1e-9)
    np.testing.assert_allclose(behind(joints), (behind(two) + behind(one)) / 2, atol=1e-12)
    np.testing.assert_allclose(CAMERA.project(joints.joints_m), joints.joints_px, atol=1e-9)


def test_joints_of_a_class_have_their_own_share_in_the_picture_and_in_depth(two, one, boxes):
    tips = np.where(np.array(CLASSES) == "T", 30.0, -30.0)
    nothing = np.zeros(len(SIGNALS))
    odds = MergeOdds(Odds(nothing, tips), Odds(nothing, -tips))
    joints, is_tip = merge_pairs(two, one, boxes, CAMERA, SEEN, odds=odds).pairs, np.arange(21) % 4 == 0
    is_tip[0] = False
    np.testing.assert_allclose(
        joints.joints_px, np.where(is_tip[:, None], two.joints_px, one.joints_px), atol=1e-9
    )
    np.testing.assert_allclose(behind(joints), np.where(is_tip, behind(one), behind(two)), atol=1e-12)


@pytest.mark.parametrize("odds", [odds_of(0.1), LEARNT], ids=["a tenth", "learnt"])
def test_the_wrists_are_as_far_as_the_two_hand_system_says(two, one, odds, boxes):
    joints = merge_pairs(two, one, boxes, CAMERA, SEEN, odds=odds).pairs
    np.testing.assert_array_equal(joints.joints_m[..., 0, 2], two.joints_m[..., 0, 2])


def test_a_hand_drawn_away_from_its_box_is_the_other_systems(two, one, boxes):
    """Right and left of the first pair exchanged by one system: the boxes tell."""
    for elsewhere, other, wanted in (("two", one, 0), ("one", two, 1)):
        own = two if elsewhere == "two" else one
        exchanged = replace(own, joints_px=own.joints_px.copy())
        exchanged.joints_px[0] = exchanged.joints_px[0, ::-1] + [0, 150]
        answers = (exchanged, other) if elsewhere == "two" else (other, exchanged)
        merged = merge_pairs(*answers, boxes, CAMERA, SEEN, odds=LEARNT)
        assert (np.abs(merged.share[0] - wanted) < 0.1).all()
        off = np.linalg.norm(merged.pairs.joints_px[0] - other.joints_px[0], axis=-1)
        assert off.mean() < 0.1 * np.linalg.norm(exchanged.joints_px[0] - other.joints_px[0], axis=-1).mean()
        assert ((merged.share[1:] > 0.1) & (merged.share[1:] < 0.9)).all()


def test_hands_whose_boxes_do_not_meet_are_the_one_hand_systems_but_for_how_far_they_are(two, one, boxes):
    boxes[0, 1, 0] = boxes[0, 0, 0] + SIZE[0] + 1
    boxes[1:, 1] = boxes[1:, 0]
    merged = merge_pairs(two, one, boxes, CAMERA, SEEN, odds=HALF)
    np.testing.assert_array_equal(merged.share, [[0, 0], [0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(merged.pairs.joints_px[0], one.joints_px[0])
    np.testing.assert_allclose(merged.pairs.joints_m[0, :, WRIST, 2], two.joints_m[0, :, WRIST, 2])
    np.testing.assert_allclose(behind(merged.pairs)[0], behind(one)[0])


def test_a_hand_not_seen_is_the_one_hand_systems_within_reach_of_the_other_systems_depth(two, one, boxes):
    seen = np.array([[True, False], [True, True], [False, True]])
    far = replace(one, joints_m=one.joints_m * np.where(seen, 1, 4)[..., None, None])
    merged = merge_pairs(two, far, boxes, CAMERA, seen, odds=HALF)
    np.testing.assert_array_equal(merged.share == 0, ~seen)
    np.testing.assert_allclose(merged.pairs.joints_px[~seen], far.joints_px[~seen])
    np.testing.assert_allclose(
        merged.pairs.joints_m[~seen][:, WRIST, 2], REACH * two.joints_m[~seen][:, WRIST, 2]
    )
    near = merge_pairs(two, one, boxes, CAMERA, seen, odds=HALF, reach=1.35)
    np.testing.assert_allclose(near.pairs.joints_m[~seen][..., 2], one.joints_m[~seen][..., 2])


def test_the_two_hand_systems_share_grows_with_how_much_of_a_hand_the_other_box_covers(two, one, boxes):
    covers = [0.1, 0.4, 0.8]
    boxes[:, 1] = boxes[:, 0] + [[(1 - cover) * SIZE[0], 0, 0, 0] for cover in covers]
    np.testing.assert_allclose(overlap(boxes), covers)
    growing = merge_pairs(two, two, boxes, CAMERA, SEEN, odds=odds_of(0.5, cover=2.0)).share
    np.testing.assert_allclose(growing[:, 0], [1 / (1 + np.exp(-2 * cover)) for cover in covers])
    assert (np.diff(merge_pairs(two, two, boxes, CAMERA, SEEN, odds=LEARNT).share[:, 0]) > 0).all()


def test_the_overlap_is_the_smaller_boxs(boxes):
    boxes[:, 0], boxes[:, 1] = [0, 0, 100, 100], [50, 80, 20, 40]
    np.testing.assert_allclose(overlap(boxes), 0.5)
    np.testing.assert_allclose(overlap(boxes[:, ::-1]), 0.5)
    boxes[:, 1] = [[100, 0, 50, 50], [0, -50, 50, 50], [20, 20, 10, 10]]
    np.testing.assert_array_equal(overlap(boxes), [0, 0, 1])


def test_mirrored_answers_give_the_mirrored_hands(two, one, boxes):
    def mirrored(joints: PairEstimate) -> PairEstimate:
        return joints.joints_mirrored(np.ones(3, bool), CAMERA.width)

    merged = merge_pairs(two, one, boxes, CAMERA, SEEN, odds=LEARNT).pairs
    other = merge_pairs(
        mirrored(two), mirrored(one), boxes_round(mirrored(two)), CAMERA.mirrored(), SEEN, odds=LEARNT
    ).pairs
    np.testing.assert_allclose(mirrored(other).joints_px, merged.joints_px, atol=1e-9)
    np.testing.assert_allclose(mirrored(other).joints_m, merged.joints_m, atol=1e-12)
