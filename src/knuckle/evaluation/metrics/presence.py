"""Whether a two-hand system knows which hands are there, by the confidence of each, the right one first."""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError


def ghost_rate(
    confidence: Float[np.ndarray, "N 2"], is_hand: Bool[np.ndarray, "N 2"], *, threshold: float
) -> float:
    """Share of the crops of one hand whose absent hand has a confidence >= threshold; NaN without such a crop."""
    _check(confidence, is_hand)
    alone = is_hand.sum(axis=1) == 1
    return _share((confidence >= threshold)[alone][~is_hand[alone]])


def missed_rate(
    confidence: Float[np.ndarray, "N 2"], is_hand: Bool[np.ndarray, "N 2"], *, threshold: float
) -> float:
    """Share of the hands that are there whose confidence is below the threshold; NaN without a hand."""
    _check(confidence, is_hand)
    return _share((confidence < threshold)[is_hand])


def side_accuracy(confidence: Float[np.ndarray, "N 2"], is_hand: Bool[np.ndarray, "N 2"]) -> float:
    """Handedness: share of the crops of one hand where the surer hand is the one that is there; NaN without such a
    crop. A tie is wrong.
    """
    _check(confidence, is_hand)
    alone = is_hand.sum(axis=1) == 1
    surer = confidence[alone] > confidence[alone][:, ::-1]
    return _share(surer[is_hand[alone]])


def _share(found: np.ndarray) -> float:
    return float(found.mean()) if len(found) else float("nan")


def _check(confidence: np.ndarray, is_hand: np.ndarray) -> None:
    if confidence.ndim != 2 or confidence.shape[1] != 2 or not np.isfinite(confidence).all():
        raise KnuckleError(f"confidence: expected finite (N, 2), got {confidence.shape} or NaN in it")
    if is_hand.shape != confidence.shape or is_hand.dtype != bool:
        raise KnuckleError(f"is_hand: expected bool {confidence.shape}, got {is_hand.dtype} {is_hand.shape}")
