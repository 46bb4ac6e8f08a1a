"""Least-squares similarity alignment of point sets, batched: the official formula and its reflection-free
twin.
"""

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.metrics.checks import check_pair

_TINY = 1e-8


def align_similarity(
    truth: Float[np.ndarray, "*batch K 3"],
    predicted: Float[np.ndarray, "*batch K 3"],
    *,
    reflection: bool = True,
) -> Float[np.ndarray, "*batch K 3"]:
    """The prediction, rotated, scaled and moved onto the truth with least squared error.

    reflection=True is FreiHAND's `align_w_scale`, the official one: both sets are centred and divided by
    their Frobenius norms, R and s solve the orthogonal Procrustes problem with no check of the determinant,
    so that a mirrored hand fits perfectly. reflection=False allows proper rotations only (Umeyama 1991).

    Points with NaN in the truth take no part in the fit. A prediction collapsed to one point lands on the
    truth's centroid. Raises KnuckleError for unequal shapes or a prediction that is not finite.
    """
    check_pair(truth, predicted, name="points", last=3)
    valid = np.asarray(np.isfinite(truth).all(axis=-1, keepdims=True))
    truth_unit, truth_mean, truth_norm = _normalise(truth, valid)
    unit, mean, norm = _normalise(predicted, valid)
    left, spectrum, right = np.linalg.svd(np.swapaxes(truth_unit, -1, -2) @ unit)
    if not reflection:
        # The smallest singular direction turns round where the best orthogonal matrix is a reflection.
        sign = np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)
        left = np.concatenate([left[..., :2], left[..., 2:] * sign[..., None, None]], axis=-1)
        spectrum = np.concatenate([spectrum[..., :2], spectrum[..., 2:] * sign[..., None]], axis=-1)
    rotation = left @ right
    scale = spectrum.sum(axis=-1)[..., None, None] * truth_norm / norm
    return (predicted - mean) @ np.swapaxes(rotation, -1, -2) * scale + truth_mean


def _normalise(points: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centred points of unit Frobenius norm (zero where not valid), the centroid and the norm."""
    filled = np.where(valid, points, 0.0)
    mean = filled.sum(axis=-2, keepdims=True) / np.maximum(valid.sum(axis=-2, keepdims=True), 1)
    centred = np.where(valid, filled - mean, 0.0)
    norm = np.maximum(np.linalg.norm(centred, axis=(-2, -1), keepdims=True), _TINY)
    return centred / norm, mean, norm
