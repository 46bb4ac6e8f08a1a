"""Rotations, shape and camera of a hand from FEM's features at its joints (after EANet's RotationNet).

EHPE's paper reports mesh errors without saying how the mesh is made; see the README of this folder.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.layers.attention import SelfAttentionBlock
from knuckle.layers.coordinate_linear import CoordinateLinear
from knuckle.models.ehpe.config import EhpeConfig
from knuckle.models.ehpe.spi import joint_features
from knuckle.rig.rotations import rot6d_to_matrix
from knuckle.skeleton import JOINT_COUNT

ROTATIONS = 16
SHAPES = 10


class MeshParameters(NamedTuple):
    """rotations: MANO's order, the first camera-from-hand; camera: raw (knuckle.layers.camera_head.weak_camera)."""

    rotations: Float[Tensor, "B 16 3 3"]
    shape: Float[Tensor, "B 10"]
    camera: Float[Tensor, "B 3"]


class MeshHead(nn.Module):
    """Features sampled at the 21 joints meet in a transformer, or only in the MLP that reads them all.

    The gradient stops at the joints: the position loss alone moves them. Shape and camera come from the pooled
    feature.
    """

    def __init__(self, config: EhpeConfig, channels: int, pooled_channels: int) -> None:
        super().__init__()
        width = config.mesh_width
        self.narrow = nn.Conv2d(channels, width, 1)
        blocks = 4 if config.mesh_head == "transformer" else 0
        self.blocks = nn.ModuleList(SelfAttentionBlock(width, 4) for _ in range(blocks))
        inputs, hidden = JOINT_COUNT * (width + 3), config.mesh_hidden
        if config.mesh_head == "mlp":
            self.hidden: nn.Module = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(inplace=True))
            inputs = hidden
        else:
            self.hidden = nn.Identity()
        self.rotation = CoordinateLinear(inputs, ROTATIONS * 6)
        self.shape = CoordinateLinear(pooled_channels, SHAPES)
        self.camera = CoordinateLinear(pooled_channels, 3)
        for last in (self.rotation, self.shape, self.camera):
            nn.init.xavier_uniform_(last.weight, gain=0.01)
            nn.init.zeros_(last.bias)

    def forward(
        self,
        features: Float[Tensor, "B C h w"],
        pooled: Float[Tensor, "B P"],
        joints: Float[Tensor, "B 21 3"],
    ) -> MeshParameters:
        joints = joints.detach()
        tokens = joint_features(self.narrow(features), joints)
        for block in self.blocks:
            tokens = block(tokens)
        raw = self.rotation(self.hidden(torch.cat([tokens, joints], dim=-1).flatten(1)))
        identity = torch.tensor([1.0, 0, 0, 0, 1, 0], device=raw.device)
        rotations = rot6d_to_matrix(raw.unflatten(1, (ROTATIONS, 6)) + identity)
        return MeshParameters(rotations, self.shape(pooled), self.camera(pooled))
