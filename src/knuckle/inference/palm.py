"""Hands found by MediaPipe's two networks: palms in the whole picture, then the 21 joints of each.

The pipeline is that of "MediaPipe Hands" (Zhang et al. 2020) for a single picture: a palm detector, a square
turned so that the fingers point up, and a landmark network that also says whether a hand is there and which.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.inference.detector import Detection
from knuckle.inference.evidence import Evidence
from knuckle.inference.landmarks import LandmarkNetwork, Landmarks, TurnedSquare, joints_to_square
from knuckle.inference.mediapipe_files import fetch
from knuckle.inference.palm_anchors import INPUT_PX, MIDDLE_POINT, WRIST_POINT, decode, suppress
from knuckle.inference.tflite import TfliteModel
from knuckle.skeleton import Side

# From a palm to the square of its hand: so much larger, moved to the fingers by this share of its height.
PALM_EXPAND, PALM_SHIFT = 2.6, 0.5
# Of palms, and of hands at the first look, more are let through than at the second: it decides.
FIRST_THRESHOLD = 0.3
# Two findings whose joints lie this close, relative to the hand's size, are one hand.
SAME_HAND = 0.25


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
        self._landmarks = LandmarkNetwork(threads=threads)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], /) -> list[Detection]:
        return [found.detection for found in self.find(image)]

    def find(self, image: UInt8[np.ndarray, "H W 3"]) -> list[FoundHand]:
        """The hands in a picture with what the networks know of each, best first."""
        found: list[FoundHand] = []
        for palm_square in self._palm_squares(image):
            joints, landmarks = self._landmarks.look(image, palm_square)
            if landmarks.presence < FIRST_THRESHOLD:
                continue
            square = joints_to_square(joints)
            joints, landmarks = self._landmarks.look(image, square)
            if landmarks.presence < self.threshold:
                continue
            low, high = joints.min(axis=0), joints.max(axis=0)
            side: Side = "right" if landmarks.right >= 0.5 else "left"
            box = np.concatenate([low, high - low])
            evidence = Evidence.of_look(box, joints, landmarks, square)
            detection = Detection(box, side, landmarks.presence, square.rotation_rad, evidence)
            found.append(FoundHand(detection, joints, landmarks))
        return _without_repeats(found)

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
