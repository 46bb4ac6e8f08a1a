"""Hands found by MediaPipe's two networks: palms in the whole picture, then the 21 joints of each.

The pipeline is that of "MediaPipe Hands" (Zhang et al. 2020) for a single picture: a palm detector, a square
turned so that the fingers point up, and a landmark network that also says whether a hand is there and which.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.camera import apply_affine, invert_affine
from knuckle.inference.detector import Detection
from knuckle.inference.mediapipe_files import fetch
from knuckle.inference.palm_anchors import INPUT_PX, MIDDLE_POINT, WRIST_POINT, decode, suppress
from knuckle.inference.tflite import TfliteModel
from knuckle.skeleton import Side

LANDMARK_PX = 224
# From a palm to the square of its hand: so much larger, moved to the fingers by this share of its height.
PALM_EXPAND, PALM_SHIFT = 2.6, 0.5
# From the joints but those of the fingertips to the square of the hand, for the second look.
JOINTS_EXPAND, JOINTS_SHIFT = 2.0, 0.1
INNER_JOINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
# Of palms, and of hands at the first look, more are let through than at the second: it decides.
FIRST_THRESHOLD = 0.3
# Two findings whose joints lie this close, relative to the hand's size, are one hand.
SAME_HAND = 0.25


@dataclass(frozen=True)
class TurnedSquare:
    """A square window of a picture, turned clockwise by `rotation_rad`; centre and side in its px."""

    centre_px: tuple[float, float]
    side_px: float
    rotation_rad: float

    def patch_from_frame(self, size: int) -> Float[np.ndarray, "2 3"]:
        """Affine map to a patch of size x size px in which the window stands upright."""
        scale = self.side_px / size
        cos, sin = np.cos(self.rotation_rad) * scale, np.sin(self.rotation_rad) * scale
        linear = np.array([[cos, -sin], [sin, cos]])
        middle = np.full(2, (size - 1) / 2)
        shift = np.asarray(self.centre_px) - linear @ middle
        return invert_affine(np.concatenate([linear, shift[:, None]], axis=1))


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the landmark network says of a patch: joints (21, 3) in patch px (z relative to the wrist),
    `world_m` (21, 3) metres round the hand's centre, presence of a hand 0..1 and the probability that it is a
    right one."""

    joints_patch: Float[np.ndarray, "21 3"]
    world_m: Float[np.ndarray, "21 3"]
    presence: float
    right: float


@dataclass(frozen=True, eq=False)
class FoundHand:
    """A detection, its joints (21, 2) in px of the picture, and the landmark network's answer."""

    detection: Detection
    joints_px: Float[np.ndarray, "21 2"]
    landmarks: Landmarks


