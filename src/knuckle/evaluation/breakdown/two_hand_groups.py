"""Which hands of a two-hand set are counted together: by kind of pair, hidden joints, overlap of boxes, and side."""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import TwoHandTruth

ALL, ALONE, PAIRS = "all", "alone", "pairs"
"""The groups of every hand, of hands without another one, and of those with one."""

_HIDDEN = {
    "up to a third of the joints hidden": (-1.0, 1 / 3),
    "a third to a half hidden": (1 / 3, 1 / 2),
    "more than half hidden": (1 / 2, 1.0),
}
_OVERLAP = {
    "boxes overlap by up to 25 %": (-1.0, 0.25),
    "boxes overlap by 25 to 60 %": (0.25, 0.6),
    "boxes overlap by more than 60 %": (0.6, 1.0),
}
"""Above the first, up to the second."""
_SLACK = 1e-9


def hand_groups(
    truth: TwoHandTruth, visible: Bool[np.ndarray, "N 2 21"]
) -> dict[str, Bool[np.ndarray, "N 2"]]:
    """Which hands belong to each group: all; alone, and each side alone; those of pairs; those of each kind of pair;
    and, of pairs, by the share of hidden joints, by how far the two boxes overlap, and each side.

    visible: joints that nothing hides but their own finger. Raises KnuckleError for another shape and for hands
    that are not labelled in 2D.
    """
    if visible.shape != truth.joints_px.shape[:3]:
        raise KnuckleError(f"visible: expected {truth.joints_px.shape[:3]}, got {visible.shape}")
    if unlabelled := int((~np.isfinite(truth.joints_px[truth.is_hand])).any(axis=(1, 2)).sum()):
        raise KnuckleError(f"joints_px: expected every hand labelled, got {unlabelled} that are not")
    right, left = np.array([True, False]), np.array([False, True])
    both = truth.is_hand & truth.is_hand.all(axis=1, keepdims=True)
    alone = truth.is_hand & ~both
    kinds = np.array(truth.kinds) if truth.kinds else np.full(len(truth), "")
    groups = {
        ALL: truth.is_hand,
        ALONE: alone,
        f"right, {ALONE}": alone & right,
        f"left, {ALONE}": alone & left,
    }
    groups[PAIRS] = both
    groups |= {
        kind: both & (kinds == kind)[:, None] for kind in sorted({k for k in kinds[both.all(axis=1)] if k})
    }
    hidden = 1 - visible.mean(axis=2)
    groups |= {name: both & _within(hidden, band) for name, band in _HIDDEN.items()}
    overlap = np.zeros(len(truth))
    overlap[both.all(axis=1)] = box_overlap(truth.joints_px[both.all(axis=1)])
    groups |= {name: both & _within(overlap, band)[:, None] for name, band in _OVERLAP.items()}
    return groups | {f"right, {PAIRS}": both & right, f"left, {PAIRS}": both & left}


def box_overlap(joints_px: Float[np.ndarray, "N 2 21 2"]) -> Float[np.ndarray, "N"]:
    """Share of the smaller tight box that lies in the other one, 0 to 1."""
    low, high = joints_px.min(axis=2), joints_px.max(axis=2)
    common = np.clip(high.min(axis=1) - low.max(axis=1), 0, None).prod(axis=-1)
    return common / (high - low).prod(axis=-1).min(axis=1)


def _within(values: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    low, high = band
    return (values > low + _SLACK) & (values <= high + _SLACK)
