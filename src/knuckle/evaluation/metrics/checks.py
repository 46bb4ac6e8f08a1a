"""Shape and finiteness checks the metrics share."""

import numpy as np

from knuckle.errors import KnuckleError


def check_pair(truth: np.ndarray, predicted: np.ndarray, *, name: str, last: int) -> None:
    """Both (..., K, last), same shape; the prediction finite (NaN in the truth means "not labelled").

    Raises KnuckleError saying what was expected and what came.
    """
    if truth.ndim < 2 or truth.shape[-1] != last:
        raise KnuckleError(f"{name}: expected ground truth (..., K, {last}), got {truth.shape}")
    if predicted.shape != truth.shape:
        raise KnuckleError(f"{name}: expected a prediction shaped {truth.shape}, got {predicted.shape}")
    check_finite(predicted, name=name)


def check_finite(predicted: np.ndarray, *, name: str) -> None:
    """Refuse predictions with NaN or infinity, naming how many samples have them."""
    samples = np.atleast_1d(predicted)
    bad = int((~np.isfinite(samples)).any(axis=tuple(range(1, samples.ndim))).sum())
    if bad:
        raise KnuckleError(
            f"{name}: expected finite predictions, got NaN or infinity in {bad} of {len(samples)} samples"
        )
