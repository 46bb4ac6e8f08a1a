"""Answers of a two-hand and a one-hand system merged."""

import numpy as np
import pytest

from knuckle.camera import Camera
from knuckle.inference.merge import REACH, SHARE, PairJoints, merge_pairs, overlap
from knuckle.rig.rig import load_rig
from knuckle.skeleton import WRIST

CAMERA = Camera(600.0, 620.0, 320.0, 240.0, 640, 480)
SIZE = np.array([100.0, 120])
FLIP = np.array([-1.0, 1, 1])
SEEN = np.ones((3, 2), bool)
ANY = 1e-6
"""As `covered`: the full share from the least overlap on."""


def joints_of(seed: int, *, about: np.ndarray | None = None) -> PairJoints:
    """Three pairs of open hands half a metre away; or the hands given, each joint a little elsewhere."""
    rng = np.random.default_rng(seed)
    if about is None:
        rest = load_rig("open").joints_rest_m
        about = np.stack([rest, rest * FLIP]) + rng.normal((0, 0, 0.5), 0.01, (3, 2, 1, 3))
    else:
        about = about + rng.normal(0, 0.004, about.shape)
    return PairJoints(CAMERA.project(about), about)


@pytest.fixture
def two() -> PairJoints:
    return joints_of(0)


@pytest.fixture
def boxes(two: PairJoints) -> np.ndarray:
    return boxes_round(two)


@pytest.fixture
def one(two: PairJoints) -> PairJoints:
    """The same hands seen a little elsewhere, and 10 cm farther away."""
    near = joints_of(1, about=two.m)
    depth = near.m[..., 2] + 0.1
    return PairJoints(near.px, CAMERA.backproject(near.px, depth))


def boxes_round(joints: PairJoints) -> np.ndarray:
    """Boxes of one size in the middle of the joints."""
    middle = (joints.px.min(2) + joints.px.max(2)) / 2
    return np.concatenate([middle - SIZE / 2, np.broadcast_to(SIZE, middle.shape)], axis=-1)


def behind(joints: PairJoints) -> np.ndarray:
    return joints.m[..., 2] - joints.m[..., :1, 2]


def test_two_equal_answers_are_the_answer(two, boxes):
    merged = merge_pairs(two, two, boxes, CAMERA, SEEN, covered=ANY)
    np.testing.assert_allclose(merged.joints.px, two.px, atol=1e-9)
    np.testing.assert_allclose(merged.joints.m, two.m, atol=1e-12)
    np.testing.assert_array_equal(merged.share, SHARE)


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_places_and_depths_behind_the_wrist_are_shared(two, one, share, boxes):
    joints = merge_pairs(two, one, boxes, CAMERA, SEEN, share=share, covered=ANY).joints
    np.testing.assert_allclose(joints.px, share * two.px + (1 - share) * one.px, atol=1e-9)
    np.testing.assert_allclose(behind(joints), share * behind(two) + (1 - share) * behind(one), atol=1e-12)
    np.testing.assert_allclose(CAMERA.project(joints.m), joints.px, atol=1e-9)


@pytest.mark.parametrize("share", [0, 0.5])
def test_the_wrists_are_as_far_as_the_two_hand_system_says(two, one, share, boxes):
    joints = merge_pairs(two, one, boxes, CAMERA, SEEN, share=share).joints
    np.testing.assert_array_equal(joints.m[..., 0, 2], two.m[..., 0, 2])


def test_a_hand_seen_elsewhere_is_the_two_hand_systems(two, one, boxes):
    px = one.px.copy()
    px[1, 0] += [0, 130]
    merged = merge_pairs(two, one._replace(px=px), boxes, CAMERA, SEEN)
    alone = np.zeros((3, 2), bool)
    alone[1, 0] = True
    np.testing.assert_array_equal(merged.share == 1, alone)
    np.testing.assert_allclose(merged.joints.m[1, 0], two.m[1, 0], atol=1e-12)
    everywhere = merge_pairs(two, one, boxes, CAMERA, SEEN)
    np.testing.assert_array_equal(merged.joints.m[~alone], everywhere.joints.m[~alone])


