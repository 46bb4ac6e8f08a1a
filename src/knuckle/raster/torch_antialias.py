"""Antialiased silhouettes whose blending weight is differentiable in the positions of the edges.

A silhouette edge has all its faces on one side of it on the screen: it is a fold or a border. Where it crosses
the line between two neighbouring pixel centres, the crossing tells how far the surface reaches. The pixel that
is only partly covered is blended with its neighbour: the analytic antialiasing of Laine et al. 2020 (Modular
Primitives, 3.4). Here the crossings come from an explicit list of edges instead of the faces seen at pixels, so
edges of triangles that are too small to be seen at any pixel centre count too.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from knuckle.raster.mesh_edges import MeshEdges
from knuckle.raster.torch_visibility import ScreenFaces


class _Crossings(NamedTuple):
    """Where silhouettes cross lines of pixel centres."""

    start: Int[Tensor, "n"]
    """Vertex at the edge's start, counted over the whole batch."""
    end: Int[Tensor, "n"]
    """Vertex at the edge's end, likewise."""
    along: Int[Tensor, "n"]
    """0: the edge crosses a pixel row, and its position is a column. 1: it crosses a column."""
    line: Int[Tensor, "n"]
    """The row (or column) that is crossed."""
    inner: Int[Tensor, "n"]
    """Pixel on the surface's side, counted over the whole batch."""
    outer: Int[Tensor, "n"]
    """Pixel on the other side."""
    inner_place: Int[Tensor, "n"]
    """Column (or row) of the inner pixel."""
    step: Int[Tensor, "n"]
    """+1 where the outer pixel has the higher column (or row), else -1."""


def antialias(
    values: Float[Tensor, "B*H*W C"],
    vertices_px: Float[Tensor, "B V 3"],
    edges: MeshEdges,
    screen: ScreenFaces,
    depth: Float32[Tensor, "B H W"],
) -> Float[Tensor, "B*H*W C"]:
    """Blend the pixels beside visible silhouettes; the gradient reaches the silhouettes' vertices.

    Args:
        values: colour channels and coverage of every pixel.
        vertices_px: u px, v px, depth m.
        edges: of the mesh.
        screen: of the same vertices.
        depth: m, infinity where there is no face.
    """
    found = _find_visible_crossings(vertices_px.detach().double(), edges, screen, depth)
    if not len(found.line):
        return values
    xy = vertices_px[..., :2].reshape(-1, 2)
    start, end = xy.index_select(0, found.start), xy.index_select(0, found.end)
    rows = (found.along == 0)[:, None]
    start, end = torch.where(rows, start, start.flip(1)), torch.where(rows, end, end.flip(1))
    # Positions are relative to the inner pixel, so that float32 is precise enough.
    offset, slope = start - torch.stack([found.inner_place, found.line], 1), end - start
    reach = (offset[:, 0] - offset[:, 1] * slope[:, 0] / slope[:, 1]) * found.step
    gain = reach - 0.5
    grows = (gain > 0).detach()
    target = torch.where(grows, found.outer, found.inner)
    source = torch.where(grows, found.inner, found.outer)
    change = gain.abs()[:, None] * (values.index_select(0, source) - values.index_select(0, target))
    return values.index_add(0, target, change)


