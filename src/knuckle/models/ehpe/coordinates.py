"""EHPE's coordinates, and the joints and mesh of a hand in patch, frame and camera (ours; the paper stops at 2.5D).

Inside the network -1..1; outside px of a 256-px crop and mm from the wrist. x and y run from the crop's left and upper
edge (-1) to the other one, which is grid_sample's own convention (align_corners=False); z is the depth behind the
wrist over the depth box's half side.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.crop import patch_to_unit, unit_to_patch
from knuckle.layers.camera_head import lift, patch_to_frame, project, root_translation, weak_camera
from knuckle.models.ehpe.config import CROP_PX, EhpeConfig
from knuckle.models.ehpe.mesh_head import MeshParameters
from knuckle.rig.layer import RigLayer
from knuckle.skeleton import MIDDLE_MCP, WRIST


def to_px_mm(joints: Float[Tensor, "*b J 3"], depth_range_mm: float) -> Float[Tensor, "*b J 3"]:
    """-1..1 to (x px, y px, z mm); pixel centres at integers."""
    return torch.cat([unit_to_patch(joints[..., :2], CROP_PX), joints[..., 2:] * depth_range_mm], dim=-1)


def to_patch(joints: Float[Tensor, "*b J 3"], patch_size: int) -> Float[Tensor, "*b J 2"]:
    """-1..1 to px of the patch, pixel centres at integers."""
    return unit_to_patch(joints[..., :2], patch_size)


def from_labels(
    joints_patch: Float[Tensor, "*b J 2"],
    joints_m: Float[Tensor, "*b J 3"],
    *,
    patch_size: int,
    depth_range_mm: float,
) -> Float[Tensor, "*b J 3"]:
    """Labelled joints (px of the patch; camera frame, metres) as -1..1."""
    depth = (joints_m[..., 2:] - joints_m[..., WRIST : WRIST + 1, 2:]) * (1000 / depth_range_mm)
    return torch.cat([patch_to_unit(joints_patch, patch_size), depth], dim=-1)


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


class PlacedHands(NamedTuple):
    """H hands; `place_hand` gives one without that axis.

    joints_patch, joints_px: the fused joints in px of the patch and of the frame; joints_m: the same at the depth of
    the mesh's wrist, camera frame, metres. The others: the rig under the mesh head's parameters.
    """

    joints_patch: Float[Tensor, "B H 21 2"]
    joints_px: Float[Tensor, "B H 21 2"]
    joints_m: Float[Tensor, "B H 21 3"]
    rotations: Float[Tensor, "B H 16 3 3"]
    shape: Float[Tensor, "B H 10"]
    mesh_joints_m: Float[Tensor, "B H 21 3"]
    mesh_joints_px: Float[Tensor, "B H 21 2"]
    vertices_m: Float[Tensor, "B H V 3"] | None


def place_hand(
    config: EhpeConfig,
    rig: RigLayer,
    parameters: MeshParameters,
    joints: Float[Tensor, "B 21 3"],
    crop: Float[Tensor, "B 3"],
    camera: Float[Tensor, "B 4"],
    *,
    vertices: bool,
) -> PlacedHands:
    """The mesh at its weak-perspective camera's place, and the fused joints (-1..1) behind or before its wrist."""
    mesh, mesh_joints = rig(parameters.rotations, parameters.shape, vertices=vertices)
    weak = weak_camera(parameters.camera, scale_prior=config.scale_prior)
    root = mesh_joints[:, MIDDLE_MCP : MIDDLE_MCP + 1]
    offset = root_translation(weak, crop, camera)[:, None] - root
    mesh_joints = mesh_joints + offset
    patch_px = to_patch(joints, config.patch_size)
    frame_px = patch_to_frame(patch_px, crop, config.patch_size)
    behind_wrist = (joints[..., 2] - joints[:, WRIST : WRIST + 1, 2]) * (config.depth_range_mm / 1000)
    return PlacedHands(
        joints_patch=patch_px,
        joints_px=frame_px,
        joints_m=lift(frame_px, mesh_joints[:, WRIST : WRIST + 1, 2] + behind_wrist, camera),
        rotations=parameters.rotations,
        shape=parameters.shape,
        mesh_joints_m=mesh_joints,
        mesh_joints_px=project(mesh_joints, camera),
        vertices_m=None if mesh is None else mesh + offset,
    )


def stack_hands(hands: list[PlacedHands]) -> PlacedHands:
    """Several hands of a batch side by side on a new second axis."""

    def stacked(name: str) -> Tensor:
        return torch.stack([getattr(hand, name) for hand in hands], dim=1)

    without_mesh = hands[0].vertices_m is None
    parts = {name: stacked(name) for name in PlacedHands._fields if name != "vertices_m"}
    return PlacedHands(**parts, vertices_m=None if without_mesh else stacked("vertices_m"))