def test_a_hand_drawn_away_from_its_box_is_the_one_hand_systems(two, one, boxes):
    """Right and left of the first pair exchanged by the two-hand system: the boxes tell."""
    exchanged = PairJoints(two.px.copy(), two.m.copy())
    exchanged.px[0], exchanged.m[0] = two.px[0, ::-1] + [0, 90], two.m[0, ::-1]
    merged = merge_pairs(exchanged, one, boxes, CAMERA, SEEN, covered=ANY)
    np.testing.assert_array_equal(merged.share, [[0, 0], [SHARE, SHARE], [SHARE, SHARE]])
    np.testing.assert_allclose(merged.joints.px[0], one.px[0], atol=1e-9)
    np.testing.assert_allclose(behind(merged.joints)[0], behind(one)[0], atol=1e-12)
    np.testing.assert_array_equal(merged.joints.m[0, :, 0, 2], exchanged.m[0, :, 0, 2])
    assert (merge_pairs(exchanged, one, boxes, CAMERA, SEEN, away=2.0).share[0] == 1).all()


def test_hands_whose_boxes_do_not_meet_are_the_one_hand_systems_but_for_how_far_they_are(two, one, boxes):
    boxes[0, 1, 0] = boxes[0, 0, 0] + SIZE[0] + 1
    boxes[1:, 1] = boxes[1:, 0]
    merged = merge_pairs(two, one, boxes, CAMERA, SEEN, away=np.inf)
    np.testing.assert_array_equal(merged.share, [[0, 0], [SHARE, SHARE], [SHARE, SHARE]])
    np.testing.assert_allclose(merged.joints.px[0], one.px[0])
    np.testing.assert_allclose(merged.joints.m[0, :, WRIST, 2], two.m[0, :, WRIST, 2])
    np.testing.assert_allclose(behind(merged.joints)[0], behind(one)[0])


def test_a_hand_not_seen_is_the_one_hand_systems_within_reach_of_the_other_systems_depth(two, one, boxes):
    seen = np.array([[True, False], [True, True], [False, True]])
    far = one._replace(m=one.m * np.where(seen, 1, 4)[..., None, None])
    merged = merge_pairs(two, far, boxes, CAMERA, seen)
    np.testing.assert_array_equal(merged.share == 0, ~seen)
    np.testing.assert_allclose(merged.joints.px[~seen], far.px[~seen])
    np.testing.assert_allclose(merged.joints.m[~seen][:, WRIST, 2], REACH * two.m[~seen][:, WRIST, 2])
    near = merge_pairs(two, one, boxes, CAMERA, seen, reach=1.35)
    np.testing.assert_allclose(near.joints.m[~seen][..., 2], one.m[~seen][..., 2])


def test_how_far_apart_is_a_share_of_the_box(two, boxes):
    moved = two._replace(px=two.px + np.array([30, 0]))

    def shares(boxes: np.ndarray, apart: float) -> np.ndarray:
        return merge_pairs(two, moved, boxes, CAMERA, SEEN, apart=apart, covered=ANY).share

    assert (shares(boxes, 0.26) == SHARE).all()
    assert (shares(boxes, 0.24) == 1).all()
    assert (shares(boxes * [1, 1, 1.3, 1] - [15, 0, 0, 0], 0.24) == SHARE).all()


def test_the_share_grows_with_how_much_of_a_hand_the_other_box_covers(two, one, boxes):
    covers = [0.1, 0.4, 0.8]
    boxes[:, 1] = boxes[:, 0] + [[(1 - cover) * SIZE[0], 0, 0, 0] for cover in covers]
    np.testing.assert_allclose(overlap(boxes), covers)
    shares = merge_pairs(two, one, boxes, CAMERA, SEEN, share=0.6, covered=0.5, away=np.inf).share
    np.testing.assert_allclose(shares, np.tile([[0.12], [0.48], [0.6]], 2))


def test_the_overlap_is_the_smaller_boxs(boxes):
    boxes[:, 0], boxes[:, 1] = [0, 0, 100, 100], [50, 80, 20, 40]
    np.testing.assert_allclose(overlap(boxes), 0.5)
    np.testing.assert_allclose(overlap(boxes[:, ::-1]), 0.5)
    boxes[:, 1] = [[100, 0, 50, 50], [0, -50, 50, 50], [20, 20, 10, 10]]
    np.testing.assert_array_equal(overlap(boxes), [0, 0, 1])


def test_mirrored_answers_give_the_mirrored_hands(two, one, boxes):
    def mirrored(joints: PairJoints) -> PairJoints:
        return PairJoints((joints.px * [-1, 1] + [CAMERA.width - 1, 0])[:, ::-1], (joints.m * FLIP)[:, ::-1])

    merged = merge_pairs(two, one, boxes, CAMERA, SEEN).joints
    other = merge_pairs(
        mirrored(two), mirrored(one), boxes_round(mirrored(two)), CAMERA.mirrored(), SEEN
    ).joints
    np.testing.assert_allclose(mirrored(other).px, merged.px, atol=1e-9)
    np.testing.assert_allclose(mirrored(other).m, merged.m, atol=1e-12)
