"""How well two pictures of a hand cover each other: confusion of regions, mIoU and Hausdorff distance."""

import math

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from knuckle.errors import KnuckleError


def confusion(
    truth: UInt8[np.ndarray, "H W"], predicted: UInt8[np.ndarray, "H W"], classes: int
) -> Int[np.ndarray, "C C"]:
    """Pixels by true (row) and predicted (column) class."""
    if truth.shape != predicted.shape:
        raise KnuckleError(f"regions: expected two maps of one size, got {truth.shape} and {predicted.shape}")
    if max(truth.max(initial=0), predicted.max(initial=0)) >= classes:
        raise KnuckleError(f"regions: expected classes below {classes}, got a higher one")
    pairs = truth.astype(np.int64).reshape(-1) * classes + predicted.reshape(-1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def mean_iou(table: Int[np.ndarray, "C C"]) -> float:
    """Intersection over union of each class, background included, averaged over the classes that occur (HandAR's
    mIoU: `table` is the sum over the data set); NaN for an empty table.
    """
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    occurs = either > 0
    return float((both[occurs] / either[occurs]).mean()) if occurs.any() else math.nan


def occupied(mask: Bool[np.ndarray, "H W"]) -> tuple[slice, slice]:
    """The rows and columns that hold a mask; empty slices for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def hausdorff_px(truth: Bool[np.ndarray, "H W"], predicted: Bool[np.ndarray, "H W"]) -> float:
    """Symmetric Hausdorff distance between the pixels of two masks, px; NaN where either is empty.

    max over both directions of the farthest that a pixel of one mask is from the nearest pixel of the other.
    """
    if truth.shape != predicted.shape:
        raise KnuckleError(f"masks: expected two of one size, got {truth.shape} and {predicted.shape}")
    if not truth.any() or not predicted.any():
        return math.nan
    window = occupied(truth | predicted)
    truth, predicted = truth[window], predicted[window]
    return max(_farthest(truth, predicted), _farthest(predicted, truth))


def _farthest(mask: np.ndarray, other: np.ndarray) -> float:
    """Farthest distance of a pixel of `mask` from the nearest one of `other`."""
    rest = mask & ~other
    if not rest.any():
        return 0.0
    # OpenCV gives the distance to the nearest zero; the precise mask size makes it exact.
    distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float(distance[rest].max())
