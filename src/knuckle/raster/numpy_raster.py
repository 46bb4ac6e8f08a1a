"""The reference rasteriser in plain numpy: the covered span of every pixel row of every face, and one z-buffer."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int32

from knuckle.errors import KnuckleError

# Spans and fragments worked on at once: keeps memory below about 100 MB for pictures of any size.
_SPANS_AT_ONCE = 1 << 18
_FRAGMENTS_AT_ONCE = 1 << 20
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


class _Triangles(NamedTuple):
    """Faces that can be seen."""

    face: Int[np.ndarray, "n"]
    """Index of the face."""
    a: Float64[np.ndarray, "3 n"]
    """Edge i (opposite corner i) is a_i x + b_i y + c_i, >= 0 inside."""
    b: Float64[np.ndarray, "3 n"]
    c: Float64[np.ndarray, "3 n"]
    owns_edge: Bool[np.ndarray, "3 n"]
    """Whether a pixel centre on the edge counts: a top or a left edge."""
    inverse_depth: Float64[np.ndarray, "3 n"]
    """Of the corners, 1/m."""
    flipped: Bool[np.ndarray, "n"]
    """Whether corners 1 and 2 were swapped to turn the face."""
    top: Int[np.ndarray, "n"]
    """First pixel row."""
    bottom: Int[np.ndarray, "n"]
    """Last pixel row, included."""


def rasterise(
    vertices_px: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], height: int, width: int
) -> tuple[Int32[np.ndarray, "H W"], Float32[np.ndarray, "H W"], Float32[np.ndarray, "H W 3"]]:
    """Which face is seen at every pixel centre, by the rule of `knuckle.raster`.

    vertices_px: u px, v px, depth m. Returns face ids (-1 where there is no face), depth in metres (infinity there)
    and perspective-correct barycentric coordinates of the face's three corners (0 there). Raises KnuckleError
    for wrong shapes, an empty picture or a face with an unknown vertex.
    """
    vertices, faces = _check(vertices_px, faces, height, width)
    triangles = _prepare_triangles(vertices, faces, height, width)
    buffer = np.full(height * width, _EMPTY)
    for n, pixel, edges in _iterate_fragments(triangles, width):
        depth = edges.sum(0) / (edges * triangles.inverse_depth[:, n]).sum(0)
        bits = depth.astype(np.float32).view(np.uint32).astype(np.uint64)
        np.minimum.at(buffer, pixel, bits << np.uint64(32) | triangles.face[n].astype(np.uint64))
    return _read_buffer(buffer, triangles, len(faces), height, width)


def _check(vertices_px, faces, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = np.asarray(vertices_px, dtype=np.float64), np.asarray(faces)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise KnuckleError(f"vertices_px: expected (V, 3) of u px, v px, depth m, got {vertices.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3 or not np.issubdtype(faces.dtype, np.integer):
        raise KnuckleError(f"faces: expected integers (F, 3), got {faces.dtype} {faces.shape}")
    if faces.size and not (faces.min() >= 0 and faces.max() < len(vertices)):
        raise KnuckleError(
            f"faces: expected vertex indices 0..{len(vertices) - 1}, got {faces.min()}..{faces.max()}"
        )
    if height < 1 or width < 1:
        raise KnuckleError(f"picture: expected at least 1x1 px, got {width}x{height}")
    return vertices, faces


def _prepare_triangles(
    vertices: Float64[np.ndarray, "V 3"], faces: np.ndarray, height: int, width: int
) -> _Triangles:
    x, y, z = vertices[faces.T].transpose(2, 0, 1)  # each (3 corners, F)
    seen = np.isfinite(x + y + z).all(0) & (z > 0).all(0)
    with np.errstate(invalid="ignore", over="ignore"):
        area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0])
        top, bottom = np.ceil(y.min(0)), np.floor(y.max(0))
        # Comparisons with NaN are false, so faces with NaN are dropped.
        seen &= (area != 0) & np.isfinite(area) & (top <= bottom) & (bottom >= 0) & (top <= height - 1)
        seen &= (x.max(0) >= 0) & (x.min(0) <= width - 1)
    kept = np.flatnonzero(seen)
    x, y, z, flipped = x[:, kept], y[:, kept], z[:, kept], area[kept] < 0
    x, y, z = (np.where(flipped, corner[[0, 2, 1]], corner) for corner in (x, y, z))
    ax, ay, bx, by = x[[1, 2, 0]], y[[1, 2, 0]], x[[2, 0, 1]], y[[2, 0, 1]]
    dx, dy = bx - ax, by - ay
    # Both faces of an edge take its end points in the same order, so their values are exact negatives.
    ordered = (ax < bx) | ((ax == bx) & (ay <= by))
    start_x, start_y = np.where(ordered, ax, bx), np.where(ordered, ay, by)
    return _Triangles(
        face=kept,
        a=-dy,
        b=dx,
        c=dy * start_x - dx * start_y,
        owns_edge=(dy < 0) | ((dy == 0) & (dx > 0)),
        inverse_depth=1 / z,
        flipped=flipped,
        top=np.clip(top[kept], 0, height - 1).astype(np.int64),
        bottom=np.clip(bottom[kept], 0, height - 1).astype(np.int64),
    )


def _iterate_fragments(
    triangles: _Triangles, width: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the covered pixels of all triangles in pieces: triangle index, pixel index, edge values (3, n)."""
    rows = triangles.bottom - triangles.top + 1
    for part in _split_into_pieces(rows, _SPANS_AT_ONCE):
        n = np.repeat(np.arange(part.start, part.stop), rows[part])
        v = triangles.top[n] + _count_within_items(rows[part])
        first, last, edge = _find_spans(triangles, n, v, width)
        kept = np.flatnonzero(first <= last)
        n, v, first, edge = n[kept], v[kept], first[kept], edge[:, kept]
        length = last[kept] - first + 1
        for piece in _split_into_pieces(length, _FRAGMENTS_AT_ONCE):
            repeats = length[piece]
            u = np.repeat(first[piece], repeats) + _count_within_items(repeats)
            owner = np.repeat(n[piece], repeats)
            a = np.repeat(triangles.a[:, n[piece]], repeats, axis=1)
            edges = a * u + np.repeat(edge[:, piece], repeats, axis=1)
            yield owner, np.repeat(v[piece] * width, repeats) + u, edges


