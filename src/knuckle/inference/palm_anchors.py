"""The palm network's raw output to palms: anchors, decoding, and non-maximum suppression by weighted mean.

A single-shot detector (Liu et al. 2016) as in BlazeFace (Bazarevsky et al. 2019) and MediaPipe Hands (Zhang
et al. 2020): 2016 anchors on a 192 px input, one score, a box and seven points each.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

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
