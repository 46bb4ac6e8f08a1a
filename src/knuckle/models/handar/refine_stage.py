"""HandAR's refine stage: features of every vertex and a graph network that moves it (3.3)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from knuckle.geometry.float32 import in_float32
from knuckle.layers.local_features import sample_at
from knuckle.layers.mesh_graph import GinBlock, GinConv, GinResidual, MeshGraph
from knuckle.models.handar.config import HandarConfig


class RefineStage(nn.Module):
    """Rough mesh to final mesh, both in bins, by a graph network on the rig's own mesh.

    local_width: channels of the maps of the local feature projection together; pooled_width: of the global mesh
    feature. A fresh stage leaves the mesh where it is (with `refine_offset` off it puts every vertex in the middle).
    """

    def __init__(
        self,
        config: HandarConfig,
        faces: Int[Tensor, "F 3"],
        vertex_count: int,
        *,
        local_width: int,
        pooled_width: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.graph = MeshGraph(faces, vertex_count)
        self.to_global = nn.Linear(pooled_width, config.global_width) if config.refine_global else None
        inputs = 3 + (local_width if config.refine_local else 0)
        shared = config.global_width if config.refine_global else 0
        eps = config.train_eps
        self.first = GinBlock(inputs, config.gin_hidden, config.gin_width, shared=shared, train_eps=eps)
        self.blocks = nn.ModuleList(
            GinResidual(config.gin_width, train_eps=eps) for _ in range(config.gin_blocks)
        )
        self.tail = GinConv(config.gin_width, config.gin_tail, 3, train_eps=eps)
        nn.init.normal_(self.tail.second.weight, std=1e-3)
        nn.init.constant_(self.tail.second.bias, 0.0 if config.refine_offset else (config.bins - 1) / 2)

    def forward(
        self, rough: Float[Tensor, "B V 3"], maps: list[Tensor], pooled: Float[Tensor, "B P"]
    ) -> Float[Tensor, "B V 3"]:
        places = (rough + 0.5) * (2 / self.config.bins) - 1
        features = places.transpose(0, 1)
        if self.config.refine_local:
            features = torch.cat([sample_at(maps, places[..., :2]), features], dim=-1)
        shared = None if self.to_global is None else self.to_global(pooled)
        hidden = self.first(features, self.graph, shared)
        for block in self.blocks:
            hidden = block(hidden, self.graph)
        moved = self._moved(hidden).transpose(0, 1)
        return rough + moved if self.config.refine_offset else moved

    @in_float32
    def _moved(self, hidden: Float[Tensor, "V B C"]) -> Float[Tensor, "V B 3"]:
        return self.tail(hidden, self.graph)
