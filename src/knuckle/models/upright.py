"""Upright crops: a network that sees hands pointing up answers for hands turned in the picture.

A crop turned by some angle is an axis-aligned one of the same camera rolled about its axis. So the direction map's
cells, and every coordinate that goes in or out, go through that roll (DaHyF's map through the inverse affine of the
crop), and the answer in the rolled camera is turned back.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.crop import turn_about_z
from knuckle.geometry.projection import px_to_rays, rays_to_px
from knuckle.models.contract import HandOutput, System

_POINTS = ("joints_m", "vertices_m", "rough_vertices_m", "rough_joints_m", "mesh_joints_m")


def infer_upright(
    model: System,
    patch: Float[Tensor, "B 3 S S"],
    crop: Float[Tensor, "B 3"],
    camera: Float[Tensor, "B 4"],
    roll: Float[Tensor, "B"],
) -> HandOutput:
    """`model.infer` of crops turned by `roll` (radians, clockwise in the picture:
    `knuckle.geometry.crop.Crop.roll_rad`).

    crop and camera are those of the frame, and so is the answer, but for joints_patch, which is of the turned patch.
    """
    rolled = torch.cat([_turn_px(crop[:, None, :2], camera, -roll)[:, 0], crop[:, 2:]], dim=1)
    output = model.infer(patch, rolled, camera)
    assert isinstance(output, HandOutput)
    back = turn_about_z(roll)
    turned = {
        name: value @ back.transpose(1, 2) for name in _POINTS if (value := getattr(output, name)) is not None
    }
    turned["joints_px"] = _turn_px(output.joints_px, camera, roll)
    if output.rotations is not None:
        first = back @ output.rotations[:, 0]
        turned["rotations"] = torch.cat([first[:, None], output.rotations[:, 1:]], dim=1)
    return output._replace(**turned)


def _turn_px(
    points_px: Float[Tensor, "B n 2"], camera: Float[Tensor, "B 4"], angle: Float[Tensor, "B"]
) -> Float[Tensor, "B n 2"]:
    """Pixels turned clockwise about the principal point, as a rolled camera sees them (K R K^-1)."""
    lens = camera[:, None]
    turn = turn_about_z(angle)[:, :2, :2]
    return rays_to_px(px_to_rays(points_px, lens) @ turn.transpose(1, 2), lens)
