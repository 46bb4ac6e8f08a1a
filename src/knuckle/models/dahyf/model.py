"""DaHyF: direction-aware hybrid features for one hand's pose, shape and camera (Liu et al.).

Equation numbers are the paper's. What the paper leaves open or prints wrongly, and what was chosen, stands in the
README of this folder.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.geometry.crop import crop_to_affine, middle_px
from knuckle.geometry.float32 import in_float32
from knuckle.geometry.projection import px_to_rays
from knuckle.layers.backbones import Backbone
from knuckle.layers.blocks import (
    ConcatFusion,
    DeconvFusion,
    TopDownFusion,
    conv_block,
    separable_block,
)
from knuckle.layers.camera_head import frame_to_patch, patch_to_frame, project, root_translation, weak_camera
from knuckle.layers.coordinate_linear import CoordinateLinear
from knuckle.layers.simcc import Decode, SimccHead, decode_axis
from knuckle.layers.soft_argmax import soft_argmax_2d
from knuckle.models.contract import HandOutput, System
from knuckle.models.dahyf.config import DahyfConfig
from knuckle.models.dahyf.direction_map import global_direction_map, local_direction_map
from knuckle.rig.layer import RigLayer
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues, rot6d_to_matrix
from knuckle.skeleton import JOINT_COUNT, MIDDLE_MCP

ROTATIONS = 16
SHAPES = 10


class DahyfOutput(NamedTuple):
    """Everything the losses and the predictor need; px of the frame unless named otherwise, metres, camera frame."""

    maps: Float[Tensor, "B 21 h w"] | None
    logits: tuple[Float[Tensor, "B 21 bins"], Float[Tensor, "B 21 bins"]] | None
    joints_patch: Float[Tensor, "B 21 2"] | None
    rotations: Float[Tensor, "B 16 3 3"]
    shape: Float[Tensor, "B 10"]
    weak: Float[Tensor, "B 3"]
    joints_m: Float[Tensor, "B 21 3"]
    joints_px: Float[Tensor, "B 21 2"]
    vertices_m: Float[Tensor, "B V 3"] | None
    similarity: Float[Tensor, "B"] | None


class Dahyf(System):
    """One right hand per patch. `forward(patch, crop, camera)`; see `DahyfOutput`."""

    hands = 1
    config: DahyfConfig

    def __init__(self, config: DahyfConfig, *, pretrained: bool = False) -> None:
        super().__init__()
        self.config, self.upright = config, config.upright
        self.backbone = Backbone(config.backbone, finest=config.finest, pretrained=pretrained)
        fusion = {"topdown": TopDownFusion, "concat": ConcatFusion}
        if config.fusion == "deconv":
            steps = int(math.log2(self.backbone.strides[-1] // config.finest))
            self.fusion: nn.Module = DeconvFusion(self.backbone.channels, config.width, steps=steps)
        else:
            self.fusion = fusion[config.fusion](self.backbone.channels, config.width)
        direction_channels = {"none": 0, "local": 2, "global": 2}[config.dirmap]
        self.copies = config.width // 2 if config.gdm_replicate == "match" and direction_channels else 1
        mix = separable_block if config.preset in ("lite", "photo") else conv_block
        self.mix = nn.Sequential(
            mix(config.width + direction_channels * self.copies, config.width),
            mix(config.width, config.width),
        )
        if config.joint2d != "none":
            self.to_maps = nn.Sequential(
                mix(config.width, config.width), nn.Conv2d(config.width, JOINT_COUNT, 1)
            )
        if config.joint2d == "simcc":
            self.simcc = SimccHead(config.map_size, config.patch_size, split=config.split)
        self.pool, pooled = _pool(config)
        self.regressor = _mlp(config, pooled + _joint_features(config))
        self.rig = RigLayer(load_rig(config.rig, side="right"))

    def forward(
        self,
        patch: Float[Tensor, "B 3 S S"],
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
        *,
        vertices: bool = False,
        decode: Decode = "soft",
    ) -> DahyfOutput:
        features = self._direction_aware(self.fusion(self.backbone(patch)).float(), crop, camera)
        maps, logits, joints_patch = self._joints_2d(features, decode)
        pooled = self.pool(features).flatten(1).float()
        rotations, shape, weak = self._regressed(pooled, joints_patch, crop, camera)
        mesh, joints_m = self._placed(rotations, shape, weak, crop, camera, vertices=vertices)
        joints_px = project(joints_m, camera)
        compared = joints_px
        if self.config.detach_2d and self.training and joints_patch is not None:
            # Once more for L_c alone: the other losses still reach the 2D branch by way of the encoded joints.
            apart = self._regressed(pooled, joints_patch.detach(), crop, camera)
            compared = project(self._placed(*apart, crop, camera, vertices=False)[1], camera)
        return DahyfOutput(
            maps,
            logits,
            joints_patch,
            rotations,
            shape,
            weak,
            joints_m,
            joints_px,
            mesh,
            None if joints_patch is None else self._similarity(joints_patch, compared, crop),
        )

    def _regressed(
        self, pooled: Tensor, joints_patch: Tensor | None, crop: Tensor, camera: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rotations, shape and weak-perspective camera from the hybrid features."""
        hybrid = [pooled]
        if joints_patch is not None:
            hybrid.append(self._encode_joints(joints_patch, crop, camera))
        return self._decode_parameters(self.regressor(torch.cat(hybrid, dim=1)))

    def _placed(
        self, rotations: Tensor, shape: Tensor, weak: Tensor, crop: Tensor, camera: Tensor, *, vertices: bool
    ) -> tuple[Float[Tensor, "B V 3"] | None, Float[Tensor, "B 21 3"]]:
        """The rig's mesh and joints in the camera frame."""
        mesh, joints = self.rig(rotations, shape, vertices=vertices)
        root = joints[:, MIDDLE_MCP : MIDDLE_MCP + 1]
        translation = root_translation(weak, crop, camera)[:, None]
        return None if mesh is None else mesh - root + translation, joints - root + translation

    def infer(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> HandOutput:
        """The hand with its mesh. The confidence is the cosine of Eq 8 brought to 0..1, or 1 without a 2D branch."""
        output = self(patch, crop, camera, vertices=True, decode=self.config.decode)
        if output.joints_patch is None or output.similarity is None:
            joints_patch = frame_to_patch(output.joints_px, crop, self.config.patch_size)
            confidence = torch.ones_like(crop[:, 0])
        else:
            joints_patch, confidence = output.joints_patch, (output.similarity + 1) / 2
        return HandOutput(
            joints_px=output.joints_px,
            joints_m=output.joints_m,
            vertices_m=output.vertices_m,
            confidence=confidence.clamp(0, 1),
            rotations=output.rotations,
            shape=output.shape,
            joints_patch=joints_patch,
        )

    def _direction_aware(self, features: Tensor, crop: Tensor, camera: Tensor) -> Tensor:
        """Fuse F with its direction map and convolve: F_m (3.2)."""
        size, cells = self.config.patch_size, self.config.map_size
        if self.config.dirmap == "global":
            frame_from_patch = in_float32(crop_to_affine)(crop, size)
            direction = global_direction_map(frame_from_patch, camera, cells, size)
        elif self.config.dirmap == "local":
            largest = 1.0 if self.config.local_map == "unit" else float(cells)
            direction = local_direction_map(features.shape[0], cells, features, largest=largest)
        else:
            return self.mix(features)
        return self.mix[1](self._join(features, direction))

    @in_float32
    def _join(self, features: Tensor, direction: Tensor) -> Tensor:
        """The first convolution of both; autocast would round the directions on their way into it."""
        return self.mix[0](torch.cat([features, direction.repeat(1, self.copies, 1, 1)], dim=1))

    def _joints_2d(self, features: Tensor, decode: Decode):
        if self.config.joint2d == "none":
            return None, None, None
        maps = self.to_maps(features).float()
        if self.config.joint2d == "heatmap":
            return maps, None, soft_argmax_2d(maps, self.config.patch_size)
        logits_x, logits_y = self.simcc(maps)
        logits_x, logits_y = logits_x.float(), logits_y.float()
        uv = [decode_axis(axis, self.config.split, decode=decode) for axis in (logits_x, logits_y)]
        return maps, (logits_x, logits_y), torch.stack(uv, dim=-1)

    def _encode_joints(self, joints_patch: Tensor, crop: Tensor, camera: Tensor) -> Tensor:
        """V_PE (Eq 6, 7), or the coordinates themselves without PE."""
        size = self.config.patch_size
        offset = joints_patch - middle_px(size)
        if self.config.pe_coord == "patch":
            coordinates = offset / camera[:, None, :2]
        elif self.config.pe_coord == "frame":
            coordinates = px_to_rays(patch_to_frame(joints_patch, crop, size), camera[:, None])
        else:
            coordinates = offset / size
        if not self.config.pe:
            return coordinates.flatten(1)
        bands = 2.0 ** torch.arange(1, self.config.pe_bands + 1, device=offset.device) * math.pi
        phases = coordinates[..., None] * bands
        return torch.cat([phases.sin(), phases.cos()], dim=-1).flatten(1)

    def _decode_parameters(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """MLP output -> rotations, shape, weak-perspective camera (s, tx, ty)."""
        width = 3 if self.config.rot_repr == "aa" else 6
        rotation, shape, weak = raw.split([ROTATIONS * width, SHAPES, 3], dim=1)
        rotation = rotation.unflatten(1, (ROTATIONS, width))
        if self.config.rot_repr == "aa":
            matrices = rodrigues(rotation)
        else:
            identity = torch.tensor([1.0, 0, 0, 0, 1, 0], device=raw.device)
            matrices = rot6d_to_matrix(rotation + identity)
        return matrices, shape, weak_camera(weak, scale_prior=self.config.scale_prior)

    def _similarity(self, joints_patch: Tensor, joints_px: Tensor, crop: Tensor) -> Tensor:
        """Cosine of the 2D branch's joints and the projected ones, round the patch centre (Eq 8, 9)."""
        size = self.config.patch_size
        if self.config.detach_2d:
            joints_patch = joints_patch.detach()
        branch = ((joints_patch - middle_px(size)) / size).flatten(1)
        projected = ((joints_px - crop[:, None, :2]) / crop[:, None, 2:]).flatten(1)
        norms = branch.square().sum(1).add(1e-8).sqrt() * projected.square().sum(1).add(1e-8).sqrt()
        return (branch * projected).sum(1) / norms


def _pool(config: DahyfConfig) -> tuple[nn.Module, int]:
    if config.pool == "gap":
        return nn.AdaptiveAvgPool2d(1), config.width
    middle = (config.width + config.pool_width) // 2
    return (
        nn.Sequential(
            separable_block(config.width, middle, stride=2),
            separable_block(middle, config.pool_width, stride=2),
            nn.AdaptiveAvgPool2d(1),
        ),
        config.pool_width,
    )


def _joint_features(config: DahyfConfig) -> int:
    if config.joint2d == "none":
        return 0
    return 2 * JOINT_COUNT * (2 * config.pe_bands if config.pe else 1)


def _mlp(config: DahyfConfig, inputs: int) -> nn.Sequential:
    outputs = ROTATIONS * (3 if config.rot_repr == "aa" else 6) + SHAPES + 3
    layers: list[nn.Module] = []
    for _ in range(config.mlp_layers):
        layers += [nn.Linear(inputs, config.mlp_width), nn.ReLU(inplace=True), nn.Dropout(config.dropout)]
        inputs = config.mlp_width
    last = CoordinateLinear(inputs, outputs)
    # Start at the rest pose before the camera, as CLIFF's decoder does.
    nn.init.xavier_uniform_(last.weight, gain=0.01)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)
