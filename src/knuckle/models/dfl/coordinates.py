"""DFL's coordinates: -1..1 inside the network; px of a 256-px crop and depth bins outside it.

u and v run from the crop's left and upper edge (-1) to the other one; d is the depth behind the own wrist over half
the depth box.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.crop import resized_px, unit_to_patch
from knuckle.models.dfl.config import CROP_PX, DEPTH_BOX_M
from knuckle.skeleton import WRIST

_HALF = CROP_PX / 2


def to_px(joints: Float[Tensor, "*b 21 2"]) -> Float[Tensor, "*b 21 2"]:
    """-1..1 to (u px, v px); pixel centres at integers."""
    return unit_to_patch(joints, CROP_PX)


def to_px_bins(joints: Float[Tensor, "*b 21 3"]) -> Float[Tensor, "*b 21 3"]:
    """-1..1 to (u px, v px, d bins behind the own wrist)."""
    return torch.cat([to_px(joints[..., :2]), joints[..., 2:] * _HALF], dim=-1)


def to_patch(uvd: Float[Tensor, "*b 21 3"], patch_size: int) -> Float[Tensor, "*b 21 2"]:
    """(px, px, bins) of the 256-px crop to px of the patch, pixel centres at integers."""
    return resized_px(uvd[..., :2], patch_size / CROP_PX)


def to_depth_m(uvd: Float[Tensor, "*b 21 3"]) -> Float[Tensor, "*b 21"]:
    """(px, px, bins) to metres behind the own wrist."""
    depth = uvd[..., 2]
    return (depth - depth[..., WRIST : WRIST + 1]) * (DEPTH_BOX_M / CROP_PX)


def from_labels(
    joints_patch: Float[Tensor, "*b 21 2"], joints_m: Float[Tensor, "*b 21 3"], *, patch_size: int
) -> Float[Tensor, "*b 21 3"]:
    """Labelled joints (px of the patch; camera frame, metres) as (px, px, bins) of the 256-px crop."""
    plane = resized_px(joints_patch, CROP_PX / patch_size)
    depth = (joints_m[..., 2:] - joints_m[..., WRIST : WRIST + 1, 2:]) * (CROP_PX / DEPTH_BOX_M)
    return torch.cat([plane, depth], dim=-1)
