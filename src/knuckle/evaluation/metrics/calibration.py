"""Whether probabilities mean what they say."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class ReliabilityBin(NamedTuple):
    """Cases of about one stated probability: how many, what was said of them on average, and what was true of them."""

    cases: int
    stated: float
    true: float


def reliability_bins(
    probability: Float[np.ndarray, "N"], is_true: Bool[np.ndarray, "N"], *, bins: int = 10
) -> list[ReliabilityBin]:
    """Cases by stated probability, in bins of equal count."""
    parts = np.array_split(np.argsort(probability, kind="stable"), min(bins, max(len(probability), 1)))
    return [
        ReliabilityBin(len(part), float(probability[part].mean()), float(is_true[part].mean()))
        for part in parts
        if len(part)
    ]


def calibration_error(
    probability: Float[np.ndarray, "N"], is_true: Bool[np.ndarray, "N"], *, bins: int = 10
) -> float:
    """Expected calibration error: mean distance of stated and true shares over bins of equal count; NaN if empty."""
    found = reliability_bins(probability, is_true, bins=bins)
    if not found:
        return float("nan")
    return sum(each.cases * abs(each.stated - each.true) for each in found) / len(probability)
