"""Batch norm with a clamp behind it, and its gradients, over rows of channels, compiled by numba.

maps, out, gradient, of_maps (n, C): n samples of every channel, float32 or the bits of bfloat16 as uint16; the others
(C), float32. A NaN stays one.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

_NO_NAN_LOST = {"contract", "reassoc", "nsz", "arcp"}
_ROWS = 32
"""Rows summed in float32 before they join the sums in float64."""


def _widened(number: Any) -> Any:
    """float32 of a number as it is stored."""


@overload(_widened, inline="always")
def _widened_by_type(number):
    if isinstance(number, types.Float):
        return lambda number: number
    return lambda number: np.uint32(np.uint32(number) << np.uint32(16)).view(np.float32)


def _as_stored(row: Any, number: Any) -> Any:
    """A float32 as a row holds it: of bfloat16 the nearest one's bits, even on ties."""


@overload(_as_stored, inline="always")
def _as_stored_by_type(row, number):
    if isinstance(row.dtype, types.Float):
        return lambda row, number: number

    def rounded(row, number):
        bits = np.float32(number).view(np.uint32)
        odd = np.uint32(np.uint32(bits >> np.uint32(16)) & np.uint32(1))
        # The NaNs that processors make stay NaNs; one with every bit set, which nothing makes, would not.
        return np.uint16(np.uint32(bits + np.uint32(odd + np.uint32(0x7FFF))) >> np.uint32(16))

    return rounded


@njit(cache=True, fastmath=_NO_NAN_LOST)
def moments(maps, mean, variance):
    """Of each channel, the variance over n; one pass, from the first row so that no digits cancel."""
    rows, channels = maps.shape
    origin = np.empty(channels, np.float32)
    for c in range(channels):
        origin[c] = _widened(maps[0, c])
    total, squares = np.zeros(channels), np.zeros(channels)
    part, part_squares = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for first in range(0, rows, _ROWS):
        part[:] = 0.0
        part_squares[:] = 0.0
        for row in range(first, min(first + _ROWS, rows)):
            seen = maps[row]
            for c in range(channels):
                off = _widened(seen[c]) - origin[c]
                part[c] += off
                part_squares[c] += off * off
        for c in range(channels):
            total[c] += part[c]
            squares[c] += part_squares[c]
    for c in range(channels):
        shift = total[c] / rows
        mean[c] = origin[c] + shift
        spread = squares[c] / rows - shift * shift
        variance[c] = 0.0 if spread < 0.0 else spread


@njit(cache=True, fastmath=_NO_NAN_LOST)
def normalise(maps, scale, offset, low, high, out):
    """out = maps scale + offset between low and high."""
    for row in range(maps.shape[0]):
        seen, given = maps[row], out[row]
        for c in range(maps.shape[1]):
            value = _widened(seen[c]) * scale[c] + offset[c]
            value = low if value < low else value
            value = high if value > high else value
            given[c] = _as_stored(given, value)


@njit(cache=True, fastmath=_NO_NAN_LOST)
def sums(maps, gradient, scale, offset, mean, low, high, total, product):
    """total: of the gradients that pass the clamp; product: of those times maps - mean."""
    rows, channels = maps.shape
    part, part_product = np.empty(channels, np.float32), np.empty(channels, np.float32)
    zero = np.float32(0)
    total[:] = 0.0
    product[:] = 0.0
    for first in range(0, rows, _ROWS):
        part[:] = 0.0
        part_product[:] = 0.0
        for row in range(first, min(first + _ROWS, rows)):
            seen, given = maps[row], gradient[row]
            for c in range(channels):
                number = _widened(seen[c])
                value = number * scale[c] + offset[c]
                passed = zero if (value <= low) | (value >= high) else _widened(given[c])
                part[c] += passed
                part_product[c] += passed * (number - mean[c])
        for c in range(channels):
            total[c] += part[c]
            product[c] += part_product[c]


@njit(cache=True, fastmath=_NO_NAN_LOST)
def gradients(maps, gradient, scale, offset, mean, low, high, slope, shift, of_maps):
    """of_maps = scale (gradient that passes the clamp) + slope (maps - mean) + shift."""
    zero = np.float32(0)
    for row in range(maps.shape[0]):
        seen, given, made = maps[row], gradient[row], of_maps[row]
        for c in range(maps.shape[1]):
            number = _widened(seen[c])
            value = number * scale[c] + offset[c]
            passed = zero if (value <= low) | (value >= high) else _widened(given[c])
            made[c] = _as_stored(made, scale[c] * passed + slope[c] * (number - mean[c]) + shift[c])
