"""Which face of a batch of meshes is seen at every pixel: the part of the torch rasteriser without gradient.

The spans and the order of operations are those of `numpy_raster`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Float64, Int
from torch import Tensor

_SPANS_AT_ONCE = 1 << 21
_FRAGMENTS_AT_ONCE = 1 << 22
_EMPTY = torch.iinfo(torch.int64).max


class ScreenFaces(NamedTuple):
    """Corners of all faces of the batch, and which way each face looks."""

    x: Float64[Tensor, "3 B*F"]
    """px."""
    y: Float64[Tensor, "3 B*F"]
    """px."""
    z: Float64[Tensor, "3 B*F"]
    """m."""
    facing: Int[Tensor, "B*F"]
    """Sign of the area on the screen; 0: not drawn."""


class _Triangles(NamedTuple):
    """Faces that can be seen; the other fields are those of `numpy_raster`."""

    mesh: Int[Tensor, "n"]
    """Index in the batch."""
    face: Int[Tensor, "n"]
    """Index in the mesh."""
    a: Float64[Tensor, "3 n"]
    b: Float64[Tensor, "3 n"]
    c: Float64[Tensor, "3 n"]
    owns_edge: Tensor
    inverse_depth: Float64[Tensor, "3 n"]
    top: Int[Tensor, "n"]
    bottom: Int[Tensor, "n"]


@torch.no_grad()
def screen_faces(vertices_px: Float[Tensor, "B V 3"], faces: Int[Tensor, "F 3"]) -> ScreenFaces:
    """Gather the corners of all faces, and find which way every face looks."""
    corners = vertices_px.detach().double().index_select(1, faces.T.reshape(-1))
    x, y, z = corners.reshape(len(vertices_px), 3, len(faces), 3).permute(3, 1, 0, 2).flatten(2)
    area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
    seen = torch.isfinite((x + y + z).sum(0)) & (_minimum(z) > 0) & torch.isfinite(area)
    return ScreenFaces(x, y, z, torch.where(seen, area.sign(), area.new_zeros(())).long())


@torch.no_grad()
def nearest_faces(
    screen: ScreenFaces, batch: int, height: int, width: int
) -> tuple[Int[Tensor, "B H W"], Float32[Tensor, "B H W"]]:
    """Face ids (-1 where there is no face) and depth in metres (infinity there)."""
    triangles = _prepare_triangles(screen, batch, height, width)
    buffer = torch.full((batch * height * width,), _EMPTY, dtype=torch.int64, device=screen.x.device)
    for n, row, u, edges in _iterate_fragments(triangles, width):
        depth = edges.sum(0) / (edges * _take_columns(triangles.inverse_depth, n)).sum(0)
        # The bits of a positive float, read as an integer, grow with its value. So one integer minimum keeps the
        # nearest face and its index.
        key = depth.float().view(torch.int32).long() << 32 | triangles.face.index_select(0, n)
        pixel = (triangles.mesh.index_select(0, n) * height + row) * width + u
        buffer.scatter_reduce_(0, pixel, key, "amin")
    empty = buffer == _EMPTY
    face_id = torch.where(empty, -1, buffer & 0xFFFFFFFF)
    depth = torch.where(empty, torch.inf, (buffer >> 32).int().view(torch.float32))
    return face_id.view(batch, height, width), depth.view(batch, height, width)


def _prepare_triangles(screen: ScreenFaces, batch: int, height: int, width: int) -> _Triangles:
    face_count = screen.facing.numel() // max(batch, 1)
    top, bottom = _minimum(screen.y).ceil(), _maximum(screen.y).floor()
    left, right = _minimum(screen.x).ceil(), _maximum(screen.x).floor()
    seen = (screen.facing != 0) & (top <= bottom) & (bottom >= 0) & (top <= height - 1)
    seen &= (left <= right) & (right >= 0) & (left <= width - 1)
    kept = seen.nonzero()[:, 0]
    flipped = screen.facing[kept] < 0
    x, y, z = (_take_columns(corner, kept) for corner in (screen.x, screen.y, screen.z))
    x, y, z = (torch.where(flipped, _reorder_rows(corner, 0, 2, 1), corner) for corner in (x, y, z))
    ax, ay, bx, by = (_reorder_rows(c, *order) for order in ((1, 2, 0), (2, 0, 1)) for c in (x, y))
    dx, dy = bx - ax, by - ay
    ordered = (ax < bx) | ((ax == bx) & (ay <= by))
    start_x, start_y = torch.where(ordered, ax, bx), torch.where(ordered, ay, by)
    return _Triangles(
        mesh=kept // max(face_count, 1),
        face=kept % max(face_count, 1),
        a=-dy,
        b=dx,
        c=dy * start_x - dx * start_y,
        owns_edge=(dy < 0) | ((dy == 0) & (dx > 0)),
        inverse_depth=1 / z,
        top=top[kept].clamp(0, height - 1).long(),
        bottom=bottom[kept].clamp(0, height - 1).long(),
    )


def _iterate_fragments(triangles: _Triangles, width: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Yield the covered pixels in pieces: triangle index, row, column, edge values (3, n)."""
    rows = triangles.bottom - triangles.top + 1
    index = torch.arange(len(rows), device=rows.device)
    for part in _split_into_pieces(rows, _SPANS_AT_ONCE):
        n, line = _repeat_items(index[part], rows[part])
        v = triangles.top.index_select(0, n) + line
        first, last, edge = _find_spans(triangles, n, v, width)
        kept = (first <= last).nonzero()[:, 0]
        n, v, first, edge = n[kept], v[kept], first[kept], _take_columns(edge, kept)
        length = last[kept] - first + 1
        a = _take_columns(triangles.a, n)
        span = torch.arange(len(kept), device=rows.device)
        for piece in _split_into_pieces(length, _FRAGMENTS_AT_ONCE):
            owner, column = _repeat_items(span[piece], length[piece])
            u = first.index_select(0, owner) + column
            yield (
                n.index_select(0, owner),
                v.index_select(0, owner),
                u,
                _take_columns(a, owner) * u + _take_columns(edge, owner),
            )


