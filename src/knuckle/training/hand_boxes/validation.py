"""How well a hand detector finds the hands of labelled pictures."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from knuckle.geometry.cells import FoundBoxes, grid_cells, pairwise_iou, read_cells
from knuckle.geometry.crop import hand_roll
from knuckle.models.hand_boxes.model import HandBoxes
from knuckle.training.hand_boxes.mixing import Mixed
from knuckle.training.hand_boxes.pictures import UNKNOWN, LabelledPicture

LEAST_SCORE = 0.02
MATCH_IOU = 0.5
PICTURES_A_GHOST = 20
"""Recall is told at the score from which on there is one ghost in so many pictures."""

Find = Callable[[UInt8[np.ndarray, "H W 3"]], FoundBoxes]


class DetectionScores(NamedTuple):
    """Figures over many pictures."""

    ap50: float
    """Area under precision over recall; a hand is found by a box of IoU 0.5 or more."""
    recall: float
    """Of the hands, at one ghost in `PICTURES_A_GHOST` pictures."""
    threshold: float
    """The score at which that is."""
    side: float
    """Share of right sides among the found hands whose side is known."""
    turn_deg: float
    """Median error of the roll among those whose joints are known."""
    hands: int


def as_mixed(picture: LabelledPicture, *, longest: int) -> Mixed:
    """A picture and its labels with its longer side so long, black below or beside it up to multiples of 32."""
    scale = longest / max(picture.width, picture.height)
    pixels, _ = picture.pixels(scale)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    shown = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    image = np.zeros((-(-size[1] // 32) * 32, -(-size[0] // 32) * 32, 3), np.uint8)
    image[: size[1], : size[0]] = shown
    found, ignored = [h for h in picture.hands if not h.ignored], [h for h in picture.hands if h.ignored]
    direction = [
        (np.cos(hand_roll(h.corners)), np.sin(hand_roll(h.corners))) if h.has_joints else (0, 0)
        for h in found
    ]
    return Mixed(
        image,
        np.array([_box(h.corners) * scale for h in found], np.float32).reshape(-1, 4),
        np.array([h.right for h in found], np.float32),
        np.array(direction, np.float32).reshape(-1, 2),
        np.array([_box(h.corners) * scale for h in ignored], np.float32).reshape(-1, 4),
    )


def _box(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "4"]:
    low = points.min(0)
    return np.concatenate([low, points.max(0) - low])


def finder(model: HandBoxes) -> Find:
    """What finds hands in one picture with a network in torch."""
    device = next(model.parameters()).device

    def find(image: UInt8[np.ndarray, "H W 3"]) -> FoundBoxes:
        batch = torch.from_numpy(image)[None].permute(0, 3, 1, 2).to(device).float() / 255
        with torch.inference_mode():
            raw = model.raw(batch)[0].float().cpu().numpy()
        return read_cells(raw, grid_cells(*image.shape[:2]), threshold=LEAST_SCORE)

    return find


def detection_scores(find: Find, pictures: Sequence[Mixed]) -> DetectionScores:
    """Of all pictures together. Boxes that lie on ignored ones are neither right nor ghosts."""
    scores, matched, sides, turns, hands = [], [], [], [], 0
    for picture in pictures:
        found = find(picture.image)
        hand = _matches(found, picture)
        hands += len(picture.boxes)
        counts = hand != _IGNORED
        scores += found.scores[counts].tolist()
        matched += (hand[counts] >= 0).tolist()
        for row in np.flatnonzero(hand >= 0):
            right, along = picture.right[hand[row]], picture.direction[hand[row]]
            if right != UNKNOWN:
                sides.append((found.scores[row], (found.right[row] >= 0.5) == (right == 1)))
            if along.any():
                off = found.roll_rad[row] - np.arctan2(along[1], along[0])
                turns.append((found.scores[row], abs(np.angle(np.exp(1j * off)))))
    order = np.argsort(-np.array(scores), kind="stable")
    right = np.array(matched, bool)[order]
    ghosts = np.cumsum(~right)
    allowed = int(np.searchsorted(ghosts, len(pictures) // PICTURES_A_GHOST, side="right"))
    threshold = float(np.array(scores)[order][allowed - 1]) if allowed else 1.0
    good = [value for score, value in sides if score >= threshold]
    off = [value for score, value in turns if score >= threshold]
    return DetectionScores(
        average_precision(right, hands),
        float(right[:allowed].sum() / hands) if hands else float("nan"),
        threshold,
        float(np.mean(good)) if good else float("nan"),
        float(np.degrees(np.median(off))) if off else float("nan"),
        hands,
    )


def average_precision(right: Float[np.ndarray, "n"], hands: int) -> float:
    """Area under the precision that is at least had at each recall; right: of the findings, best first."""
    if not hands or not len(right):
        return float("nan") if not hands else 0.0
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    at_least = np.maximum.accumulate(precision[::-1])[::-1]
    return float(at_least[np.asarray(right, bool)].sum() / hands)


_GHOST, _IGNORED = -1, -2


def _matches(found: FoundBoxes, picture: Mixed) -> np.ndarray:
    """For each finding, best first: the hand that it finds and no better one did, or `_GHOST` or `_IGNORED`."""
    iou = pairwise_iou(found.boxes, picture.boxes.astype(float))
    hand = np.full(len(found.boxes), _GHOST)
    for row in range(len(hand)):
        best = int(iou[row].argmax()) if iou.shape[1] else -1
        if best >= 0 and iou[row, best] >= MATCH_IOU:
            hand[row] = best
            iou[:, best] = 0
    for row in np.flatnonzero(hand == _GHOST):
        x, y, w, h = found.boxes[row]
        centre = np.array([x + w / 2, y + h / 2])
        low, size = picture.ignored[:, :2], picture.ignored[:, 2:]
        if ((centre >= low) & (centre <= low + size)).all(-1).any():
            hand[row] = _IGNORED
    return hand
