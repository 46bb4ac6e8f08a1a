"""The differentiable rasteriser: batches of meshes to images and alpha with antialiased silhouettes.

Visibility is found once, without gradient (`torch_visibility`). Attributes are then interpolated with
perspective-correct barycentrics, whose gradient reaches the vertices. Silhouettes are antialiased
(`torch_antialias`), which gives the gradient of coverage. The gradient of an edge reaches about one pixel: if the
meshes may be further apart, compare images on a pyramid of averages.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from knuckle.errors import KnuckleError
from knuckle.raster.mesh_edges import MeshEdges, mesh_edges
from knuckle.raster.torch_antialias import antialias as antialias_silhouettes
from knuckle.raster.torch_visibility import nearest_faces, screen_faces


class Rendering(NamedTuple):
    """Images of a batch."""

    image: Float[Tensor, "B H W C"]
    """Premultiplied by alpha: add (1 - alpha) * background."""
    alpha: Float[Tensor, "B H W"]
    """Coverage, 0..1."""
    face_id: Int[Tensor, "B H W"]
    """-1 where no face covers the pixel's centre."""
    depth: Float32[Tensor, "B H W"]
    """Metres; infinity where no face covers the pixel's centre."""


def rasterise(
    vertices_px: Float[Tensor, "B V 3"], faces: Int[Tensor, "F 3"], height: int, width: int
) -> tuple[Int[Tensor, "B H W"], Float32[Tensor, "B H W"], Float[Tensor, "B H W 3"]]:
    """Which face is seen at every pixel centre, by the rule of `knuckle.raster`; as in `numpy_raster`, but batched.

    vertices_px: u px, v px, depth m. Returns face ids (-1 where there is no face), depth in metres (infinity there)
    and barycentrics (0 there). Only the barycentrics carry a gradient. Raises KnuckleError for wrong shapes
    or an empty picture.
    """
    _check(vertices_px, faces, height, width)
    face_id, depth = nearest_faces(screen_faces(vertices_px, faces), len(vertices_px), height, width)
    hit, _, bary = _barycentrics(vertices_px, faces, face_id)
    dense = bary.new_zeros(face_id.numel(), 3).index_copy(0, hit, bary)
    return face_id, depth, dense.view(*face_id.shape, 3)


def render(
    vertices_px: Float[Tensor, "B V 3"],
    faces: Int[Tensor, "F 3"],
    attributes: Float[Tensor, "B V C"] | Float[Tensor, "V C"],
    height: int,
    width: int,
    *,
    antialias: bool = True,
    edges: MeshEdges | None = None,
) -> Rendering:
    """Interpolate vertex attributes over the visible faces; differentiable in vertices and attributes.

    Raises KnuckleError for wrong shapes or an empty picture.

    Args:
        vertices_px: u px, v px, depth m; float32 or float64.
        faces: vertex indices.
        attributes: such as colours, for each mesh of the batch or the same for all.
        height: of the images, px.
        width: of the images, px.
        antialias: without it, coverage has no gradient.
        edges: `mesh_edges(faces)`, computed once if many calls share a mesh. Needed if texture seams duplicate
            vertices.
    """
    _check(vertices_px, faces, height, width)
    batch, count = vertices_px.shape[:2]
    if attributes.shape[:-1] not in ((batch, count), (count,)):
        raise KnuckleError(
            f"attributes: expected ({batch}, {count}, C) or ({count}, C), got {tuple(attributes.shape)}"
        )
    screen = screen_faces(vertices_px, faces)
    face_id, depth = nearest_faces(screen, batch, height, width)
    hit, corners, bary = _barycentrics(vertices_px, faces, face_id)
    shared = attributes.dim() == 2
    rows = corners % count if shared else corners
    picked = attributes.reshape(-1, attributes.shape[-1]).index_select(0, rows.reshape(-1))
    seen = (picked.view(-1, 3, picked.shape[-1]) * bary[..., None]).sum(1)
    seen = torch.cat([seen, torch.ones_like(seen[:, :1])], dim=1)
    values = seen.new_zeros(face_id.numel(), seen.shape[1]).index_copy(0, hit, seen)
    if antialias:
        edges = mesh_edges(faces) if edges is None else edges
        values = antialias_silhouettes(values, vertices_px, edges, screen, depth)
    values = values.view(batch, height, width, -1)
    return Rendering(values[..., :-1], values[..., -1], face_id, depth)


def _barycentrics(
    vertices_px: Tensor, faces: Tensor, face_id: Int[Tensor, "B H W"]
) -> tuple[Int[Tensor, "n"], Int[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Covered pixels, the vertices of the faces seen there, and their weights; all counted over the whole batch."""
    _, height, width = face_id.shape
    hit = (face_id.reshape(-1) >= 0).nonzero()[:, 0]
    u, v = hit % width, hit // width % height
    seen = face_id.reshape(-1).index_select(0, hit)
    corners = faces.index_select(0, seen) + (hit // (width * height) * vertices_px.shape[1])[:, None]
    points = vertices_px.reshape(-1, 3).index_select(0, corners.reshape(-1)).view(-1, 3, 3)
    # Corners relative to the pixel: the cross products of neighbouring corners are then the edge functions, and
    # large coordinates do not cancel.
    x, y = points[..., 0] - u[:, None], points[..., 1] - v[:, None]
    x1, y1, x2, y2 = x.roll(-1, 1), y.roll(-1, 1), x.roll(1, 1), y.roll(1, 1)
    weight = (x1 * y2 - x2 * y1) / points[..., 2]
    total = weight.sum(1, keepdim=True)
    # A sliver that is visible in float64 may have no area in float32. Its corners then count equally.
    flat = total == 0
    weight = torch.where(flat, 1 / 3, weight / torch.where(flat, 1, total))
    return hit, corners, weight


def _check(vertices_px: Tensor, faces: Tensor, height: int, width: int) -> None:
    if vertices_px.dim() != 3 or vertices_px.shape[2] != 3:
        raise KnuckleError(f"vertices_px: expected (B, V, 3), got {tuple(vertices_px.shape)}")
    if faces.dim() != 2 or faces.shape[1] != 3 or faces.is_floating_point():
        raise KnuckleError(f"faces: expected integers (F, 3), got {faces.dtype} {tuple(faces.shape)}")
    if height < 1 or width < 1:
        raise KnuckleError(f"picture: expected at least 1x1 px, got {width}x{height}")
