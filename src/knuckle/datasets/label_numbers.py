"""Numbers in a data set's label files, each array checked as it is taken: what is missing, of another shape, or NaN is
named with its file."""

from typing import Any

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.rig.safe_pickle import to_array


def numbers(
    data: Any, key: str, shape: tuple[int | None, ...], where: str, *, flat: bool = False, rows: bool = False
) -> np.ndarray:
    """Finite numbers of a shape (None: any length) in a dictionary, as float64.

    where: the file and what of it, for messages. flat: axes beyond the first (of a vector: all) may be split further.
    rows: a single row may come without its first axis. Raises KnuckleError saying what was expected and what came.
    """
    wanted = " x ".join("n" if size is None else str(size) for size in shape)
    if not isinstance(data, dict) or data.get(key) is None:
        raise KnuckleError(f"{where}: expected {key} ({wanted}), got none")
    try:
        array = to_array(data[key]).astype(float)
    except (TypeError, ValueError, KeyError) as error:
        raise KnuckleError(f"{where}: {key}: expected {wanted} numbers, got {error}") from error
    if flat and array.ndim:
        array = array.reshape(*(array.shape[:1] if len(shape) > 1 else ()), -1)
    if rows and array.ndim == len(shape) - 1:
        array = array[None]
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or not array.size or not np.isfinite(array).all():
        got = f"shape {array.shape}" if not fits or not array.size else "NaN or infinity"
        raise KnuckleError(f"{where}: {key}: expected {wanted} finite numbers, got {got}")
    return array
