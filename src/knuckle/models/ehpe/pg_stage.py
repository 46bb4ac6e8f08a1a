"""EHPE's second stage: the structural and the visual branch, weighted and summed (3.3, Eq 11)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.geometry.float32 import in_float32
from knuckle.models.ehpe.config import EhpeConfig
from knuckle.models.ehpe.fem import FeatureEnhancement, FemOutput
from knuckle.models.ehpe.nodes import NodeStart
from knuckle.models.ehpe.spi import SpiOutput, StructuralInference
from knuckle.skeleton import JOINT_COUNT


class PgOutput(NamedTuple):
    """joints: all 21 of every hand, -1..1; enhanced: FEM's map; attention: SPI's; None without the branch."""

    joints: Float[Tensor, "B H 21 3"]
    enhanced: Float[Tensor, "B C cells cells"] | None
    attention: Float[Tensor, "B H layers heads 21 21"] | None


class HandGraph(nn.Module):
    """One hand's nodes, SPI and fusion weights: `c = w_G SPI + w_E * FEM` (Eq 11), w_G (21, 21), w_E (21, 1).

    With `fused_joints="remaining"` the joints of the TW-stage stay what that stage found (3.1).
    """

    def __init__(self, config: EhpeConfig, channels: int, mean_hand: Float[Tensor, "21 3"]) -> None:
        super().__init__()
        self.kept = list(config.tw_joints) if config.fused_joints == "remaining" else []
        if config.use_spi:
            if config.tw_joints:
                self.nodes = NodeStart(config.tw_joint_set, mean_hand)
            self.spi = StructuralInference(config, channels)
            self.spi_weight = nn.Parameter(torch.eye(JOINT_COUNT))
        if config.use_fem:
            # Without a TW-stage the nodes are FEM's joints already: adding them again would double them.
            twice = config.use_spi and config.stages == "pg_only"
            self.fem_weight = nn.Parameter(torch.full((JOINT_COUNT, 1), 0.0 if twice else 1.0))

    def forward(
        self,
        features: Float[Tensor, "B C h w"],
        tw_joints: Float[Tensor, "B J 3"] | None,
        fem_joints: Float[Tensor, "B 21 3"] | None,
    ) -> tuple[Float[Tensor, "B 21 3"], SpiOutput | None]:
        spi = None
        if hasattr(self, "spi"):
            nodes = fem_joints if tw_joints is None else self.nodes(tw_joints)
            assert nodes is not None
            spi = self.spi(nodes, features)
        fused = self._fused(None if spi is None else spi.joints, fem_joints)
        if self.kept:
            assert tw_joints is not None
            fused = fused.index_copy(1, torch.tensor(self.kept, device=fused.device), tw_joints)
        return fused, spi

    @in_float32
    def _fused(
        self, spi_joints: Float[Tensor, "B 21 3"] | None, fem_joints: Float[Tensor, "B 21 3"] | None
    ) -> Float[Tensor, "B 21 3"]:
        parts = []
        if spi_joints is not None:
            parts.append(self.spi_weight @ spi_joints)
        if fem_joints is not None:
            parts.append(self.fem_weight * fem_joints)
        return torch.stack(parts).sum(0)


class PgStage(nn.Module):
    """Both branches for every hand; FEM sees the hands together, each has its own graph."""

    def __init__(self, config: EhpeConfig, channels: int, mean_hands: Float[Tensor, "H 21 3"]) -> None:
        super().__init__()
        if config.use_fem:
            alone = not config.use_spi or config.stages == "pg_only"
            start = mean_hands if alone else torch.zeros_like(mean_hands)
            self.fem = FeatureEnhancement(config, channels, start)
        self.graphs = nn.ModuleList(HandGraph(config, channels, hand) for hand in mean_hands)

    def forward(
        self, features: Float[Tensor, "B C h w"], tw_joints: Float[Tensor, "B H J 3"] | None
    ) -> PgOutput:
        fem: FemOutput | None = self.fem(features) if hasattr(self, "fem") else None
        joints, attentions = [], []
        for hand, graph in enumerate(self.graphs):
            fused, spi = graph(
                features,
                None if tw_joints is None else tw_joints[:, hand],
                None if fem is None else fem.joints[:, hand],
            )
            joints.append(fused)
            if spi is not None:
                attentions.append(spi.attention)
        return PgOutput(
            torch.stack(joints, dim=1),
            None if fem is None else fem.enhanced,
            torch.stack(attentions, dim=1) if attentions else None,
        )
