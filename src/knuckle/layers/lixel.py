"""Coordinates read from one-dimensional heatmaps, one per axis (image-to-lixel; HandAR Eq 1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.float32 import in_float32


class LixelHead(nn.Module):
    """Points (x, y, z) in bins from a feature map and a pooled feature.

    x and y: the map's mean over the other axis (brought to `bins` cells by linear interpolation where its side is
    another, which commutes with the mean), then a 1D convolution to one row of logits a point. z: a fully connected
    layer, batch norm and ReLU turn the pooled feature into `depth_width` channels of `bins` cells, then the same.
    Each coordinate is the expected bin under the softmax of its row, so it lies in [0, bins - 1].

    dilation: 0 for convolutions of width one only, otherwise one of width three with that dilation comes first.
    position: two more channels for the last convolution, a cell's place and its square, so that `start_at` can
    make any points the answer of a fresh head.
    """

    cell: Tensor
    positions: Tensor | None

    def __init__(
        self,
        width: int,
        pooled_width: int,
        points: int,
        bins: int,
        *,
        depth_width: int,
        dilation: int = 0,
        position: bool = False,
    ) -> None:
        super().__init__()
        self.bins = bins
        self.to_depth = nn.Sequential(
            nn.Linear(pooled_width, depth_width * bins, bias=False),
            nn.BatchNorm1d(depth_width * bins),
            nn.ReLU(inplace=True),
        )
        self.before = nn.ModuleList(_dilated(c, dilation) for c in (width, width, depth_width))
        extra = 2 if position else 0
        # No bias: one number added to a whole row changes nothing after the softmax.
        self.rows = nn.ModuleList(
            nn.Conv1d(c + extra, points, 1, bias=False) for c in (width, width, depth_width)
        )
        for row in self.rows:
            nn.init.normal_(row.get_parameter("weight"), std=1e-3)
        cell = torch.arange(bins, dtype=torch.float32)
        self.register_buffer("cell", cell, persistent=False)
        place = (cell + 0.5) * (2 / bins) - 1
        positions = torch.stack([place, place.square()])[None] if position else None
        self.register_buffer("positions", positions, persistent=False)

    @torch.no_grad()
    def start_at(self, points: Float[Tensor, "points 3"], *, sigma_bins: float) -> None:
        """Let an untrained head answer a Gaussian round each of `points` (bins); it needs `position`."""
        scale = 2 / self.bins
        variance = (sigma_bins * scale) ** 2
        for axis, row in enumerate(self.rows):
            weight = row.get_parameter("weight")
            weight[:, -2, 0] = ((points[:, axis] + 0.5) * scale - 1) / variance
            weight[:, -1, 0] = -0.5 / variance

    def forward(
        self, features: Float[Tensor, "B C h w"], pooled: Float[Tensor, "B P"]
    ) -> Float[Tensor, "B points 3"]:
        depth = self.to_depth(pooled).unflatten(1, (-1, self.bins))
        rows = (self._resized(features.mean(2)), self._resized(features.mean(3)), depth)
        return torch.stack([self._expected(axis, row) for axis, row in enumerate(rows)], dim=-1)

    def _resized(self, row: Float[Tensor, "B C cells"]) -> Float[Tensor, "B C bins"]:
        if row.shape[-1] == self.bins:
            return row
        return F.interpolate(row, size=self.bins, mode="linear", align_corners=False)

    @in_float32
    def _expected(self, axis: int, row: Float[Tensor, "B C bins"]) -> Float[Tensor, "B points"]:
        row = self.before[axis](row)
        if self.positions is not None:
            row = torch.cat([row, self.positions.expand(row.shape[0], -1, -1)], dim=1)
        return (self.rows[axis](row).softmax(-1) * self.cell).sum(-1)


def _dilated(width: int, dilation: int) -> nn.Module:
    if dilation == 0:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
    )
