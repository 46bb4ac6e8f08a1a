"""The palm network's anchors, decoding, suppression and squares, without the network."""

import numpy as np
import pytest

from knuckle.geometry.crop import apply_affine
from knuckle.inference.detection import mediapipe as palm
from knuckle.inference.detection import mediapipe as palm_anchors
from knuckle.inference.detection.detection import Detection
from knuckle.inference.detection.mediapipe import (
    KEYPOINTS,
    FoundHand,
    Landmarks,
    Palms,
    TurnedSquare,
    anchor_centres,
    box_iou,
    decode,
    joints_to_square,
    needs_second_look,
    palm_to_square,
    suppress,
)


def test_anchors_cover_the_two_grids():
    centres = anchor_centres()
    assert centres.shape == (2016, 2)
    np.testing.assert_allclose(centres[:3], [[0.5 / 24, 0.5 / 24]] * 2 + [[1.5 / 24, 0.5 / 24]])
    fine, coarse = centres[: 24 * 24 * 2], centres[24 * 24 * 2 :]
    for part, cells, each in ((fine, 24, 2), (coarse, 12, 6)):
        places, counts = np.unique(np.round(part * cells - 0.5, 6), axis=0, return_counts=True)
        assert len(places) == cells**2
        assert (counts == each).all()


def test_decode_adds_the_anchor_and_keeps_good_scores():
    regression = np.zeros((2016, 18), np.float32)
    logits = np.full(2016, -5.0, np.float32)
    logits[[7, 2000]] = [2.0, 200.0]
    regression[7] = [19.2, -9.6, 38.4, 57.6, *[96.0, 48.0] * KEYPOINTS]
    palms = decode(regression, logits, threshold=0.5)
    np.testing.assert_allclose(palms.scores, [1 / (1 + np.exp(-2.0)), 1.0], rtol=1e-6)
    x, y = anchor_centres()[7]
    np.testing.assert_allclose(palms.boxes[0], [x + 0.1, y - 0.05, 0.2, 0.3], atol=1e-7)
    np.testing.assert_allclose(palms.points[0], [[x + 0.5, y + 0.25]] * KEYPOINTS, atol=1e-7)


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


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (100, 193), (600, 400)])
def test_letterbox_of_any_size(size):
    square = palm._letterbox(np.full((*size, 3), 255, np.uint8))
    assert square.shape == (192, 192, 3)
    bright = square[..., 0] > 0
    scale = 192 / max(size)
    assert bright.any(axis=1).sum() == max(1, round(size[0] * scale))
    assert bright.any(axis=0).sum() == max(1, round(size[1] * scale))


def answer(presence: float = 0.95, right: float = 0.98) -> Landmarks:
    return Landmarks(np.zeros((21, 3)), np.zeros((21, 3)), presence, right)


SQUARE = TurnedSquare((100.0, 80.0), 60.0, 3.1)


@pytest.mark.parametrize(
    ("suggested", "said", "again"),
    [
        (SQUARE, answer(), False),
        # Angles 3.1 and -3.1 are a small turn apart.
        (TurnedSquare((100.0, 80.0), 60.0, -3.1), answer(), False),
        (TurnedSquare((100.0, 80.0), 60.0, 2.8), answer(), True),
        (TurnedSquare((108.0, 80.0), 60.0, 3.1), answer(), False),
        (TurnedSquare((106.0, 88.0), 60.0, 3.1), answer(), True),
        (TurnedSquare((100.0, 80.0), 70.0, 3.1), answer(), False),
        (TurnedSquare((100.0, 80.0), 74.0, 3.1), answer(), True),
        (TurnedSquare((100.0, 80.0), 49.0, 3.1), answer(), True),
        (SQUARE, answer(presence=0.7), True),
        (SQUARE, answer(right=0.02), False),
        (SQUARE, answer(right=0.3), True),
        (SQUARE, answer(right=0.7), True),
    ],
)
def test_a_second_look_only_where_the_first_was_wrong_or_unsure(suggested, said, again):
    assert needs_second_look(SQUARE, suggested, said) is again


def test_the_same_hand_found_twice_counts_once():
    rng = np.random.default_rng(0)
    joints = rng.uniform(0, 100, (21, 2))
    far = joints + np.array([300, 0])
    box = np.array([0.0, 0, 100, 100])
    nothing = Landmarks(np.zeros((21, 3)), np.zeros((21, 3)), 1.0, 1.0)
    found = [
        FoundHand(Detection(box, "right", 0.7), joints, nothing),
        FoundHand(Detection(box, "left", 0.9), joints + 3, nothing),
        FoundHand(Detection(box + np.array([300, 0, 0, 0]), "right", 0.8), far, nothing),
    ]
    assert [hand.detection.score for hand in palm._without_repeats(found)] == [0.9, 0.8]
