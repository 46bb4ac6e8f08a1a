"""The peer beside us: MediaPipe Hands' landmark network (0.10.21, Apache-2.0), given the box of each hand."""

from collections.abc import Iterable

import cv2
import numpy as np

from knuckle.camera import apply_affine, invert_affine
from knuckle.datasets.labelled import LabelledHand
from knuckle.evaluation.data import Predictions, Truth
from knuckle.inference import mediapipe_files
from knuckle.inference.landmarks import LANDMARK_PX, TurnedSquare, joints_to_square
from landmark_peer import mediapipe_landmarks

REPORTED = {"PA-MPJPE": 11.2, "2D error": 3.6}
"""Its figures on the hand-graph photographs with its own detector, measured with the mediapipe package
itself.
"""

FIRST_EXPAND = 1.6


def installed() -> bool:
    """Whether its network files are in the cache (`knuckle estimate PHOTO` fetches them at first use)."""
    return mediapipe_files.installed("hand_landmark_full") and mediapipe_files.installed(
        "palm_detection_full"
    )


def predict(hands: Iterable[LabelledHand]) -> tuple[Truth, Predictions]:
    """Its joints for each hand, and the truth beside them (photographs not mirrored: it knows both sides).

    It sees an upright square round the box first, and then, as when it tracks, the square its own joints
    suggest. Its metric joints lie round the hand's own centre: only aligned 3D errors mean something.
    """
    rows = [(*_look_twice(hand), hand) for hand in hands]
    uv, world, labels = zip(*rows, strict=True)
    truth = Truth(
        joints_px=np.stack([_points(hand.joints_px) for hand in labels]),
        joints_m=np.stack([_points(hand.joints_m) for hand in labels]),
        camera=np.stack([hand.camera.vector for hand in labels]),
        names=tuple(hand.name for hand in labels),
    )
    return truth, Predictions(np.stack(uv), np.stack(world))


def _look_twice(hand: LabelledHand) -> tuple[np.ndarray, np.ndarray]:
    photo = hand.read()
    x, y, w, h = (float(v) for v in hand.box_px)
    square = TurnedSquare((x + w / 2, y + h / 2), FIRST_EXPAND * max(w, h), 0.0)
    joints, _ = _look(photo, square)
    return _look(photo, joints_to_square(joints))


def _look(photo: np.ndarray, square: TurnedSquare) -> tuple[np.ndarray, np.ndarray]:
    matrix = square.patch_from_frame(LANDMARK_PX)
    patch = cv2.warpAffine(photo, matrix, (LANDMARK_PX, LANDMARK_PX), borderMode=cv2.BORDER_REPLICATE)
    found = mediapipe_landmarks(patch)
    return apply_affine(invert_affine(matrix), found.joints_px), found.joints_m


def _points(values: np.ndarray | None) -> np.ndarray:
    if values is None:
        raise ValueError("expected hands with 2D and 3D labels")
    return values
