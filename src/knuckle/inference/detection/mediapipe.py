"""Hands found by MediaPipe's two networks: palms in the whole picture, then the 21 joints of each.

The pipeline is that of "MediaPipe Hands" (Zhang et al. 2020) for a single picture: a palm detector, a square turned so
that the fingers point up, and a landmark network that also says whether a hand is there and which. The palm network is
a single-shot detector (Liu et al. 2016) as in BlazeFace (Bazarevsky et al. 2019): 2016 anchors on a 192 px input, one
score, a box and seven points each.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.inference.detection.detection import Detection, Detector
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import (
    LANDMARK_PX,
    LandmarkNetwork,
    Landmarks,
    TurnedSquare,
    joints_to_square,
    landmark_network,
    open_network,
)
from knuckle.skeleton import Side

INPUT_PX = 192
# Cells along a side of each grid (strides 8 and 16), and anchors a cell.
GRIDS = ((24, 2), (12, 6))
KEYPOINTS = 7
WRIST_POINT, MIDDLE_POINT = 0, 2


class Palms(NamedTuple):
    """Palms in a picture whose letterboxed square spans 0..1: boxes (centre, size), seven points, scores."""

    boxes: Float[np.ndarray, "n 4"]
    points: Float[np.ndarray, "n 7 2"]
    scores: Float[np.ndarray, "n"]


@lru_cache(maxsize=1)
def anchor_centres() -> Float[np.ndarray, "2016 2"]:
    """Centres of the anchors, 0..1, in the order of the network's output: grids row by row."""
    centres = []
    for cells, anchors in GRIDS:
        axis = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(axis, axis, indexing="ij")
        centres.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), anchors, axis=0))
    return np.concatenate(centres)


def decode(
    regression: Float[np.ndarray, "2016 18"], logits: Float[np.ndarray, "2016"], *, threshold: float
) -> Palms:
    """Palms of the anchors whose score passes the threshold; offsets are in input px from the anchor's
    centre."""
    kept = logits >= np.log(threshold / (1 - threshold))
    scores = 1 / (1 + np.exp(-logits[kept].astype(float)))
    values = regression[kept].astype(float).reshape(-1, 2 + KEYPOINTS, 2) / INPUT_PX
    centres = anchor_centres()[kept]
    boxes = np.concatenate([values[:, 0] + centres, values[:, 1]], axis=1)
    return Palms(boxes, values[:, 2:] + centres[:, None], scores)


def suppress(palms: Palms, *, iou_threshold: float = 0.3) -> Palms:
    """Merge palms that overlap a better one into it: the mean of boxes and points, weighted by score
    (BlazeFace)."""
    boxes, points, scores = [], [], []
    order = np.argsort(-palms.scores, kind="stable")
    while order.size:
        overlapping = box_iou(palms.boxes[order[0]], palms.boxes[order]) > iou_threshold
        # A box of no area overlaps nothing, itself included.
        overlapping[0] = True
        group = order[overlapping]
        weight = palms.scores[group] / palms.scores[group].sum()
        boxes.append(weight @ palms.boxes[group])
        points.append(np.einsum("n,nkd->kd", weight, palms.points[group]))
        scores.append(palms.scores[group[0]])
        order = order[~overlapping]
    return Palms(np.array(boxes).reshape(-1, 4), np.array(points).reshape(-1, KEYPOINTS, 2), np.array(scores))


