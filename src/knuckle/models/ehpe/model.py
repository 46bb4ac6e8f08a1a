"""EHPE: tips and wrist first, then the other joints under their guidance (Xu et al. 2025).

Equation numbers are the paper's. What the paper leaves open or prints wrongly, and what was chosen, stands in the
README of this folder.
"""

import math
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.errors import KnuckleError
from knuckle.layers.backbones import Backbone
from knuckle.layers.blocks import ConcatFusion, DeconvFusion, TopDownFusion
from knuckle.layers.confidence import ConfidenceHead
from knuckle.models.contract import HandOutput, System, TwoHandOutput
from knuckle.models.ehpe.config import EhpeConfig
from knuckle.models.ehpe.coordinates import PlacedHands, mean_hand, place_hand, stack_hands, to_px_mm
from knuckle.models.ehpe.mesh_head import MeshHead
from knuckle.models.ehpe.pg_stage import PgOutput, PgStage
from knuckle.models.ehpe.tw_stage import TwOutput, TwStage
from knuckle.rig.layer import RigLayer
from knuckle.rig.load import load_rig
from knuckle.skeleton import Side

Phase = Literal["all", "tw", "pg"]


class EhpeOutput(NamedTuple):
    """Everything the losses need; H hands, J joints of the TW-stage. None: no part of this configuration or phase.

    tw_joints, joints_25d: (x px, y px, z mm behind the wrist) of a 256-px crop, the TW-stage's and the fused ones.
    l1: Eq 5, zero outside training.
    """

    confidence_logit: Float[Tensor, "B"]
    heatmaps: Float[Tensor, "B stacks HJ h w"] | None
    tw_joints: Float[Tensor, "B H J 3"] | None
    l1: Float[Tensor, ""]
    attention: Float[Tensor, "B H layers heads 21 21"] | None = None
    joints_25d: Float[Tensor, "B H 21 3"] | None = None
    hands: PlacedHands | None = None


class FirstStage(NamedTuple):
    """features: what the PG-stage reads; tw: None without a TW-stage."""

    features: Float[Tensor, "B C h w"]
    tw: TwOutput | None