def _find_spans(triangles: _Triangles, n: Tensor, v: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """First and last covered column of triangle n in row v, and the edges' values (3, n) at column 0."""
    a, b, c, owns_edge = (
        _take_columns(t, n) for t in (triangles.a, triangles.b, triangles.c, triangles.owns_edge)
    )
    edge = b * v + c
    near = (-edge / a).nan_to_num_().clamp_(-1, width).round_()
    # The division rounds. The edge's value at the pixel centre nearest to the crossing tells on which side it is.
    value = a * near + edge
    outside = (value < 0) | (~owns_edge & (value == 0))
    shift = outside.to(near.dtype)
    zero = near.new_zeros(())
    first = torch.where(a > 0, near + shift, torch.where((a == 0) & outside, zero + width, zero))
    last = torch.where(a < 0, near - shift, zero + (width - 1))
    return _maximum(first).clamp_(min=0).long(), _minimum(last).clamp_(max=width - 1).long(), edge


def _take_columns(table: Tensor, index: Int[Tensor, "n"]) -> Tensor:
    """table[:, index]; much faster than indexing."""
    return table.index_select(1, index)


def _reorder_rows(rows: Tensor, *order: int) -> Tensor:
    return torch.stack([rows[i] for i in order])


def _minimum(rows: Tensor) -> Tensor:
    """Minimum over three rows; much faster than amin."""
    return torch.minimum(torch.minimum(rows[0], rows[1]), rows[2])


def _maximum(rows: Tensor) -> Tensor:
    return torch.maximum(torch.maximum(rows[0], rows[1]), rows[2])


def _split_into_pieces(counts: Int[Tensor, "n"], limit: int) -> Iterator[slice]:
    """Yield runs of items whose counts add up to at most `limit`; an item above it is a run of its own."""
    if not len(counts):
        return
    ends = counts.cumsum(0)
    total, done, start = int(ends[-1]), 0, 0
    while start < len(counts):
        if total - done <= limit:
            stop = len(counts)
        else:
            stop = max(start + 1, int(torch.searchsorted(ends, done + limit, right=True)))
        yield slice(start, stop)
        done, start = int(ends[stop - 1]), stop


def _repeat_items(items: Int[Tensor, "n"], counts: Int[Tensor, "n"]) -> tuple[Tensor, Tensor]:
    """Repeat every item `counts` times, and number the repetitions: [5, 7], [2, 1] -> [5, 5, 7], [0, 1, 0]."""
    ends = counts.cumsum(0)
    total = int(ends[-1]) if len(ends) else 0
    owner = torch.repeat_interleave(torch.arange(len(items), device=items.device), counts, output_size=total)
    first = (ends - counts).index_select(0, owner)
    return items.index_select(0, owner), torch.arange(total, device=items.device) - first