def box_iou(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]:
    """Intersection over union of one box with others, each (centre x, centre y, w, h); 0 where both are
    empty."""
    low = np.maximum(box[:2] - box[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = np.minimum(box[:2] + box[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    inner = np.prod(np.clip(high - low, 0, None), axis=1)
    union = np.prod(box[2:]) + np.prod(others[:, 2:], axis=1) - inner
    return inner / np.maximum(union, 1e-12)


__all__ = [
    "LANDMARK_PX",
    "FoundHand",
    "Landmarks",
    "PalmDetector",
    "TurnedSquare",
    "joints_to_square",
    "palm_to_square",
]

# From a palm to the square of its hand: so much larger, moved to the fingers by this share of its height.
PALM_EXPAND, PALM_SHIFT = 2.6, 0.5
# Of palms, and of hands at the first look, more are let through than at the second: it decides.
FIRST_THRESHOLD = 0.3
# Within these the square looked at is as good as the one its joints suggest: turn, centre in shares of the side, ratio
# of the sides. And an answer is sure from this presence on, with the probability of the less likely side below that.
# Chosen on 1,105 photographs (detection's train and val splits), where 1.19 looks a palm find what two find; on the 902
# of its test split, 1.31 looks against 1.94: recall 0.9946 / 0.8566 / 0.9756 of the three sources against 0.9946 /
# 0.8579 / 0.9756, precision 1 / 0.9814 against 1 / 0.9829, sides as often right (benchmarks/accuracy/detector.py).
SAME_TURN_RAD, SAME_CENTRE, SAME_SIDE = np.radians(15), 0.15, 1.2
SURE_PRESENCE, SURE_OTHER_SIDE = 0.8, 0.1
# Two findings whose joints lie this close, relative to the hand's size, are one hand.
SAME_HAND = 0.25


@dataclass(frozen=True, eq=False)
class FoundHand:
    """A detection, its joints (21, 2) in px of the picture, and the landmark network's answer."""

    detection: Detection
    joints_px: Float[np.ndarray, "21 2"]
    landmarks: Landmarks


class PalmDetector:
    """MediaPipe's networks as a `Detector`, which any number of threads may ask at once.

    The landmark network looks at the square the palm suggests and, where that was wrong or its answer is not sure
    (`needs_second_look`), at the one its own joints suggest. threshold: least presence of a hand at the last look.
    Pictures are RGB as the camera saw them, not mirrored. threads: of one run, as `knuckle.inference.onnx_model` has
    it. landmarks: the landmark network where it is open already; it can be asked by itself, too. Raises KnuckleError
    when a network's file is missing or damaged.
    """

    def __init__(
        self, *, threshold: float = 0.5, threads: int | None = None, landmarks: LandmarkNetwork | None = None
    ) -> None:
        self.threshold = threshold
        self.landmarks = landmarks or LandmarkNetwork(threads=threads)
        self._palm = open_network("palm_detection_full", threads=threads)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], /) -> list[Detection]:
        return [found.detection for found in self.find(image)]

    def find(self, image: UInt8[np.ndarray, "H W 3"]) -> list[FoundHand]:
        """The hands in a picture with what the networks know of each, best first."""
        found: list[FoundHand] = []
        for palm_square in self._palm_squares(image):
            looked_at = palm_square
            joints, landmarks = self.landmarks.look(image, looked_at)
            if landmarks.presence < FIRST_THRESHOLD:
                continue
            suggested = joints_to_square(joints)
            if needs_second_look(looked_at, suggested, landmarks):
                looked_at = suggested
                joints, landmarks = self.landmarks.look(image, looked_at)
            if landmarks.presence < self.threshold:
                continue
            low, high = joints.min(axis=0), joints.max(axis=0)
            side: Side = "right" if landmarks.right >= 0.5 else "left"
            box = np.concatenate([low, high - low])
            evidence = Evidence.of_look(box, joints, landmarks, looked_at)
            detection = Detection(box, side, landmarks.presence, looked_at.rotation_rad, evidence)
            found.append(FoundHand(detection, joints, landmarks))
        return _without_repeats(found)

    def _palm_squares(self, image: np.ndarray) -> list[TurnedSquare]:
        # Rows and columns that halving cannot use: less than one px of what the network sees.
        step = 2 ** _halvings(image)
        height, width = (size - size % step for size in image.shape[:2])
        image, side = image[:height, :width], max(height, width)
        regression, logits = self._palm.run(("regression", "logits"), {"picture": _letterbox(image)[None]})
        palms = suppress(decode(regression[0], logits[0], threshold=FIRST_THRESHOLD))
        # The square's 0..1 covers the picture's longer side, the shorter one centred, from pixel edges.
        offset = np.array([width - side, height - side]) / 2 - 0.5
        return [
            palm_to_square(box * side + np.array([*offset, 0, 0]), points * side + offset)
            for box, points, _ in zip(*palms, strict=True)
        ]


def needs_second_look(looked_at: TurnedSquare, suggested: TurnedSquare, answer: Landmarks) -> bool:
    """Whether another look, at the square that the joints of the first one suggest, may change the answer."""
    turn = np.angle(np.exp(1j * (suggested.rotation_rad - looked_at.rotation_rad)))
    moved = np.hypot(*np.subtract(suggested.centre_px, looked_at.centre_px)) / suggested.side_px
    ratio = suggested.side_px / looked_at.side_px
    fits = abs(turn) < SAME_TURN_RAD and moved < SAME_CENTRE and 1 / SAME_SIDE < ratio < SAME_SIDE
    sure = answer.presence > SURE_PRESENCE and min(answer.right, 1 - answer.right) < SURE_OTHER_SIDE
    return not (fits and sure)


def palm_to_square(box_px: Float[np.ndarray, "4"], points_px: Float[np.ndarray, "7 2"]) -> TurnedSquare:
    """The square round the whole hand of a palm (centre x, centre y, w, h), upright when the fingers point
    up."""
    dx, dy = points_px[MIDDLE_POINT] - points_px[WRIST_POINT]
    rotation = float(np.arctan2(dx, -dy))
    to_fingers = np.array([np.sin(rotation), -np.cos(rotation)])
    centre = box_px[:2] + PALM_SHIFT * box_px[3] * to_fingers
    return TurnedSquare((float(centre[0]), float(centre[1])), PALM_EXPAND * float(box_px[2:].max()), rotation)


def _halvings(image: np.ndarray) -> int:
    """How often a picture can be halved and still be no smaller than what the palm network sees of it."""
    short, long = sorted(image.shape[:2])
    return max(0, min(long // INPUT_PX, short).bit_length() - 1)


def _letterbox(image: np.ndarray) -> UInt8[np.ndarray, "192 192 3"]:
    """The whole picture in the palm network's square, black beside it.

    It is halved first: means of 2 x 2 px are so much faster than any other that 12 megapixels take 13 ms instead of 56.
    """
    for _ in range(_halvings(image)):
        image = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
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


@lru_cache(maxsize=1)
def default_detector() -> Detector:
    """The detector `estimate` uses where no boxes are given: MediaPipe's palm and landmark networks.

    Raises KnuckleError when their files are missing or damaged.
    """
    return PalmDetector(landmarks=landmark_network())
