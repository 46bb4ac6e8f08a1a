"""The palm network's anchors, decoding, suppression and squares, without the network."""

import numpy as np
import pytest

from knuckle.geometry.crop import apply_affine
from knuckle.inference.detection import palm as palm_anchors
from knuckle.inference.detection.landmarks import TurnedSquare, joints_to_square
from knuckle.inference.detection.palm import (
    KEYPOINTS,
    Palms,
    anchor_centres,
    box_iou,
    decode,
    palm_to_square,
    suppress,
)


def test_anchors_cover_the_two_grids():
    centres = anchor_centres(64, 96)
    assert centres.shape == (8 * 12 * 2 + 4 * 6 * 6, 2)
    np.testing.assert_allclose(centres[:3], [[4, 4]] * 2 + [[12, 4]])
    fine, coarse = centres[: 8 * 12 * 2], centres[8 * 12 * 2 :]
    for part, stride, each in ((fine, 8, 2), (coarse, 16, 6)):
        places, counts = np.unique(part / stride - 0.5, axis=0, return_counts=True)
        assert len(places) == 64 * 96 / stride**2
        assert (counts == each).all()


def test_decode_adds_the_anchor_and_keeps_good_scores():
    regression = np.zeros((2016, 18), np.float32)
    logits = np.full(2016, -5.0, np.float32)
    logits[[7, 2000]] = [2.0, 200.0]
    regression[7] = [19.2, -9.6, 38.4, 57.6, *[96.0, 48.0] * KEYPOINTS]
    palms = decode(regression, logits, (192, 192), threshold=0.5)
    np.testing.assert_allclose(palms.scores, [1 / (1 + np.exp(-2.0)), 1.0], rtol=1e-6)
    x, y = anchor_centres(192, 192)[7]
    np.testing.assert_allclose(palms.boxes[0], [x + 19.2, y - 9.6, 38.4, 57.6], rtol=1e-6)
    np.testing.assert_allclose(palms.points[0], [[x + 96, y + 48]] * KEYPOINTS, rtol=1e-6)


def test_suppression_merges_by_score():
    boxes = np.array([[0.5, 0.5, 0.2, 0.2], [0.52, 0.5, 0.2, 0.2], [0.9, 0.9, 0.1, 0.1]])
    scores = np.array([0.6, 0.9, 0.7])
    points = np.arange(3.0)[:, None, None] * np.ones((1, KEYPOINTS, 2))
    merged = suppress(Palms(boxes, points, scores))
    np.testing.assert_allclose(merged.scores, [0.9, 0.7])
    np.testing.assert_allclose(merged.boxes, [[(0.9 * 0.52 + 0.6 * 0.5) / 1.5, 0.5, 0.2, 0.2], boxes[2]])
    np.testing.assert_allclose(merged.points[0], 0.9 / 1.5)


def test_suppression_ends_on_empty_boxes_and_on_none():
    empty = Palms(np.zeros((3, 4)), np.zeros((3, KEYPOINTS, 2)), np.ones(3))
    assert len(suppress(empty).scores) == 3
    none = suppress(Palms(np.zeros((0, 4)), np.zeros((0, KEYPOINTS, 2)), np.zeros(0)))
    assert none.boxes.shape == (0, 4)


def test_iou_of_known_boxes():
    ious = box_iou(
        np.array([1.0, 1.0, 2.0, 2.0]),
        np.array([[1.0, 1, 2, 2], [2.0, 1, 2, 2], [9.0, 9, 2, 2], [1.0, 1, 1, 1]]),
    )
    np.testing.assert_allclose(ious, [1, 1 / 3, 0, 1 / 4])


def test_square_of_an_upright_palm_reaches_to_the_fingers():
    points = np.zeros((KEYPOINTS, 2))
    points[palm_anchors.WRIST_POINT], points[palm_anchors.MIDDLE_POINT] = [100, 140], [100, 100]
    square = palm_to_square(np.array([100.0, 120.0, 40.0, 50.0]), points)
    assert square.rotation_rad == pytest.approx(0)
    assert square.side_px == pytest.approx(2.6 * 50)
    np.testing.assert_allclose(square.centre_px, (100, 95))


@pytest.mark.parametrize(("tip", "angle"), [((40, 0), np.pi / 2), ((-40, 0), -np.pi / 2), ((0, 40), np.pi)])
def test_square_turns_with_the_hand(tip, angle):
    points = np.zeros((KEYPOINTS, 2))
    points[palm_anchors.MIDDLE_POINT] = tip
    square = palm_to_square(np.array([0.0, 0.0, 40.0, 40.0]), points)
    assert abs(square.rotation_rad) == pytest.approx(abs(angle))
    # In the patch the fingers lie above the wrist.
    wrist, fingers = apply_affine(square.patch_from_frame(224), np.array([[0.0, 0.0], tip]))
    assert fingers[1] < wrist[1] - 20
    assert fingers[0] == pytest.approx(wrist[0])


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0, -2.9])
def test_square_of_joints_turns_with_them(angle):
    rng = np.random.default_rng(4)
    joints = rng.uniform(-30, 30, (21, 2)) + np.array([0, -60])
    joints[0] = 0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    still, turned = joints_to_square(joints), joints_to_square(joints @ turn.T)
    assert turned.side_px == pytest.approx(still.side_px)
    np.testing.assert_allclose(turned.centre_px, turn @ still.centre_px)
    difference = turned.rotation_rad - still.rotation_rad - angle
    assert np.cos(difference) == pytest.approx(1)
    np.testing.assert_allclose(
        apply_affine(turned.patch_from_frame(224), joints @ turn.T),
        apply_affine(still.patch_from_frame(224), joints),
        atol=1e-6,
    )


def test_square_maps_its_centre_and_scale():
    square = TurnedSquare((30.0, 50.0), 100.0, 0.7)
    matrix = square.patch_from_frame(200)
    np.testing.assert_allclose(apply_affine(matrix, np.array([[30.0, 50.0]])), [[99.5, 99.5]])
    assert np.linalg.det(matrix[:, :2]) == pytest.approx(4.0)
