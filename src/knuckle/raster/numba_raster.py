"""The fast rasteriser: triangle meshes to face ids, depth and barycentrics on one CPU core, with numba.

It follows the rule of `knuckle.raster`: `numpy_raster` and `torch_raster` give the same answers.
"""

import numpy as np
from jaxtyping import Float, Float32, Int, Int32
from numba import njit

from knuckle.errors import KnuckleError


@njit(cache=True, inline="always")
def _edge(ax, ay, bx, by):
    """Coefficients (a, b, c) of the edge function a u + b v + c, positive inside, and whether points on the edge count.

    The end points are taken in one fixed order, so the two faces of an edge get exact negatives. Points on top and
    left edges count.
    """
    dx, dy = bx - ax, by - ay
    x, y = (ax, ay) if ax < bx or (ax == bx and ay <= by) else (bx, by)
    return -dy, dx, dy * x - dx * y, dy < 0.0 or (dy == 0.0 and dx > 0.0)


@njit(cache=True)
def fill_buffers(vertices_px, faces, scale, offset, cull, face_id, depth):
    """Draw faces into `face_id` and `depth` in place, with a z-buffer. A face with a vertex at depth <= 0 is left out.

    Args:
        vertices_px: (V, 3) of u px, v px, depth m.
        faces: (F, 3).
        scale: pixel coordinates are vertices_px * scale + offset, so a supersampled grid needs no copy of the vertices.
        offset: see scale.
        cull: -1 leaves out faces seen from behind, 1 faces seen from the front, 0 none. (Faces wound counter-clockwise
            seen from outside have a negative area when seen from the front, as y points down.)
        face_id: (H, W).
        depth: (H, W), float32, m.
    """
    height, width = face_id.shape
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        za, zb, zc = vertices_px[i, 2], vertices_px[j, 2], vertices_px[k, 2]
        if not (za > 0.0 and zb > 0.0 and zc > 0.0):
            continue
        ax, ay = vertices_px[i, 0] * scale + offset, vertices_px[i, 1] * scale + offset
        bx, by = vertices_px[j, 0] * scale + offset, vertices_px[j, 1] * scale + offset
        cx, cy = vertices_px[k, 0] * scale + offset, vertices_px[k, 1] * scale + offset
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if not np.isfinite(area + za + zb + zc) or area == 0.0 or area * cull < 0.0:
            continue
        if area < 0.0:
            bx, by, zb, cx, cy, zc = cx, cy, zc, bx, by, zb
        # Clipped as floats: a vertex far outside would overflow an integer.
        left = int(min(max(np.ceil(min(ax, bx, cx)), 0.0), float(width)))
        right = int(max(min(np.floor(max(ax, bx, cx)), width - 1.0), -1.0))
        top = int(min(max(np.ceil(min(ay, by, cy)), 0.0), float(height)))
        bottom = int(max(min(np.floor(max(ay, by, cy)), height - 1.0), -1.0))
        if left > right or top > bottom:
            continue
        a0, b0, c0, own0 = _edge(bx, by, cx, cy)
        a1, b1, c1, own1 = _edge(cx, cy, ax, ay)
        a2, b2, c2, own2 = _edge(ax, ay, bx, by)
        qa, qb, qc = 1.0 / za, 1.0 / zb, 1.0 / zc
        for v in range(top, bottom + 1):
            r0, r1, r2 = b0 * v + c0, b1 * v + c1, b2 * v + c2
            entered = False
            for u in range(left, right + 1):
                w0, w1, w2 = a0 * u + r0, a1 * u + r1, a2 * u + r2
                if (
                    (w0 > 0.0 or (w0 == 0.0 and own0))
                    and (w1 > 0.0 or (w1 == 0.0 and own1))
                    and (w2 > 0.0 or (w2 == 0.0 and own2))
                ):
                    entered = True
                    z = np.float32((w0 + w1 + w2) / (w0 * qa + w1 * qb + w2 * qc))
                    if z < depth[v, u]:
                        depth[v, u] = z
                        face_id[v, u] = f
                elif entered:
                    break


@njit(cache=True, inline="always")
def barycentric(vertices_px, faces, f, scale, offset, x, y):
    """Perspective-correct barycentrics of pixel (x, y) in face f, in the order of the face's vertices.

    vertices_px, faces, scale and offset are those of `fill_buffers`.
    """
    i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
    ax, ay = vertices_px[i, 0] * scale + offset, vertices_px[i, 1] * scale + offset
    bx, by = vertices_px[j, 0] * scale + offset, vertices_px[j, 1] * scale + offset
    cx, cy = vertices_px[k, 0] * scale + offset, vertices_px[k, 1] * scale + offset
    wa = ((cx - bx) * (y - by) - (cy - by) * (x - bx)) / vertices_px[i, 2]
    wb = ((ax - cx) * (y - cy) - (ay - cy) * (x - cx)) / vertices_px[j, 2]
    wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / vertices_px[k, 2]
    total = wa + wb + wc
    return wa / total, wb / total, wc / total


@njit(cache=True)
def _fill_barycentrics(vertices_px, faces, face_id, bary):
    for y in range(face_id.shape[0]):
        for x in range(face_id.shape[1]):
            f = face_id[y, x]
            if f >= 0:
                a, b, c = barycentric(vertices_px, faces, f, 1.0, 0.0, float(x), float(y))
                bary[y, x, 0], bary[y, x, 1], bary[y, x, 2] = a, b, c


def rasterise(
    vertices_px: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], height: int, width: int
) -> tuple[Int32[np.ndarray, "H W"], Float32[np.ndarray, "H W"], Float32[np.ndarray, "H W 3"]]:
    """Nearest face, its depth and its perspective-correct barycentrics at every pixel centre.

    The rule is that of `knuckle.raster`. vertices_px: (u px, v px, depth m). Returns face_id (-1 where there is no
    face), depth in m (inf there) and barycentrics (0 there). Raises KnuckleError for arrays of the wrong shape and
    an empty image.
    """
    vertices = np.ascontiguousarray(vertices_px, dtype=np.float64)
    triangles = np.ascontiguousarray(faces, dtype=np.int32)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise KnuckleError(f"vertices_px: expected (V, 3) of u px, v px, depth m, got {vertices.shape}")
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise KnuckleError(f"faces: expected (F, 3), got {triangles.shape}")
    if height < 1 or width < 1:
        raise KnuckleError(f"raster: expected an image of at least 1x1 px, got {width}x{height}")
    if triangles.size and (triangles.min() < 0 or triangles.max() >= len(vertices)):
        raise KnuckleError(f"faces: expected vertex ids below {len(vertices)}, got {triangles.max()}")
    face_id = np.full((height, width), -1, np.int32)
    depth = np.full((height, width), np.inf, np.float32)
    fill_buffers(vertices, triangles, 1.0, 0.0, 0, face_id, depth)
    bary = np.zeros((height, width, 3), np.float32)
    _fill_barycentrics(vertices, triangles, face_id, bary)
    return face_id, depth, bary
