"""Where each feature cell looks: DaHyF's global direction map (3.2, Eq 1-5) and its local ablation."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.crop import resized_px
from knuckle.geometry.float32 import in_float32
from knuckle.geometry.projection import px_to_rays

DirmapKind = Literal["none", "local", "global"]


@in_float32
def global_direction_map(
    frame_from_patch: Float[Tensor, "B 2 3"],
    camera: Float[Tensor, "B 4"],
    cells: int,
    patch_size: int,
) -> Float[Tensor, "B 2 h w"]:
    """Camera-frame direction (X/Z, Y/Z) of every feature cell's centre.

    The cell centres go through the inverse crop affine, so that rotated and mirrored crops are right too; for an
    axis-aligned crop this is Eq 1-5. camera: (fx, fy, cx, cy) px of the frame.
    """
    index = torch.arange(cells, device=camera.device, dtype=camera.dtype)
    centres = resized_px(index, patch_size / cells)
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    patch = torch.stack([x, y, torch.ones_like(x)]).flatten(1)
    frame = frame_from_patch @ patch
    direction = px_to_rays(frame.transpose(1, 2), camera[:, None]).transpose(1, 2)
    return direction.unflatten(2, (cells, cells))


def local_direction_map(
    batch: int, cells: int, like: Tensor, *, largest: float = 1.0
) -> Float[Tensor, "B 2 h w"]:
    """Column and row of every cell in 0..largest (CoordConv), the same for every crop: Table 4's LDM.

    The paper's runs to s_f, the number of cells.
    """
    index = torch.linspace(0, largest, cells, device=like.device, dtype=like.dtype)
    y, x = torch.meshgrid(index, index, indexing="ij")
    return torch.stack([x, y]).expand(batch, 2, cells, cells)
