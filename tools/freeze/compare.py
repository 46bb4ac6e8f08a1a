"""Comparing two records, array by array: the same to the bit, or how far apart."""

from collections.abc import Mapping

import numpy as np


def compare_records(
    before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], *, within: float | None = None
) -> list[str]:
    """A sentence for every array that differs, sorted by name; empty where none does.

    within: how far floats may be apart; None asks for equal bits. All other types, dtypes and shapes must be equal
    either way. NaN equals NaN.
    """
    sentences = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            sentences.append(f"{name}: missing after")
        elif name not in before:
            sentences.append(f"{name}: new after")
        elif found := difference(before[name], after[name], within=within):
            sentences.append(f"{name}: {found}")
    return sentences


def count_same(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> int:
    """How many arrays are the same to the bit."""
    return sum(difference(before[name], after[name]) is None for name in before.keys() & after.keys())


def difference(before: np.ndarray, after: np.ndarray, *, within: float | None = None) -> str | None:
    """How two arrays differ, in words; None where they do not."""
    if before.shape != after.shape:
        return f"shape {before.shape} before, {after.shape} after"
    # Texts of different lengths have different dtypes; that they differ is what counts.
    if before.dtype != after.dtype and not (before.dtype.kind == after.dtype.kind == "U"):
        return f"{before.dtype} before, {after.dtype} after"
    differs = _differs(before, after)
    if not differs.any():
        return None
    count = f"{differs.sum()} of {differs.size} values"
    if before.dtype.kind in "US":
        where = tuple(np.argwhere(differs)[0])
        return f"{count}, {_short(before[where])} before, {_short(after[where])} after"
    # bool and unsigned integers cannot be subtracted as they are.
    wide = np.longdouble if before.dtype.kind == "f" else float
    one, other = before[differs].astype(wide), after[differs].astype(wide)
    if before.dtype.kind != "f":
        return f"{count}, largest difference {np.abs(one - other).max():g}"
    with np.errstate(invalid="ignore"):
        gaps = np.where(one == other, 0, np.abs(one - other))
    # A NaN or an infinity on one side only is as far off as can be.
    largest = float(np.where(np.isnan(gaps), np.inf, gaps).max())
    if within is not None and largest <= within:
        return None
    return f"{count}, largest difference {largest:.3g}"


def _differs(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where bits differ; all NaNs count as one."""
    if before.dtype.kind != "f":
        return np.asarray(before != after)
    bits = f"u{before.dtype.itemsize}"
    different = np.ascontiguousarray(before).view(bits) != np.ascontiguousarray(after).view(bits)
    return different.reshape(before.shape) & ~(np.isnan(before) & np.isnan(after))


def _short(text: object) -> str:
    shown = repr(str(text))
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