def _find_spans(
    triangles: _Triangles, n: np.ndarray, v: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and last covered column of triangle n in row v, and the edges' values (3, n) at column 0."""
    a, owns_edge = triangles.a[:, n], triangles.owns_edge[:, n]
    edge = triangles.b[:, n] * v + triangles.c[:, n]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        near = np.round(np.clip(np.nan_to_num(-edge / a), -1, width))
    # The division rounds. The edge's value at the pixel centre nearest to the crossing tells on which side it is.
    value = a * near + edge
    inside = (value > 0) | (owns_edge & (value == 0))
    first = np.where(a > 0, near + ~inside, np.where((a == 0) & ~inside, width, 0)).max(0)
    last = np.where(a < 0, near - ~inside, width - 1).min(0)
    return np.maximum(first, 0).astype(np.int64), np.minimum(last, width - 1).astype(np.int64), edge


def _split_into_pieces(counts: Int[np.ndarray, "n"], limit: int) -> Iterator[slice]:
    """Yield runs of items whose counts add up to at most `limit`; an item above it is a run of its own."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + limit, side="right")))
        yield slice(start, stop)
        start = stop


def _count_within_items(repeats: Int[np.ndarray, "n"]) -> Int[np.ndarray, "total"]:
    """0, 1, ... restarting for every item: [2, 3] -> [0, 1, 0, 1, 2]."""
    ends = np.cumsum(repeats)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - repeats, repeats)


def _read_buffer(
    buffer: np.ndarray, triangles: _Triangles, face_count: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face ids, depth and barycentrics from the z-buffer's keys."""
    hit = np.flatnonzero(buffer != _EMPTY)
    keys = buffer[hit]
    face = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
    face_id = np.full(height * width, -1, dtype=np.int32)
    depth = np.full(height * width, np.inf, dtype=np.float32)
    bary = np.zeros((height * width, 3), dtype=np.float32)
    face_id[hit] = face
    depth[hit] = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    # One table row a face, so that a pixel costs one gather: weight of corner i = (a u + b v + c) / z_i.
    plane = np.stack([triangles.a, triangles.b, triangles.c]) * triangles.inverse_depth
    plane = np.where(triangles.flipped, plane[:, [0, 2, 1]], plane).reshape(9, -1).T
    table = np.zeros((face_count, 9))
    table[triangles.face] = plane
    for start in range(0, len(hit), _FRAGMENTS_AT_ONCE):
        part = slice(start, start + _FRAGMENTS_AT_ONCE)
        v, u = np.divmod(hit[part], width)
        rows = np.take(table, face[part], axis=0)
        weight = rows[:, :3] * u[:, None] + (rows[:, 3:6] * v[:, None] + rows[:, 6:])
        weight /= weight[:, :1] + weight[:, 1:2] + weight[:, 2:]
        bary[hit[part]] = weight
    return face_id.reshape(height, width), depth.reshape(height, width), bary.reshape(height, width, 3)
