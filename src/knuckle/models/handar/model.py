"""HandAR: joint stage, mesh stage and refine stage for a mesh that lies on the image (Tang et al., ICCV 2021).

Section and equation numbers are the paper's. What the paper leaves open, and what was chosen, stands in the README of
this folder.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.crop import middle_px
from knuckle.layers.backbones import Backbone
from knuckle.layers.blocks import DeconvFusion, TopDownFusion
from knuckle.layers.camera_head import project, root_depth, weak_camera
from knuckle.layers.confidence import ConfidenceHead
from knuckle.layers.coordinate_linear import CoordinateLinear
from knuckle.layers.lixel import LixelHead
from knuckle.models.contract import HandOutput, System
from knuckle.models.handar.config import DEPTH_BOX_M, HandarConfig
from knuckle.models.handar.coordinates import bins_to_metres
from knuckle.models.handar.joint_stage import Fuse, JointFeature, SegmentationHead
from knuckle.models.handar.mesh_joints import joint_matrix, joints_of_mesh
from knuckle.models.handar.mesh_stage import MeshEncoder, MeshStage
from knuckle.models.handar.refine_stage import RefineStage
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.layer import RigLayer
from knuckle.rig.load import load_rig
from knuckle.skeleton import JOINT_COUNT


class HandarOutput(NamedTuple):
    """Everything the losses need; points in heatmap space (`coordinates`), None where a switch is off.

    Without a refine stage the final mesh is the rough one.
    """

    rough: Float[Tensor, "B V 3"]
    final: Float[Tensor, "B V 3"]
    joints: Float[Tensor, "B 21 3"] | None
    segmentation: Float[Tensor, "B 2 s s"] | None
    root_depth_m: Float[Tensor, "B"]
    confidence_logit: Float[Tensor, "B"]


class Handar(System):
    """One right hand per patch. `forward(patch, crop, camera)`; see `HandarOutput`."""

    hands = 1
    config: HandarConfig

    joint_matrix: Tensor

    def __init__(self, config: HandarConfig, *, pretrained: bool = False) -> None:
        super().__init__()
        self.config, self.upright = config, config.upright
        rig = load_rig(config.rig, side="right")
        self.rig = RigLayer(rig)
        self.register_buffer("joint_matrix", torch.from_numpy(joint_matrix(rig)), persistent=False)
        self.backbone = Backbone(config.backbone, finest=2, pretrained=pretrained)
        channels = self.backbone.channels
        if config.joint_stage:
            if config.backbone == "resnet50":
                self.fusion: nn.Module = DeconvFusion(channels, config.fusion_width)
            else:
                self.fusion = TopDownFusion(channels[2:], config.fusion_width)
            self.joint_feature = JointFeature(config)
            self.fuse = Fuse(config)
            self.mesh_encoder = MeshEncoder(config, pretrained=pretrained)
            mesh_channels = self.mesh_encoder.channels
            self.joint_head: LixelHead | None = LixelHead(
                config.fusion_width,
                channels[-1],
                JOINT_COUNT,
                config.bins,
                depth_width=config.depth_width,
                dilation=config.head_dilation,
                position=config.mean_start,
            )
        else:
            mesh_channels = channels[1:] if config.backbone == "resnet50" else channels[2:]
            self.joint_head = None
        separable = config.backbone != "resnet50"
        self.segmentation = SegmentationHead(channels, separable=separable) if config.segmentation else None
        self.mesh_stage = MeshStage(config, mesh_channels, len(rig.vertices))
        if config.refine_stage:
            self.refine_stage = RefineStage(
                config,
                torch.from_numpy(rig.faces.astype("int64")),
                len(rig.vertices),
                local_width=3 + channels[0] + config.shared_width + mesh_channels[0],
                pooled_width=mesh_channels[-1],
            )
        last = CoordinateLinear(64, 1)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)
        self.root_head = nn.Sequential(nn.Linear(channels[-1], 64), nn.ReLU(inplace=True), last)
        self.confidence = ConfidenceHead(channels[-1])
        if config.mean_start:
            self._start_at_mean_hand(rig)

    def forward(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> HandarOutput:
        return self._run(patch, crop, camera, training_branches=True)

    def infer(
        self,
        patch: Float[Tensor, "B 3 S S"],
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
    ) -> HandOutput:
        """The hand without the branches only training needs; the rough mesh and its joints beside the final ones.

        Rotations and shape are None: they come from a fit of the rig to the mesh.
        """
        output = self._run(patch, crop, camera, training_branches=False)
        vertices, rough = (
            bins_to_metres(mesh, output.root_depth_m, crop, camera, self.config)
            for mesh in (output.final, output.rough)
        )
        joints = joints_of_mesh(self.joint_matrix, vertices)
        return HandOutput(
            joints_px=project(joints, camera),
            joints_m=joints,
            vertices_m=vertices,
            confidence=output.confidence_logit.sigmoid(),
            rough_vertices_m=rough if self.config.refine_stage else None,
            rough_joints_m=joints_of_mesh(self.joint_matrix, rough) if self.config.refine_stage else None,
        )

    def after_loading_parts(self, parts: Sequence[str]) -> None:
        """Start the mesh stage's encoder from the joint stage's, unless it was among the parts a trainer loaded."""
        if self.config.joint_stage and not any(part.startswith("mesh_encoder") for part in parts):
            self.mesh_encoder.copy_from(self.backbone)

    def _run(self, patch: Tensor, crop: Tensor, camera: Tensor, *, training_branches: bool) -> HandarOutput:
        paper = self.config.backbone == "resnet50"
        maps = self.backbone(patch)
        pooled = maps[-1].mean((2, 3)).float()
        # The paper's shallow feature is what its first stage takes: the stem's map after pooling.
        shared = F.max_pool2d(maps[0], 3, stride=2, padding=1) if paper else maps[1]
        joints = None
        if self.config.joint_stage:
            decoded = self.fusion(maps if paper else maps[2:])
            mesh_maps = self.mesh_encoder(self.fuse(self.joint_feature(decoded), shared))
            if training_branches and self.joint_head is not None:
                joints = self.joint_head(decoded, pooled)
        else:
            mesh_maps = maps[1:] if paper else maps[2:]
        mesh_pooled = mesh_maps[-1].mean((2, 3)).float()
        segmentation = None
        if training_branches and self.segmentation is not None:
            segmentation = self.segmentation(maps).float()
        rough = final = self.mesh_stage(mesh_maps, mesh_pooled)
        if self.config.refine_stage:
            final = self.refine_stage(rough, [patch, maps[0], shared, mesh_maps[0]], mesh_pooled)
        raw = F.pad(self.root_head(pooled).float(), (0, 2))
        scale = weak_camera(raw, scale_prior=self.config.scale_prior)[:, 0]
        return HandarOutput(
            rough,
            final,
            joints,
            segmentation,
            root_depth_m=root_depth(scale, crop, camera),
            confidence_logit=self.confidence(pooled),
        )

    def _start_at_mean_hand(self, rig: HandRig) -> None:
        """Let fresh lixel heads answer the rest hand, half as large as the patch, in its middle."""
        size = self.config.bins
        rest = torch.from_numpy(rig.vertices.astype("float32"))
        joints = self.joint_matrix @ rest
        low, high = rest.amin(0), rest.amax(0)
        scale = 0.5 * size / (high - low)[:2].max()

        def placed(points: Tensor) -> Tensor:
            xy = (points[:, :2] - (low + high)[:2] / 2) * scale
            z = (points[:, 2:] - joints[self.config.root_joint, 2]) * (size / DEPTH_BOX_M)
            return torch.cat([xy, z], dim=1) + middle_px(size)

        sigma = 0.1 * size
        self.mesh_stage.head.start_at(placed(rest), sigma_bins=sigma)
        if self.joint_head is not None:
            self.joint_head.start_at(placed(joints), sigma_bins=sigma)
