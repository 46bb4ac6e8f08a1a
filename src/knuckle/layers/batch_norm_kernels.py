"""Batch norm with a clamp behind it, and its gradients, over rows of channels, compiled by numba.

maps, out, gradient, of_maps (n, C): n samples of every channel; the others (C); all float32. A NaN stays one.
"""

import numpy as np
from numba import njit

_NO_NAN_LOST = {"contract", "reassoc", "nsz", "arcp"}
_ROWS = 32
"""Rows summed in float32 before they join the sums in float64."""


@njit(cache=True, fastmath=_NO_NAN_LOST)
def moments(maps, mean, variance):
    """Of each channel, the variance over n; one pass, from the first row so that no digits cancel."""
    rows, channels = maps.shape
    origin = maps[0].copy()
    total, squares = np.zeros(channels), np.zeros(channels)
    part, part_squares = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for first in range(0, rows, _ROWS):
        part[:] = 0.0
        part_squares[:] = 0.0
        for row in range(first, min(first + _ROWS, rows)):
            seen = maps[row]
            for c in range(channels):
                off = seen[c] - origin[c]
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
            value = seen[c] * scale[c] + offset[c]
            value = low if value < low else value
            given[c] = high if value > high else value


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
                value = seen[c] * scale[c] + offset[c]
                passed = zero if (value <= low) | (value >= high) else given[c]
                part[c] += passed
                part_product[c] += passed * (seen[c] - mean[c])
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
            value = seen[c] * scale[c] + offset[c]
            passed = zero if (value <= low) | (value >= high) else given[c]
            made[c] = scale[c] * passed + slope[c] * (seen[c] - mean[c]) + shift[c]
