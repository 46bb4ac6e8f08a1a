"""Spatial position refinement: skeleton convolutions and attention interwoven (3.3.2, after IGANet)."""

import math

from jaxtyping import Float
from torch import Tensor, nn

from knuckle.layers.attention import Attention
from knuckle.layers.skeleton_graph import SkeletonConv
from knuckle.models.dfl.config import DflConfig

_GRAPH_TO_ATTENTION = 0.5
_ATTENTION_TO_GRAPH = 0.8
"""Shares of one branch that enter the other, as the public code of IGANet has them."""


def spatial_refinement(config: DflConfig, width: int) -> nn.Module:
    """The blocks that a configuration has, of joints of that width."""
    if config.spr_blocks == 1 and not config.spr_width:
        return _block(config, width, drop_path=config.spr_drop_path)
    return RefinementStack(config, width)


class RefinementStack(nn.Module):
    """Several blocks, in a width of their own, whose change is added to the joints; the rate of leaving a block out
    grows evenly from 0 in the first one, as IGANet's does."""

    def __init__(self, config: DflConfig, width: int) -> None:
        super().__init__()
        inner, count = config.spr_width or width, config.spr_blocks
        self.widen = nn.Linear(width, inner)
        rates = [config.spr_drop_path * place / max(count - 1, 1) for place in range(count)]
        self.blocks = nn.Sequential(*(_block(config, inner, drop_path=rate) for rate in rates))
        self.narrow = nn.Linear(inner, width)

    def forward(self, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        return joints + self.narrow(self.blocks(self.widen(joints)))


def _block(config: DflConfig, width: int, *, drop_path: float) -> "SpatialRefinement":
    return SpatialRefinement(
        width,
        math.gcd(width, config.heads),
        dropout=config.spr_dropout,
        partner=config.spr_partitions == 4,
        drop_path=drop_path,
    )


class SpatialRefinement(nn.Module):
    """One block: a graph convolution in each hand, attention over all 42 joints that sees it, a second convolution
    that sees the attention; then an MLP through half the width. Both hands share the graph's weights.

    partner: whether the convolutions also see the same joint of the other hand. drop_path: how often training leaves
    each of the two parts out for a sample.
    """

    def __init__(
        self, width: int, heads: int, *, dropout: float, partner: bool = False, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        self.norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.local_graph, self.graph = (SkeletonConv(width, width, partner=partner) for _ in range(2))
        self.attention = Attention(width, heads)
        self.dropout = nn.Dropout(dropout)
        self.narrow, self.middle = nn.Linear(width, width // 2), nn.Linear(width // 2, width // 2)
        self.widen = nn.Linear(width // 2, width)
        self.path: nn.Module = nn.Identity()
        if drop_path:
            from timm.layers.drop import DropPath

            self.path = DropPath(drop_path)

    def forward(self, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        normed = self.norm(joints)
        local = self._on_hands(self.local_graph, normed)
        mixed = normed + _GRAPH_TO_ATTENTION * self.dropout(local)
        attended = self.attention(mixed, mixed)
        graph = self._on_hands(self.graph, local + _ATTENTION_TO_GRAPH * self.dropout(attended))
        joints = joints + self.path(self.dropout(attended + graph))
        return joints + self.path(self.dropout(self._mlp(self.mlp_norm(joints))))

    def _on_hands(self, graph: nn.Module, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        return graph(joints.unflatten(1, (2, -1))).flatten(1, 2).relu()

    def _mlp(self, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        narrow = nn.functional.gelu(self.narrow(joints))
        narrow = narrow + nn.functional.gelu(self.middle(narrow))
        return self.widen(narrow)
