"""Spatial position refinement: skeleton convolutions and attention interwoven (3.3.2, after IGANet)."""

from jaxtyping import Float
from torch import Tensor, nn

from knuckle.layers.attention import Attention
from knuckle.layers.skeleton_graph import SkeletonConv

_GRAPH_TO_ATTENTION = 0.5
_ATTENTION_TO_GRAPH = 0.8
"""Shares of one branch that enter the other, as the public code of IGANet has them."""


class SpatialRefinement(nn.Module):
    """One block: a graph convolution in each hand, attention over all 42 joints that sees it, a second convolution
    that sees the attention; then an MLP through half the width. Both hands share the graph's weights."""

    def __init__(self, width: int, heads: int, *, dropout: float) -> None:
        super().__init__()
        self.norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.local_graph, self.graph = SkeletonConv(width, width), SkeletonConv(width, width)
        self.attention = Attention(width, heads)
        self.dropout = nn.Dropout(dropout)
        self.narrow, self.middle = nn.Linear(width, width // 2), nn.Linear(width // 2, width // 2)
        self.widen = nn.Linear(width // 2, width)

    def forward(self, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        normed = self.norm(joints)
        local = self._on_hands(self.local_graph, normed)
        mixed = normed + _GRAPH_TO_ATTENTION * self.dropout(local)
        attended = self.attention(mixed, mixed)
        graph = self._on_hands(self.graph, local + _ATTENTION_TO_GRAPH * self.dropout(attended))
        joints = joints + self.dropout(attended + graph)
        return joints + self.dropout(self._mlp(self.mlp_norm(joints)))

    def _on_hands(self, graph: nn.Module, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        return graph(joints.unflatten(1, (2, -1))).flatten(1, 2).relu()

    def _mlp(self, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 42 C"]:
        narrow = nn.functional.gelu(self.narrow(joints))
        narrow = narrow + nn.functional.gelu(self.middle(narrow))
        return self.widen(narrow)