@torch.no_grad()
def _find_visible_crossings(
    vertices: Float[Tensor, "B V 3"], edges: MeshEdges, screen: ScreenFaces, depth: Float32[Tensor, "B H W"]
) -> _Crossings:
    batch, height, width = depth.shape
    mesh, edge, side = _find_silhouettes(edges, screen, batch)
    ends = edges.ends[edge] + (mesh * vertices.shape[1])[:, None]
    points = vertices.reshape(-1, 3)[ends]
    direction = points[:, 1, :2] - points[:, 0, :2]
    # A steep edge is cut by pixel rows, a flat one by columns, so the blended area is exactly that of the edge.
    along = (direction[:, 0].abs() > direction[:, 1].abs()).long()
    cut, place = _take_coordinate(points[..., :2], 1 - along), _take_coordinate(points[..., :2], along)
    lines = torch.where(along == 0, height, width)
    first = cut.amin(1).ceil().clamp(min=0).minimum(lines)
    last = cut.amax(1).ceil().clamp(min=0).minimum(lines)
    counts = (last - first).long()
    item = torch.repeat_interleave(torch.arange(len(edge), device=edge.device), counts)
    line = (
        first[item].long() + torch.arange(len(item), device=edge.device) - (counts.cumsum(0) - counts)[item]
    )

    along, mesh = along[item], mesh[item]
    share = (line - cut[item, 0]) / (cut[item, 1] - cut[item, 0])
    position = place[item, 0] + share * (place[item, 1] - place[item, 0])
    edge_depth = 1 / torch.lerp(1 / points[item, 0, 2], 1 / points[item, 1, 2], share)
    # side > 0: the surface lies where direction x offset > 0. Along a row that is the side of -dy, along a
    # column that of +dx.
    heading = torch.where(along == 0, -direction[item, 1], direction[item, 0])
    inner_low = side[item] * heading < 0
    low = position.floor()
    inside = (low >= 0) & (low + 1 < torch.where(along == 0, width, height))
    low = torch.where(inside, low, 0).long()
    inner_place, outer_place = torch.where(inner_low, low, low + 1), torch.where(inner_low, low + 1, low)
    step = outer_place - inner_place

    def pixel(at: Tensor) -> Tensor:
        v, u = torch.where(along == 0, line, at), torch.where(along == 0, at, line)
        return (mesh * height + v) * width + u

    inner, outer = pixel(inner_place), pixel(outer_place.minimum(_last_index(along, height, width)))
    inner_depth, outer_depth = depth.reshape(-1)[inner].double(), depth.reshape(-1)[outer].double()
    # The edge is not seen where the outer pixel's surface hides it, or where the inner pixel shows another surface
    # further back.
    seen = inside & (edge_depth <= outer_depth) & torch.isfinite(inner_depth)
    seen &= 2 * inner_depth <= outer_depth + edge_depth
    found = _Crossings(ends[item, 0], ends[item, 1], along, line, inner, outer, inner_place, step)
    reach = (position - inner_place) * step
    return _keep_outermost(found, reach, seen)


def _last_index(along: Int[Tensor, "n"], height: int, width: int) -> Int[Tensor, "n"]:
    """Index of the last pixel of the row (or column) that is crossed."""
    return torch.where(along == 0, width - 1, height - 1)


def _find_silhouettes(edges: MeshEdges, screen: ScreenFaces, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mesh, edge and side (+1: the surface is where direction x offset > 0) of the silhouette edges."""
    facing = screen.facing.reshape(batch, -1)
    beside = facing.index_select(1, edges.faces.clamp(min=0).reshape(-1))
    sides = beside.view(batch, *edges.faces.shape) * edges.turns
    lowest = highest = sides[..., 0]
    for other in sides.unbind(-1)[1:]:  # faster than amin over two columns
        lowest, highest = torch.minimum(lowest, other), torch.maximum(highest, other)
    one_sided = ((lowest >= 0) | (highest <= 0)) & (lowest != highest) | (lowest == highest) & (lowest != 0)
    mesh, edge = one_sided.nonzero(as_tuple=True)
    return mesh, edge, (lowest + highest)[mesh, edge].sign()


def _keep_outermost(found: _Crossings, reach: Tensor, seen: Tensor) -> _Crossings:
    """Of several silhouettes between the same two pixels, keep the one that reaches furthest out."""
    kept = seen.nonzero()[:, 0]
    pair = (found.inner[kept] * 2 + found.along[kept]) * 2 + (found.step[kept] > 0)
    # Sort key: the whole part is the pair of pixels, the fraction is the reach, scaled to stay below one.
    kept = kept[torch.argsort(pair + reach[kept].clamp(0, 1) * 0.875)]
    pair = (found.inner[kept] * 2 + found.along[kept]) * 2 + (found.step[kept] > 0)
    last = torch.ones_like(pair, dtype=torch.bool)
    last[:-1] = pair[1:] != pair[:-1]
    kept = kept[last]
    return _Crossings(*(field[kept] for field in found))


def _take_coordinate(points: Tensor, axis: Int[Tensor, "n"]) -> Tensor:
    """Coordinate `axis` (0 or 1, given for each row) of (n, 2 points, 2)."""
    return torch.where((axis == 0)[:, None], points[..., 0], points[..., 1])
