"""Features of maps where joints or vertices lie on them (HandAR 3.3, EHPE 3.3)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def sample_at(
    maps: list[Tensor], places: Float[Tensor, "B V 2"], *, padding: Literal["zeros", "border"] = "zeros"
) -> Float[Tensor, "V B C"]:
    """Bilinear samples of several maps (B, c, h, w) side by side, one row a point.

    places: x, y in [-1, 1] from a map's outer edge to its other outer edge, whatever its size
    (`align_corners=False`); padding: what lies outside. Points come first, as `MeshGraph` takes them.
    """
    grid = places[:, :, None]
    samples = [
        F.grid_sample(m.float(), grid, mode="bilinear", padding_mode=padding, align_corners=False)[..., 0]
        for m in maps
    ]
    return torch.cat([s.permute(2, 0, 1) for s in samples], dim=-1)