class Ehpe(System):
    """One right hand per patch, or with `hands=2` a right and a left one, in this order. See `EhpeOutput`."""

    PHASES = get_args(Phase)
    config: EhpeConfig

    def __init__(self, config: EhpeConfig, *, pretrained: bool = False) -> None:
        super().__init__()
        self.config, self.upright, self.hands = config, config.upright, config.hands
        self.phase: str = "all"
        self.backbone = Backbone(config.backbone, finest=config.finest, pretrained=pretrained)
        if config.tw_joints or config.pg_feature == "fused":
            self.fusion = _fusion(config, self.backbone)
        channels = config.width if config.pg_feature == "fused" else self.backbone.channels[-1]
        self.rigs = nn.ModuleList(RigLayer(load_rig(config.rig, side=side)) for side in sides_of(config))
        if config.tw_joints:
            self.tw = TwStage(config)
        mesh_channels = channels
        if config.has_pg:
            means = torch.stack([mean_hand(rig, config.depth_range_mm) for rig in self._rigs()])
            self.pg = PgStage(config, channels, means)
            mesh_channels = config.fem_width if config.use_fem else channels
        self.meshes = nn.ModuleList(MeshHead(config, mesh_channels, channels) for _ in range(config.hands))
        self.confidence = ConfidenceHead(channels)

    @property
    def rig(self) -> RigLayer:
        """The right hand's rig."""
        return self._rigs()[0]

    def _rigs(self) -> list[RigLayer]:
        return [rig for rig in self.rigs if isinstance(rig, RigLayer)]

    def forward(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> EhpeOutput:
        return self._run(patch, crop, camera, vertices=self.config.mesh_vertices_weight > 0)

    def infer(
        self, patch: Float[Tensor, "B 3 S S"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
    ) -> HandOutput | TwoHandOutput:
        """With `hands=2` the confidence says whether the patch shows any hand, for both alike."""
        output = self._run(patch, crop, camera, vertices=True)
        hands, confidence = output.hands, output.confidence_logit.sigmoid()
        assert hands is not None and hands.vertices_m is not None
        if self.hands == 2:
            return TwoHandOutput(
                hands.joints_px,
                hands.joints_m,
                confidence[:, None].expand(-1, 2),
                hands.joints_patch,
                vertices_m=hands.vertices_m,
                rotations=hands.rotations,
                shape=hands.shape,
                mesh_joints_m=hands.mesh_joints_m,
            )
        return HandOutput(
            hands.joints_px[:, 0],
            hands.joints_m[:, 0],
            hands.vertices_m[:, 0],
            confidence,
            hands.rotations[:, 0],
            hands.shape[:, 0],
            hands.joints_patch[:, 0],
            mesh_joints_m=hands.mesh_joints_m[:, 0],
        )

    def set_phase(self, phase: str) -> None:
        """ "tw" trains the TW-stage with the backbone, "pg" the rest with those frozen (3.1), "all" everything.

        Frozen batch norms stay in eval mode. The confidence head is trained in every phase. Raises KnuckleError for
        an unknown phase, and for "tw" where there is no TW-stage.
        """
        super().set_phase(phase)
        if phase == "tw" and not self.config.tw_joints:
            raise KnuckleError(
                "ehpe phase: expected all or pg, got 'tw', and stages='pg_only' has no TW-stage"
            )
        self.phase = phase
        for module in self.children():
            module.requires_grad_(True)
        for module in self._frozen():
            module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Ehpe":
        super().train(mode)
        for module in self._frozen():
            module.eval()
        return self

    def _frozen(self) -> Iterator[nn.Module]:
        names: dict[str, tuple[str, ...]] = {
            "all": (),
            "tw": ("pg", "meshes"),
            "pg": ("backbone", "fusion", "tw"),
        }
        # Without a TW-stage the backbone is the PG-stage's to train.
        if self.phase == "pg" and not self.config.tw_joints:
            return
        for name in names[self.phase]:
            if hasattr(self, name):
                yield getattr(self, name)

    def _run(self, patch: Tensor, crop: Tensor, camera: Tensor, *, vertices: bool) -> EhpeOutput:
        first = self.first_stage(patch)
        l1 = self._l1(patch)
        if self.training and self.phase == "tw":
            return self._first_output(first, l1)
        return self.second_stage(first, crop, camera, vertices=vertices)._replace(l1=l1)

    def first_stage(self, patch: Float[Tensor, "B 3 S S"]) -> FirstStage:
        """What backbone and TW-stage make of a patch; without a gradient in the phase "pg", which freezes them."""
        if self.phase == "pg" and self.config.tw_joints:
            with torch.no_grad():
                return self._first_stage(patch)
        return self._first_stage(patch)

    def second_stage(
        self,
        first: FirstStage,
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
        *,
        vertices: bool = False,
    ) -> EhpeOutput:
        """The rest of `forward` from what `first_stage` gave, which may have been kept: all but Eq 5."""
        features, tw = first
        pg = self._second_stage(features, tw)
        enhanced = features if pg.enhanced is None else pg.enhanced
        pooled = features.mean((2, 3))
        hands = []
        for hand, (head, rig) in enumerate(zip(self.meshes, self._rigs(), strict=True)):
            joints = pg.joints[:, hand]
            parameters = head(enhanced, pooled, joints)
            hands.append(place_hand(self.config, rig, parameters, joints, crop, camera, vertices=vertices))
        return self._first_output(first, features.new_zeros(()))._replace(
            attention=pg.attention,
            joints_25d=to_px_mm(pg.joints, self.config.depth_range_mm),
            hands=stack_hands(hands),
        )

    def _first_output(self, first: FirstStage, l1: Tensor) -> EhpeOutput:
        tw = first.tw
        return EhpeOutput(
            self.confidence(first.features),
            None if tw is None else tw.heatmaps,
            None if tw is None else to_px_mm(tw.joints, self.config.depth_range_mm),
            l1,
        )

    def _first_stage(self, patch: Tensor) -> FirstStage:
        maps = self.backbone(patch)
        coarse = maps[-1].float()
        if not hasattr(self, "fusion"):
            return FirstStage(coarse, None)
        fused = self.fusion(maps).float()
        features = coarse if self.config.pg_feature == "coarse" else fused
        return FirstStage(features, self.tw(fused) if self.config.tw_joints else None)

    def _second_stage(self, features: Tensor, tw: TwOutput | None) -> PgOutput:
        if self.config.has_pg:
            return self.pg(features, None if tw is None else tw.joints)
        assert tw is not None
        return PgOutput(tw.joints, None, None)

    def _l1(self, patch: Tensor) -> Float[Tensor, ""]:
        """Eq 5 over the weight matrices of backbone and TW-stage, summed or averaged over their numbers."""
        if not self.training or self.phase == "pg" or not self.config.l1_weight or not self.config.tw_joints:
            return patch.new_zeros(())
        matrices = [p for m in (self.backbone, self.fusion, self.tw) for p in m.parameters() if p.ndim > 1]
        total = torch.stack([matrix.abs().sum() for matrix in matrices]).sum()
        return total / sum(m.numel() for m in matrices) if self.config.l1_reduction == "mean" else total


def sides_of(config: EhpeConfig) -> tuple[Side, ...]:
    return ("right",) if config.hands == 1 else ("right", "left")


def _fusion(config: EhpeConfig, backbone: Backbone) -> nn.Module:
    if config.fusion == "deconv":
        steps = int(math.log2(backbone.strides[-1] // config.finest))
        return DeconvFusion(backbone.channels, config.width, steps=steps)
    return {"topdown": TopDownFusion, "concat": ConcatFusion}[config.fusion](backbone.channels, config.width)
