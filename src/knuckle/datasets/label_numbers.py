"""Numbers in a data set's label files, each array checked as it is taken: what is missing, of another shape, or NaN is
named with its file."""

from typing import Any

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.rig.safe_pickle import Inert, to_array


def entry_numbers(
    data: Any,
    key: str,
    shape: tuple[int | None, ...],
    where: str,
    *,
    flat: bool = False,
    rows: bool = False,
    nested: bool = False,
) -> np.ndarray:
    """Finite numbers of a shape (None: any length) in a dictionary, as float64; the rest as `checked_numbers`."""
    if not isinstance(data, dict) or data.get(key) is None:
        raise KnuckleError(f"{where}: expected {key} ({_in_words(shape)}), got none")
    return checked_numbers(data[key], shape, f"{where}: {key}", flat=flat, rows=rows, nested=nested)


def checked_numbers(
    value: Any,
    shape: tuple[int | None, ...],
    where: str,
    *,
    flat: bool = False,
    rows: bool = False,
    nested: bool = False,
) -> np.ndarray:
    """A label's value as finite numbers of a shape (None: any length), float64.

    Args:
        value: lists, an array, or what `to_array` makes one of.
        shape: what is expected.
        where: the file and what of it, for messages.
        flat: axes beyond the first (of a vector: all) may be split further.
        rows: a single row may come without its first axis.
        nested: lists may be nested in another way, as long as there are as many numbers; not where a length is None.

    Raises KnuckleError saying what was expected and what came.
    """
    wanted = _in_words(shape)
    try:
        array = to_array(value) if isinstance(value, Inert) else np.array(value, dtype=float)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        got = error if isinstance(value, Inert) else str(value)[:60]
        raise KnuckleError(f"{where}: expected {wanted} finite numbers, got {got}") from error
    array = array.astype(float)
    if flat and array.ndim:
        array = array.reshape(*(array.shape[:1] if len(shape) > 1 else ()), -1)
    if rows and array.ndim == len(shape) - 1:
        array = array[None]
    if nested and array.size == np.prod([size or 0 for size in shape]):
        array = array.reshape([size or 0 for size in shape])
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or not array.size or not np.isfinite(array).all():
        got = f"shape {array.shape}" if not fits or not array.size else "NaN or infinity"
        raise KnuckleError(f"{where}: expected {wanted} finite numbers, got {got}")
    return array


def _in_words(shape: tuple[int | None, ...]) -> str:
    return " x ".join("n" if size is None else str(size) for size in shape)
