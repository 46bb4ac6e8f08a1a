"""Depthwise convolution and its gradients over maps with the channels last, compiled by numba.

maps (B, h, w, C), taps (k, k, C), bias (C), out and gradient (B, oh, ow, C), float32; top, left: zeros before the maps.
"""

import numpy as np
from numba import njit

_BLOCK = 256
"""Channels at a time: a row of them of all taps stays in the nearest caches."""


@njit(cache=True, fastmath=True)
def convolve(maps, taps, bias, stride, top, left, out):
    """out[y, x] = bias + sum of maps[y stride + i - top, x stride + j - left] taps[i, j]."""
    batch, height, width, channels = maps.shape
    kernel = taps.shape[0]
    for first in range(0, channels, _BLOCK):
        last = min(first + _BLOCK, channels)
        for b in range(batch):
            for oy in range(out.shape[1]):
                for ox in range(out.shape[2]):
                    total = out[b, oy, ox, first:last]
                    total[:] = bias[first:last]
                    for i in range(kernel):
                        y = oy * stride + i - top
                        if y < 0 or y >= height:
                            continue
                        for j in range(kernel):
                            x = ox * stride + j - left
                            if x < 0 or x >= width:
                                continue
                            seen, tap = maps[b, y, x, first:last], taps[i, j, first:last]
                            for c in range(last - first):
                                total[c] += seen[c] * tap[c]


@njit(cache=True, fastmath=True)
def gradients(maps, taps, gradient, stride, top, left, of_maps, of_taps):
    """Writes of_maps, and adds to of_taps."""
    batch, height, width, channels = maps.shape
    kernel = taps.shape[0]
    total = np.empty(_BLOCK, np.float32)
    for first in range(0, channels, _BLOCK):
        last = min(first + _BLOCK, channels)
        for b in range(batch):
            for y in range(height):
                for x in range(width):
                    total[:] = 0.0
                    seen = maps[b, y, x, first:last]
                    for i in range(kernel):
                        oy = y + top - i
                        if oy < 0 or oy % stride != 0 or oy // stride >= gradient.shape[1]:
                            continue
                        for j in range(kernel):
                            ox = x + left - j
                            if ox < 0 or ox % stride != 0 or ox // stride >= gradient.shape[2]:
                                continue
                            given, tap = (
                                gradient[b, oy // stride, ox // stride, first:last],
                                taps[i, j, first:last],
                            )
                            for c in range(last - first):
                                total[c] += given[c] * tap[c]
                            of_tap = of_taps[i, j, first:last]
                            for c in range(last - first):
                                of_tap[c] += given[c] * seen[c]
                    of_maps[b, y, x, first:last] = total[: last - first]
