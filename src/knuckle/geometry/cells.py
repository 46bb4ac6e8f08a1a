"""The cells of a detector's grids, and boxes as it says them: written once for numpy and torch."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from knuckle.geometry.array import Array, array_module

CELL_STRIDES = (8, 16, 32)
"""Px of the picture between the cells of each grid; grids follow one another, each row by row."""


def grid_cells(height: int, width: int) -> Float[np.ndarray, "N 3"]:
    """Centre x, y and stride of every cell of a picture whose sides are multiples of the largest stride.

    Px of the picture, whose first pixel spans 0 to 1.
    """
    grids = []
    for stride in CELL_STRIDES:
        y, x = np.meshgrid(np.arange(height // stride), np.arange(width // stride), indexing="ij")
        centres = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride
        grids.append(np.column_stack([centres, np.full(len(centres), stride)]))
    return np.concatenate(grids).astype(np.float32)


def cells_to_boxes(
    said: Float[Array, "*batch N 4"], cells: Float[Array, "N 3"]
) -> Float[Array, "*batch N 4"]:
    """Boxes x, y, w, h in px from what each cell says: how far its box's centre is from its own, and the logarithms of
    width and height, all in strides."""
    xp = array_module(said)
    size = xp.exp(said[..., 2:]) * cells[..., 2:]
    return xp.concatenate([cells[..., :2] + said[..., :2] * cells[..., 2:] - size / 2, size], -1)


def boxes_to_cells(
    boxes: Float[Array, "*batch N 4"], cells: Float[Array, "N 3"]
) -> Float[Array, "*batch N 4"]:
    """Inverse of `cells_to_boxes`."""
    xp = array_module(boxes)
    centre = boxes[..., :2] + boxes[..., 2:] / 2
    offset = (centre - cells[..., :2]) / cells[..., 2:]
    return xp.concatenate([offset, xp.log(boxes[..., 2:] / cells[..., 2:])], -1)


@dataclass(frozen=True, eq=False)
class FoundBoxes:
    """Hands that a detector's cells say, best first."""

    boxes: Float[np.ndarray, "n 4"]
    """x, y, w, h in px of the picture it was shown."""
    scores: Float[np.ndarray, "n"]
    """0..1."""
    right: Float[np.ndarray, "n"]
    """0..1 that it is a right hand."""
    roll_rad: Float[np.ndarray, "n"]
    """How far it is turned from fingers-up, clockwise in the picture."""


LARGEST_LOG_SIZE = 5.0
"""Of a box over its cell's stride; cells that see no hand say anything."""


def read_cells(
    raw: Float[np.ndarray, "N 8"],
    cells: Float[np.ndarray, "N 3"],
    *,
    threshold: float,
    iou_threshold: float = 0.5,
) -> FoundBoxes:
    """The hands that cells say: those whose score passes the threshold, without those that overlap a better one.

    raw: a cell's logit of a hand, its box as `cells_to_boxes` takes it, logit of a right hand, and a vector along
    cosine and sine of the roll.
    """
    kept = raw[:, 0] >= np.log(threshold / (1 - threshold))
    raw, cells = raw[kept].astype(float), cells[kept].astype(float)
    scores = 1 / (1 + np.exp(-raw[:, 0]))
    said = np.column_stack([raw[:, 1:3], np.clip(raw[:, 3:5], -3, LARGEST_LOG_SIZE)])
    boxes = cells_to_boxes(said, cells)
    best = without_overlaps(boxes, scores, iou_threshold=iou_threshold)
    right = 1 / (1 + np.exp(-np.clip(raw[best, 5], -30, 30)))
    return FoundBoxes(boxes[best], scores[best], right, np.arctan2(raw[best, 7], raw[best, 6]))


def without_overlaps(
    boxes: Float[np.ndarray, "n 4"], scores: Float[np.ndarray, "n"], *, iou_threshold: float
) -> Int[np.ndarray, "m"]:
    """Which boxes stay, best first, when each is left out that overlaps a better one by more than the threshold."""
    waiting, kept = np.argsort(-scores, kind="stable"), []
    while len(waiting):
        best, others = waiting[0], waiting[1:]
        kept.append(best)
        waiting = others[pairwise_iou(boxes[best][None], boxes[others])[0] <= iou_threshold]
    return np.array(kept, int)


def pairwise_iou(a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of every box of one list with every one of another, x, y, w, h; 0 where both are
    empty."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    inner = np.clip(high - low, 0, None).prod(-1)
    union = a[:, 2:].prod(-1)[:, None] + b[:, 2:].prod(-1)[None] - inner
    return inner / np.maximum(union, 1e-12)
