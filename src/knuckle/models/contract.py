"""What every one-hand system takes as labels and gives at inference, so that one can stand for another."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from knuckle.rig.layer import RigLayer
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import MIDDLE_MCP


class Targets(NamedTuple):
    """Labels of a batch of right hands; rows without a hand (`is_hand` false) count in the confidence loss only.

    joints_patch: px of the patch, pixel centres at integers; joints_px: px of the frame; joints_m: camera frame,
    metres; pose: axis-angle in MANO's order, the first one camera-from-hand.
    """

    joints_patch: Float[Tensor, "B 21 2"]
    joints_px: Float[Tensor, "B 21 2"]
    joints_m: Float[Tensor, "B 21 3"]
    pose: Float[Tensor, "B 16 3"]
    shape: Float[Tensor, "B 10"]
    is_hand: Bool[Tensor, "B"]


class HandOutput(NamedTuple):
    """A system's answer for a batch of right hands; None where the system has no such output.

    joints_px: px of the frame; joints_m, vertices_m: camera frame, metres; confidence: 0..1; rotations: MANO's
    order, the first one camera-from-hand; joints_patch: the system's own 2D joints, px of the patch. For evaluation
    only: rough_vertices_m, a mesh before refinement; mesh_joints_m, the mesh's joints where joints_m are others.
    """

    joints_px: Float[Tensor, "B 21 2"]
    joints_m: Float[Tensor, "B 21 3"]
    vertices_m: Float[Tensor, "B V 3"]
    confidence: Float[Tensor, "B"]
    rotations: Float[Tensor, "B 16 3 3"] | None = None
    shape: Float[Tensor, "B 10"] | None = None
    joints_patch: Float[Tensor, "B 21 2"] | None = None
    rough_vertices_m: Float[Tensor, "B V 3"] | None = None
    mesh_joints_m: Float[Tensor, "B 21 3"] | None = None


@torch.no_grad()
def truth_mesh(rig: RigLayer, targets: Targets) -> tuple[Float[Tensor, "B V 3"], Float[Tensor, "B 21 3"]]:
    """The rig's vertices and joints under the labelled pose, in the camera frame, middle MCP on the label's."""
    vertices, joints = rig(rodrigues(targets.pose), targets.shape)
    root = slice(MIDDLE_MCP, MIDDLE_MCP + 1)
    offset = targets.joints_m[:, root] - joints[:, root]
    return vertices + offset, joints + offset
