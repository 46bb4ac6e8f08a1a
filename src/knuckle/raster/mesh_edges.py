"""The edges of a mesh and the faces beside each edge, for the antialiasing of silhouettes."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


class MeshEdges(NamedTuple):
    """Every edge once, and the faces beside it."""

    ends: Int[Tensor, "E 2"]
    """Vertex indices, the smaller one first."""
    faces: Int[Tensor, "E K"]
    """-1 where there is no further face."""
    turns: Int[Tensor, "E K"]
    """+1 where the face runs along the edge from ends[0] to ends[1], -1 where it runs back, 0 without a face."""


def mesh_edges(
    faces: Int[Tensor, "F 3"] | Int[np.ndarray, "F 3"], *, vertices: Float[np.ndarray, "V 3"] | None = None
) -> MeshEdges:
    """Edges of a triangle mesh, on the device of `faces`.

    Give `vertices` (in the rest pose) if texture seams duplicate some of them. Vertices at the same place then
    count as one; otherwise a seam would look like a border and be drawn as a silhouette.
    """
    device = faces.device if isinstance(faces, Tensor) else None
    triangles = faces.cpu().numpy() if isinstance(faces, Tensor) else np.asarray(faces)
    triangles = triangles.astype(np.int64).reshape(-1, 3)
    if vertices is not None:
        _, first, place = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
        triangles = first[place.reshape(-1)][triangles]
    halves = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=-1).reshape(-1, 2)
    owner = np.repeat(np.arange(len(triangles)), 3)
    kept = halves[:, 0] != halves[:, 1]
    halves, owner = halves[kept], owner[kept]
    ends, edge = np.unique(np.sort(halves, axis=1), axis=0, return_inverse=True)
    edge = edge.reshape(-1)
    order = np.argsort(edge, kind="stable")
    counts = np.bincount(edge, minlength=len(ends))
    slot = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    beside = np.full((len(ends), max(2, counts.max(initial=0))), -1, dtype=np.int64)
    turns = np.zeros_like(beside)
    beside[edge[order], slot] = owner[order]
    turns[edge[order], slot] = np.where(halves[order, 0] < halves[order, 1], 1, -1)
    return MeshEdges(*(torch.as_tensor(a, device=device) for a in (ends, beside, turns)))
