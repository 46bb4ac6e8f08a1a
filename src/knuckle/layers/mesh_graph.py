"""Graph isomorphism convolutions on a mesh (Xu et al. 2019; HandAR Eq 2).

Features are (V, B, C), vertices first: a neighbour's features for the whole batch are then one run of memory, which
makes the sum over neighbours several times faster on a CPU than gathering (B, V, C).
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.raster.mesh_edges import mesh_edges

_RARE_DEGREE = 0.01
"""Share of vertices that may have more neighbours than the exported table has columns."""


class MeshGraph(nn.Module):
    """The undirected graph of a mesh's edges: `graph(x)` sums every vertex's neighbours. Nothing learned."""

    sources: Tensor
    starts: Tensor
    degree: Tensor
    table: Tensor
    rest_sources: Tensor
    rest_targets: Tensor

    def __init__(self, faces: Int[Tensor, "F 3"] | Int[np.ndarray, "F 3"], vertex_count: int) -> None:
        super().__init__()
        ends = mesh_edges(torch.as_tensor(faces)).ends.cpu()
        targets, sources = torch.cat([ends, ends.flip(1)]).T
        order = torch.argsort(targets, stable=True)
        targets, sources = targets[order], sources[order]
        degree = torch.bincount(targets, minlength=vertex_count)
        starts = degree.cumsum(0) - degree
        columns = int(degree.sort().values[int((vertex_count - 1) * (1 - _RARE_DEGREE))])
        slot = torch.arange(len(sources)) - starts[targets]
        # Row `vertex_count` of the padded features is zero.
        table = torch.full((vertex_count, max(columns, 1)), vertex_count)
        held = slot < columns
        table[targets[held], slot[held]] = sources[held]
        buffers = {"sources": sources, "starts": starts, "degree": degree.float(), "table": table}
        buffers |= {"rest_sources": sources[~held], "rest_targets": targets[~held]}
        for name, values in buffers.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, features: Float[Tensor, "V B C"]) -> Float[Tensor, "V B C"]:
        features = features.float()
        if torch.compiler.is_exporting():
            return self._gathered(features)
        return _NeighbourSum.apply(features.flatten(1), self.sources, self.starts).view_as(features)

    def _gathered(self, features: Float[Tensor, "V B C"]) -> Float[Tensor, "V B C"]:
        """The same sum in operations an exported graph has."""
        padded = torch.cat([features, torch.zeros_like(features[:1])])
        total = padded.index_select(0, self.table[:, 0])
        for column in range(1, self.table.shape[1]):
            total = total + padded.index_select(0, self.table[:, column])
        if len(self.rest_sources):
            total = total.index_add(0, self.rest_targets, features.index_select(0, self.rest_sources))
        return total


class _NeighbourSum(torch.autograd.Function):
    """Sum over neighbours; the graph is undirected, so the gradient is the same sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, *args: Tensor) -> Tensor:
        rows, sources, starts = args
        ctx.save_for_backward(sources, starts)
        return F.embedding_bag(sources, rows, starts, mode="sum")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        sources, starts = ctx.saved_tensors
        return F.embedding_bag(sources, grad_outputs[0].contiguous(), starts, mode="sum"), None, None


class GinConv(nn.Module):
    """x_i' = MLP((1 + eps) x_i + sum of its neighbours' x_j), the MLP two layers with a ReLU between.

    eps is 0, or learned from 0 with `train_eps`. shared: width of a feature all vertices of a hand have in common,
    as if it were joined to every x_i. Sum and first layer are both linear, so the layer comes first and the sum is
    taken over `hidden` channels (and over no copies of what is shared).
    """

    def __init__(
        self, inputs: int, hidden: int, outputs: int, *, shared: int = 0, train_eps: bool = False
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.first = nn.Linear(inputs + shared, hidden)
        self.second = nn.Linear(hidden, outputs)
        self.eps = nn.Parameter(torch.zeros(())) if train_eps else None

    def forward(
        self, features: Float[Tensor, "V B C"], graph: MeshGraph, shared: Float[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "V B O"]:
        own = 1.0 if self.eps is None else 1 + self.eps
        weight = self.first.weight
        hidden = F.linear(features, weight[:, : self.inputs])
        hidden = own * hidden + graph(hidden) + self.first.bias
        if shared is not None:
            common = F.linear(shared, weight[:, self.inputs :])
            hidden = hidden + (own + graph.degree)[:, None, None] * common
        return self.second(hidden.relu())


class GinBlock(nn.Module):
    """GinConv, batch norm over vertices and hands, ReLU."""

    def __init__(
        self, inputs: int, hidden: int, outputs: int, *, shared: int = 0, train_eps: bool = False
    ) -> None:
        super().__init__()
        self.conv = GinConv(inputs, hidden, outputs, shared=shared, train_eps=train_eps)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(
        self, features: Float[Tensor, "V B C"], graph: MeshGraph, shared: Float[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "V B O"]:
        mixed = self.conv(features, graph, shared)
        return self.norm(mixed.flatten(0, 1)).view_as(mixed).relu()


class GinResidual(nn.Module):
    """Two GinBlocks of one width and the identity beside them."""

    def __init__(self, width: int, *, train_eps: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(GinBlock(width, width, width, train_eps=train_eps) for _ in range(2))

    def forward(self, features: Float[Tensor, "V B C"], graph: MeshGraph) -> Float[Tensor, "V B C"]:
        mixed = features
        for block in self.blocks:
            mixed = block(mixed, graph)
        return features + mixed
