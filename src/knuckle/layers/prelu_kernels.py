"""The gradients of PReLU over rows of channels (n, C), compiled by numba; slopes (C)."""

import numpy as np
from numba import njit

_ROWS = 64
"""Rows summed in float32 before they join the sums in float64."""


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def gradients(maps, slopes, gradient, of_maps, of_slopes):
    """Writes of_maps, and adds to of_slopes (float64)."""
    rows, channels = maps.shape
    part = np.empty(channels, np.float32)
    for first in range(0, rows, _ROWS):
        part[:] = 0.0
        for row in range(first, min(first + _ROWS, rows)):
            seen, given, out = maps[row], gradient[row], of_maps[row]
            for c in range(channels):
                below = seen[c] <= 0.0
                out[c] = given[c] * (slopes[c] if below else np.float32(1.0))
                part[c] += given[c] * (seen[c] if below else np.float32(0.0))
        for c in range(channels):
            of_slopes[c] += part[c]
