"""Curves over thresholds and the areas under them: PCK of joints, ROC of a confidence."""

import warnings

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError

PCK_3D_M = np.linspace(0.0, 0.05, 100)
"""FreiHAND's and HO-3D's thresholds: 100 of them from 0 to 50 mm."""


def pck_curve(
    errors: Float[np.ndarray, "N K"], thresholds: Float[np.ndarray, "T"] = PCK_3D_M
) -> Float[np.ndarray, "T"]:
    """Share of errors <= each threshold, a keypoint at a time, then averaged over keypoints; NaN errors do
    not count.
    """
    if not np.isfinite(errors).any():
        raise KnuckleError("errors: expected at least one labelled joint, got none")
    labelled = np.isfinite(errors).sum(axis=0)
    hits = np.stack([(errors <= t).sum(axis=0) for t in thresholds])  # NaN <= t is false
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(np.where(labelled > 0, hits / np.maximum(labelled, 1), np.nan), axis=1)


def area(thresholds: Float[np.ndarray, "T"], curve: Float[np.ndarray, "T"]) -> float:
    """Trapezoid area under a curve, divided by the span of the thresholds."""
    return _trapezoid(curve, thresholds) / float(thresholds[-1] - thresholds[0])


def roc_curve(
    positives: Float[np.ndarray, "P"], negatives: Float[np.ndarray, "N"]
) -> tuple[Float[np.ndarray, "T"], Float[np.ndarray, "T"]]:
    """False and true positive rates as the threshold falls, from (0, 0) to (1, 1); one point a distinct
    score.
    """
    _check_scores(positives, negatives)
    thresholds = np.unique(np.concatenate([positives, negatives]))[::-1]
    # Scores >= threshold count as hands: the number of sorted scores from the insertion point on.
    false, true = (
        1 - np.searchsorted(np.sort(scores), thresholds, side="left") / len(scores)
        for scores in (negatives, positives)
    )
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], true])


def roc_auc(positives: Float[np.ndarray, "P"], negatives: Float[np.ndarray, "N"]) -> float:
    """Probability that a positive scores above a negative, ties counting half. Raises KnuckleError if either
    is empty.
    """
    false, true = roc_curve(positives, negatives)
    return _trapezoid(true, false)


def fpr_at_tpr(
    positives: Float[np.ndarray, "P"], negatives: Float[np.ndarray, "N"], *, tpr: float = 0.95
) -> tuple[float, float]:
    """False positive rate at the highest threshold that keeps at least `tpr` of the positives, and that
    threshold.
    """
    _check_scores(positives, negatives)
    ordered = np.sort(positives)[::-1]
    threshold = ordered[int(np.ceil(tpr * len(ordered))) - 1]
    return float((negatives >= threshold).mean()), float(threshold)


def _trapezoid(y: np.ndarray, x: np.ndarray) -> float:
    # numpy.trapezoid only exists from numpy 2 on
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())


def _check_scores(positives: np.ndarray, negatives: np.ndarray) -> None:
    for name, scores in (("positives", positives), ("negatives", negatives)):
        if scores.ndim != 1 or len(scores) == 0 or not np.isfinite(scores).all():
            raise KnuckleError(
                f"{name}: expected a non-empty vector of finite scores, got shape {scores.shape}"
            )
