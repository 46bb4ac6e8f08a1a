"""EHPE's coordinates: -1..1 inside the network; px of a 256-px crop and mm from the wrist outside it.

x and y run from the crop's left and upper edge (-1) to the other one, which is grid_sample's own convention
(align_corners=False); z is the depth behind the wrist over the depth box's half side.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.models.ehpe.config import CROP_PX
from knuckle.rig.layer import RigLayer
from knuckle.skeleton import WRIST


def to_px_mm(joints: Float[Tensor, "*b J 3"], depth_range_mm: float) -> Float[Tensor, "*b J 3"]:
    """-1..1 to (x px, y px, z mm); pixel centres at integers."""
    plane = joints[..., :2] * (CROP_PX / 2) + (CROP_PX - 1) / 2
    return torch.cat([plane, joints[..., 2:] * depth_range_mm], dim=-1)


def to_patch(joints: Float[Tensor, "*b J 3"], patch_size: int) -> Float[Tensor, "*b J 2"]:
    """-1..1 to px of the patch, pixel centres at integers."""
    return joints[..., :2] * (patch_size / 2) + (patch_size - 1) / 2


def from_labels(
    joints_patch: Float[Tensor, "*b J 2"],
    joints_m: Float[Tensor, "*b J 3"],
    *,
    patch_size: int,
    depth_range_mm: float,
) -> Float[Tensor, "*b J 3"]:
    """Labelled joints (px of the patch; camera frame, metres) as -1..1."""
    plane = (joints_patch - (patch_size - 1) / 2) * (2 / patch_size)
    depth = (joints_m[..., 2:] - joints_m[..., WRIST : WRIST + 1, 2:]) * (1000 / depth_range_mm)
    return torch.cat([plane, depth], dim=-1)


@torch.no_grad()
def mean_hand(rig: RigLayer, depth_range_mm: float) -> Float[Tensor, "21 3"]:
    """The rig at rest, parallel to the image and in the crop's middle, its longer side 60 % of the crop's: -1..1."""
    _, joints = rig(torch.eye(3).expand(1, 16, 3, 3), torch.zeros(1, 10), vertices=False)
    joints = joints[0]
    plane = joints[:, :2]
    low, high = plane.amin(0), plane.amax(0)
    plane = (plane - (low + high) / 2) * (1.2 / (high - low).max())
    depth = (joints[:, 2:] - joints[WRIST, 2]) * (1000 / depth_range_mm)
    return torch.cat([plane, depth], dim=1)
