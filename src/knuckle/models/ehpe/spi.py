"""EHPE's structural branch: graph attention over the skeleton (3.3.2, Eq 8 to 10)."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.coordinate_linear import CoordinateLinear
from knuckle.layers.graph_attention import GraphAttention, neighbourhood
from knuckle.layers.local_features import sample_at
from knuckle.models.ehpe.config import EhpeConfig
from knuckle.skeleton import BONES, JOINT_COUNT


class SpiOutput(NamedTuple):
    """joints: -1..1; attention: of every layer."""

    joints: Float[Tensor, "B 21 3"]
    attention: Float[Tensor, "B layers heads 21 21"]


class StructuralInference(nn.Module):
    """Nodes [x, y, z, F_i] through graph attention among one-hop, then two-hop neighbours, to 21 x 3.

    Every layer also sees the first features: `h' = ELU(attention(h) + W_skip h_0)` (Eq 10). The last FC starts near
    zero, so that with `spi_out="residual"` training starts from the nodes' own coordinates.
    """

    scale: Tensor

    def __init__(self, config: EhpeConfig, channels: int) -> None:
        super().__init__()
        self.residual = config.spi_out == "residual"
        inputs = 3 + channels + (JOINT_COUNT if config.node_identity else 0)
        reach = neighbours(config)
        widths = [inputs] + [config.node_width] * len(reach)
        self.layers = nn.ModuleList(
            GraphAttention(
                width,
                config.node_width,
                layer,
                heads=config.gat_heads,
                score=config.gat_score,
                edge_weight=config.edge_weight,
                dropout=config.gat_dropout,
            )
            for width, layer in zip(widths, reach, strict=False)
        )
        self.skips = nn.ModuleList(nn.Linear(inputs, config.node_width) for _ in reach)
        self.node_identity = config.node_identity
        normed = [channels] + [config.node_width] * (len(reach) - 1) if config.gat_norm else []
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in normed)
        self.out = CoordinateLinear(config.node_width, 3)
        nn.init.normal_(self.out.weight, std=1e-3)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("scale", torch.tensor(config.fc_scale), persistent=False)

    def forward(self, nodes: Float[Tensor, "B 21 3"], features: Float[Tensor, "B C h w"]) -> SpiOutput:
        seen = joint_features(features, nodes)
        parts = [nodes, self.norms[0](seen) if self.norms else seen]
        if self.node_identity:
            parts.append(torch.eye(JOINT_COUNT, device=nodes.device).expand(len(nodes), -1, -1))
        first = torch.cat(parts, dim=-1)
        hidden, attentions = first, []
        for number, (layer, skip) in enumerate(zip(self.layers, self.skips, strict=True)):
            gathered, attention = layer(self.norms[number](hidden) if number and self.norms else hidden)
            hidden = F.elu(gathered + skip(first))
            attentions.append(attention)
        answer = self.out(hidden) * self.scale
        return SpiOutput(nodes + answer if self.residual else answer, torch.stack(attentions, dim=1))


def neighbours(config: EhpeConfig) -> list[Bool[Tensor, "heads 21 21"]]:
    """Which nodes each graph layer's heads see (heads is 1 where all see the same): one hop in the first layer and two
    in the later ones, or k hops by head k in every layer."""
    if config.gat_reach == "heads":
        hops = [range(1, config.gat_heads + 1)] * config.gat_layers
    else:
        hops = [[hop] for hop in (1, 2, 2)[: config.gat_layers]]
    return [torch.stack([neighbourhood(BONES, JOINT_COUNT, hops=hop) for hop in layer]) for layer in hops]


def joint_features(
    features: Float[Tensor, "B C h w"], joints: Float[Tensor, "B J 3"]
) -> Float[Tensor, "B J C"]:
    """Features at joints' (x, y) in -1..1, the border's outside it."""
    return sample_at([features], joints[..., :2], padding="border").transpose(0, 1)
