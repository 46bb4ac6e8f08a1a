"""Normals and edge lengths of a predicted mesh against the true one's (Eq 5 and 6)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from knuckle.raster.mesh_edges import mesh_edges

_TINY = 1e-8


class SurfaceLoss(nn.Module):
    """(L_normal, L_edge) summed over meshes, each a mean over the edges of every face.

    Works edge by edge, with vertices first: an edge belongs to two faces, and gathering rows that hold the whole
    batch is faster than gathering points.
    """

    starts: Tensor
    ends: Tensor
    beside: Tensor
    faces: Tensor

    def __init__(self, faces: Int[Tensor, "F 3"]) -> None:
        super().__init__()
        edges = mesh_edges(faces)
        # The row after the last face's normal is zero: an edge without a second face counts once.
        beside = torch.where(edges.faces >= 0, edges.faces, len(faces))
        buffers = {"starts": edges.ends[:, 0], "ends": edges.ends[:, 1], "beside": beside.T, "faces": faces}
        for name, values in buffers.items():
            self.register_buffer(name, values.contiguous(), persistent=False)

    def forward(
        self, meshes: list[Float[Tensor, "B V 3"]], truth: Float[Tensor, "B V 3"], counts: Bool[Tensor, "B V"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """counts: vertices whose edges count; an edge needs both of its ends."""
        with torch.no_grad():
            true_points = truth.transpose(0, 1)
            true_length = _length(self._vectors(true_points))
            normals = self._normals(true_points)
            kept = counts.T.index_select(0, self.starts) & counts.T.index_select(0, self.ends)
            has_face = (self.beside < len(self.faces)).float()
            shares = kept * has_face[..., None]
            shares = shares / shares.sum().clamp(min=1)
            weight = shares.sum(0)
            beside = [normals.index_select(0, face) for face in self.beside]
        normal_loss, edge_loss = [], []
        for mesh in meshes:
            vectors = self._vectors(mesh.transpose(0, 1))
            length = _length(vectors)
            edge_loss.append(((length - true_length).abs() * weight).sum())
            unit = vectors / length[..., None]
            normal_loss += [
                ((unit * normal).sum(-1).abs() * share).sum()
                for normal, share in zip(beside, shares, strict=True)
            ]
        return torch.stack(normal_loss).sum(), torch.stack(edge_loss).sum()

    def _vectors(self, points: Float[Tensor, "V B 3"]) -> Float[Tensor, "E B 3"]:
        return points.index_select(0, self.ends) - points.index_select(0, self.starts)

    def _normals(self, points: Float[Tensor, "V B 3"]) -> Float[Tensor, "F1 B 3"]:
        """Unit normals of the faces, and a row of zeros."""
        a, b, c = (points.index_select(0, corner) for corner in self.faces.T)
        normals = torch.linalg.cross(b - a, c - a)
        normals = normals / _length(normals)[..., None]
        return torch.cat([normals, torch.zeros_like(normals[:1])])


def _length(vectors: Float[Tensor, "n B 3"]) -> Float[Tensor, "n B"]:
    return vectors.square().sum(-1).add(_TINY).sqrt()
