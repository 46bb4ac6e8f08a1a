"""Soft-argmax of heatmaps over the plane, and of 2.5D heatmaps (EHPE, Eq 2)."""

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.crop import unit_to_patch
from knuckle.geometry.float32 import in_float32


@in_float32
def soft_argmax_3d(logits: Float[Tensor, "B J D h w"]) -> Float[Tensor, "B J 3"]:
    """Expected (x, y, d) under the softmax over all D*h*w cells, each axis running over -1..1.

    x and y count from the map's left and upper edge to the other one (cell centres lie half a cell inside, as in
    grid_sample with align_corners=False); d from the first depth bin's value to the last one's.
    """
    depth, height, width = logits.shape[2:]
    p = logits.flatten(2).softmax(-1).unflatten(2, (depth, height * width))
    plane = p.sum(2).unflatten(2, (height, width))
    along = (plane.sum(2), plane.sum(3), p.sum(3))
    values = (cell_centres(width, logits), cell_centres(height, logits), depth_values(depth, logits))
    return torch.stack([(m * v).sum(-1) for m, v in zip(along, values, strict=True)], dim=-1)


@in_float32
def soft_argmax_2d(maps: Float[Tensor, "B J h w"], patch_size: int) -> Float[Tensor, "B J 2"]:
    """Expected position in patch px (pixel centres at integers) under the spatial softmax."""
    return unit_to_patch(soft_argmax_3d(maps[:, :, None])[..., :2], patch_size)


def cell_centres(cells: int, like: Tensor) -> Float[Tensor, "cells"]:
    """Centres of the cells of an axis whose edges are -1 and 1."""
    index = torch.arange(cells, dtype=like.dtype, device=like.device)
    return (index + 0.5) * (2 / cells) - 1


def depth_values(bins: int, like: Tensor) -> Float[Tensor, "bins"]:
    """Values of the depth bins: the first is -1, the last 1, so that the whole box can be reached."""
    index = torch.arange(bins, dtype=like.dtype, device=like.device)
    return index * (2 / max(bins - 1, 1)) - 1
