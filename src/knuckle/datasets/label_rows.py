"""Label files that are one long JSON list of equal rows, read a piece at a time: parsed as a whole, the vertices of a
training split take gigabytes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.errors import KnuckleError

PIECE = 1 << 22
"""Characters read at a time."""
_BETWEEN = " \t\r\n,"
_DECODER = json.JSONDecoder()


def read_rows(path: Path, shape: tuple[int, ...], *, dtype: type = float) -> np.ndarray:
    """A label file's rows as (n, *shape); a row may be wrapped in one more list.

    Raises KnuckleError naming the file and the row that is of another shape, or has NaN or infinity in it, and for a
    file without rows.
    """
    wanted = " x ".join(map(str, shape))
    rows = []
    try:
        for number, row in enumerate(_rows(path)):
            values = _numbers(row, dtype)
            if values is not None and values.shape == (1, *shape):
                values = values[0]
            if values is None or values.shape != shape:
                got = "something else" if values is None else f"shape {values.shape}"
                raise KnuckleError(f"{path}: expected rows of {wanted} numbers, got {got} in row {number}")
            if not np.isfinite(values).all():
                raise KnuckleError(f"{path}: expected finite numbers, got NaN or infinity in row {number}")
            rows.append(values)
    except OSError as error:
        raise KnuckleError(f"{path}: expected a label file, got {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KnuckleError(f"{path}: expected JSON, got {error}") from error
    if not rows:
        raise KnuckleError(f"{path}: expected rows of {wanted} numbers, got none")
    return np.stack(rows)


def _rows(path: Path) -> Iterator[Any]:
    """The elements of the list in turn."""
    with path.open(encoding="utf-8") as file:
        text = file.read(PIECE).lstrip(_BETWEEN)
        if not text.startswith("["):
            raise KnuckleError(f"{path}: expected a JSON list, got something else")
        text = text[1:]
        while True:
            place = 0
            while True:
                while place < len(text) and text[place] in _BETWEEN:
                    place += 1
                if text.startswith("]", place):
                    if (text[place + 1 :] + file.read(PIECE)).strip():
                        raise KnuckleError(f"{path}: expected one JSON list, got more after its end")
                    return
                # Only a list shows where it ends: a number may go on in the next piece.
                if not text.startswith("[", place):
                    break
                try:
                    row, place = _DECODER.raw_decode(text, place)
                except (ValueError, RecursionError):
                    break
                yield row
            piece = file.read(PIECE)
            if not piece:
                raise KnuckleError(
                    f"{path}: expected JSON of lists of numbers, got a file cut short or damaged"
                )
            text = text[place:] + piece


def _numbers(row: Any, dtype: type) -> np.ndarray | None:
    try:
        return np.array(row, dtype=dtype)
    except (TypeError, ValueError, OverflowError):
        return None