class PalmDetector:
    """MediaPipe's networks as a `Detector`.

    The landmark network looks twice: at the square the palm suggests, then at the one its own joints suggest,
    which halves the wrong sides. threshold: least presence of a hand at the second look. Pictures are RGB as
    the camera saw them, not mirrored. Raises KnuckleError when the networks' files or ai-edge-litert are
    missing.
    """

    def __init__(self, *, threshold: float = 0.5, threads: int = 1) -> None:
        self.threshold = threshold
        self._palm = TfliteModel(fetch("palm_detection_full"), threads=threads)
        self._landmark = TfliteModel(fetch("hand_landmark_full"), threads=threads)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], /) -> list[Detection]:
        return [found.detection for found in self.find(image)]

    def find(self, image: UInt8[np.ndarray, "H W 3"]) -> list[FoundHand]:
        """The hands in a picture with what the networks know of each, best first."""
        found: list[FoundHand] = []
        for palm_square in self._palm_squares(image):
            joints, landmarks = self._look(image, palm_square)
            if landmarks.presence < FIRST_THRESHOLD:
                continue
            square = joints_to_square(joints)
            joints, landmarks = self._look(image, square)
            if landmarks.presence < self.threshold:
                continue
            low, high = joints.min(axis=0), joints.max(axis=0)
            side: Side = "right" if landmarks.right >= 0.5 else "left"
            box = np.concatenate([low, high - low])
            detection = Detection(box, side, landmarks.presence, square.rotation_rad)
            found.append(FoundHand(detection, joints, landmarks))
        return _without_repeats(found)

    def _look(self, image: np.ndarray, square: TurnedSquare) -> tuple[np.ndarray, Landmarks]:
        """Joints (21, 2) in px of the picture, and all the landmark network says of a square."""
        matrix = square.patch_from_frame(LANDMARK_PX)
        patch = cv2.warpAffine(image, matrix, (LANDMARK_PX, LANDMARK_PX), borderMode=cv2.BORDER_REPLICATE)
        result = self.landmarks(patch)
        return apply_affine(invert_affine(matrix), result.joints_patch[:, :2]), result

    def landmarks(self, patch: UInt8[np.ndarray, "224 224 3"]) -> Landmarks:
        """Joints of the hand in an upright patch of 224 px."""
        joints, presence, handedness, world = self._landmark(patch[None] / np.float32(255))
        # The score is that of the network's label "Left", which is meant for mirrored (selfie) pictures: a
        # right hand.
        return Landmarks(
            joints.reshape(21, 3).astype(float),
            world.reshape(21, 3).astype(float),
            float(presence.item()),
            float(handedness.item()),
        )

    def _palm_squares(self, image: np.ndarray) -> list[TurnedSquare]:
        height, width = image.shape[:2]
        side = max(height, width)
        regression, logits = self._palm(_letterbox(image)[None] / np.float32(255))
        palms = suppress(decode(regression[0], logits[0, :, 0], threshold=FIRST_THRESHOLD))
        # The square's 0..1 covers the picture's longer side, the shorter one centred, from pixel edges.
        offset = np.array([width - side, height - side]) / 2 - 0.5
        return [
            palm_to_square(box * side + np.array([*offset, 0, 0]), points * side + offset)
            for box, points, _ in zip(*palms, strict=True)
        ]


def palm_to_square(box_px: Float[np.ndarray, "4"], points_px: Float[np.ndarray, "7 2"]) -> TurnedSquare:
    """The square round the whole hand of a palm (centre x, centre y, w, h), upright when the fingers point
    up."""
    dx, dy = points_px[MIDDLE_POINT] - points_px[WRIST_POINT]
    rotation = float(np.arctan2(dx, -dy))
    to_fingers = np.array([np.sin(rotation), -np.cos(rotation)])
    centre = box_px[:2] + PALM_SHIFT * box_px[3] * to_fingers
    return TurnedSquare((float(centre[0]), float(centre[1])), PALM_EXPAND * float(box_px[2:].max()), rotation)


def joints_to_square(joints_px: Float[np.ndarray, "21 2"]) -> TurnedSquare:
    """The square round a hand whose joints are known, upright along wrist to knuckles."""
    knuckles = joints_px[[5, 9, 9, 13]].mean(axis=0)
    dx, dy = knuckles - joints_px[0]
    rotation = float(np.arctan2(dx, -dy))
    cos, sin = np.cos(rotation), np.sin(rotation)
    upright_from_frame = np.array([[cos, sin], [-sin, cos]])
    inner = joints_px[list(INNER_JOINTS)] @ upright_from_frame.T
    low, high = inner.min(axis=0), inner.max(axis=0)
    centre = (low + high) / 2 - [0, JOINTS_SHIFT * (high - low)[1]]
    x, y = upright_from_frame.T @ centre
    return TurnedSquare((float(x), float(y)), JOINTS_EXPAND * float((high - low).max()), rotation)


def _letterbox(image: np.ndarray) -> UInt8[np.ndarray, "192 192 3"]:
    """The whole picture in the palm network's square, black beside it."""
    height, width = image.shape[:2]
    scale = INPUT_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (INPUT_PX - size[0]) // 2, (INPUT_PX - size[1]) // 2
    square = np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _without_repeats(found: list[FoundHand]) -> list[FoundHand]:
    """Best first, without those whose joints lie on a better one's."""
    kept: list[FoundHand] = []
    for hand in sorted(found, key=lambda hand: -hand.detection.score):
        near = SAME_HAND * hand.detection.box_px[2:].max()
        distances = [np.linalg.norm(hand.joints_px - other.joints_px, axis=1).mean() for other in kept]
        if all(distance > near for distance in distances):
            kept.append(hand)
    return kept
