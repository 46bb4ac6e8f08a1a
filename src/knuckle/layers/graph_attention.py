"""Graph attention on a small fixed graph (Velickovic et al. 2018, Brody et al. 2022; EHPE, Eq 8 and 9)."""

from collections.abc import Iterable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

Score = Literal["additive", "dot", "gatv2"]
EdgeWeight = Literal["dynamic", "learned", "fixed"]

_SLOPE = 0.2
"""Of the LeakyReLU for negative numbers, as in both papers."""


def neighbourhood(edges: Iterable[tuple[int, int]], nodes: int, *, hops: int) -> Bool[Tensor, "N N"]:
    """Which nodes lie within `hops` steps of each other on an undirected graph; every node is its own neighbour."""
    adjacency = torch.eye(nodes)
    for a, b in edges:
        adjacency[a, b] = adjacency[b, a] = 1
    return torch.linalg.matrix_power(adjacency, hops) > 0


class GraphAttention(nn.Module):
    """Multi-head attention among graph neighbours: `out_i = concat_k sum_j alpha_ij W_k h_j` (Eq 8).

    neighbours: which j each i attends to, itself included, of all heads or of each. edge_weight "dynamic": alpha is the
    softmax over the neighbours of a score: "additive" is LeakyReLU(a^T [W h_i || W h_j]) (Eq 9), "dot" LeakyReLU of the
    scaled product of W h_i and W h_j, "gatv2" a^T LeakyReLU(W' h_i + W h_j), in which which neighbour counts most may
    differ from node to node. edge_weight "learned": scores that are the same for every input. "fixed": alpha is the
    row-normalised neighbourhood and is not trained.
    """

    mask: Tensor
    uniform: Tensor

    def __init__(
        self,
        inputs: int,
        outputs: int,
        neighbours: Bool[Tensor, "*heads N N"],
        *,
        heads: int = 8,
        score: Score = "additive",
        edge_weight: EdgeWeight = "dynamic",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads, self.score_kind, self.edge_weight, self.dropout = heads, score, edge_weight, dropout
        self.project = nn.Linear(inputs, outputs, bias=False)
        self.register_buffer("mask", neighbours, persistent=False)
        uniform = neighbours.float() / neighbours.sum(-1, keepdim=True)
        self.register_buffer("uniform", uniform, persistent=False)
        if edge_weight == "learned":
            self.scores = nn.Parameter(torch.zeros(heads, *neighbours.shape[-2:]))
        elif edge_weight == "dynamic" and score == "gatv2":
            self.receive = nn.Linear(inputs, outputs, bias=False)
            self.score = nn.Parameter(torch.empty(heads, outputs // heads))
            nn.init.xavier_uniform_(self.score)
        elif edge_weight == "dynamic" and score == "additive":
            self.score_receiver = nn.Parameter(torch.empty(heads, outputs // heads))
            self.score_sender = nn.Parameter(torch.empty(heads, outputs // heads))
            nn.init.xavier_uniform_(self.score_receiver)
            nn.init.xavier_uniform_(self.score_sender)

    def forward(
        self, nodes: Float[Tensor, "B N C"]
    ) -> tuple[Float[Tensor, "B N D"], Float[Tensor, "B heads N N"]]:
        """New node features and the attention alpha[b, k, i, j] of i to j."""
        projected = self.project(nodes).unflatten(2, (self.heads, -1)).transpose(1, 2)
        attention = self._attention(nodes, projected)
        dropped = F.dropout(attention, self.dropout, self.training)
        return (dropped @ projected).transpose(1, 2).flatten(2), attention

    def _attention(
        self, nodes: Float[Tensor, "B N C"], projected: Float[Tensor, "B heads N d"]
    ) -> Float[Tensor, "B heads N N"]:
        if self.edge_weight == "fixed":
            return self.uniform.expand(projected.shape[0], self.heads, -1, -1)
        return self._scores(nodes, projected).masked_fill(~self.mask, -1e4).softmax(-1)

    def _scores(
        self, nodes: Float[Tensor, "B N C"], projected: Float[Tensor, "B heads N d"]
    ) -> Float[Tensor, "B heads N N"]:
        if self.edge_weight == "learned":
            return self.scores.expand(projected.shape[0], -1, -1, -1)
        if self.score_kind == "gatv2":
            receiver = self.receive(nodes).unflatten(2, (self.heads, -1)).transpose(1, 2)
            joined = F.leaky_relu(receiver[..., :, None, :] + projected[..., None, :, :], _SLOPE)
            return (joined * self.score[:, None, None]).sum(-1)
        if self.score_kind == "additive":
            receiver = (projected * self.score_receiver[:, None]).sum(-1)
            sender = (projected * self.score_sender[:, None]).sum(-1)
            scores = receiver[..., :, None] + sender[..., None, :]
        else:
            scores = projected @ projected.transpose(2, 3) * projected.shape[-1] ** -0.5
        return F.leaky_relu(scores, _SLOPE)
