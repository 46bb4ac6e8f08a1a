"""Sine position encoding of an image map's cells (Vaswani et al. 2017; Carion et al. 2020)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.errors import KnuckleError


def sine_axis(cells: int, channels: int, *, temperature: float = 1e4) -> Float[Tensor, "cells channels"]:
    """Sine and cosine in turn of the cells' centres along one axis, which is one turn (2 pi) long.

    Pair k of them turns temperature^(-2k / channels) times as fast. Raises KnuckleError for an odd number of channels.
    """
    if channels % 2:
        raise KnuckleError(f"channels: expected an even number, got {channels}")
    place = (torch.arange(cells, dtype=torch.float32) + 0.5) * (2 * math.pi / cells)
    speed = temperature ** (-torch.arange(0, channels, 2, dtype=torch.float32) / channels)
    phase = place[:, None] * speed
    return torch.stack([phase.sin(), phase.cos()], dim=-1).flatten(1)


def sine_plane(
    along_y: Float[Tensor, "h half"], along_x: Float[Tensor, "w half"]
) -> Float[Tensor, "h*w channels"]:
    """Every cell's encoding, rows first: its row's channels, then its column's."""
    rows, columns = along_y.shape[0], along_x.shape[0]
    grid = [along_y[:, None].expand(-1, columns, -1), along_x[None].expand(rows, -1, -1)]
    return torch.cat(grid, dim=-1).flatten(0, 1)
