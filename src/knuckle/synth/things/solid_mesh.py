"""Meshes of solids: two topologies, rings about an axis and a cube's grid, filled for one solid at a time."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from knuckle.synth.things.solid import BOX, TURNED, Solids, refined

RINGS, SIDES, GRID = 30, 36, 14


@dataclass(frozen=True, eq=False)
class SolidMesh:
    """Topology of a solid's surface, faces wound counter-clockwise seen from outside."""

    faces: Int[np.ndarray, "f 3"]
    vertex_count: int
    corner: Float[np.ndarray, "f 3 2"]
    """Texture coordinates (0..1) of the faces' corners; v is only a place in the list for rings."""


@lru_cache(maxsize=1)
def ring_mesh() -> SolidMesh:
    """RINGS rings of SIDES vertices, then the foot and the head."""
    faces, corner = [], []
    foot, head = RINGS * SIDES, RINGS * SIDES + 1
    for i in range(SIDES):
        j, u, w = (i + 1) % SIDES, i / SIDES, (i + 1) / SIDES
        faces.append((foot, i, j))
        corner.append(((u, 0), (u, 0), (w, 0)))
        for ring in range(RINGS - 1):
            a, b = ring * SIDES, (ring + 1) * SIDES
            faces += [(a + i, b + i, a + j), (a + j, b + i, b + j)]
            corner += [((u, 0), (u, 0), (w, 0)), ((w, 0), (u, 0), (w, 0))]
        last = (RINGS - 1) * SIDES
        faces.append((last + i, head, last + j))
        corner.append(((u, 0), (u, 0), (w, 0)))
    return SolidMesh(np.array(faces, np.int32), RINGS * SIDES + 2, np.array(corner, np.float32))


@lru_cache(maxsize=1)
def _cube() -> tuple[SolidMesh, Int[np.ndarray, "v 3"]]:
    """A cube's grid and the grid coordinates (0..GRID) of its vertices."""
    number: dict[tuple[int, int, int], int] = {}
    faces, corner = [], []
    for axis in range(3):
        p, q = (axis + 1) % 3, (axis + 2) % 3
        for end in (0, GRID):
            for a in range(GRID):
                for b in range(GRID):
                    quad = []
                    for da, db in ((0, 0), (1, 0), (1, 1), (0, 1)):
                        place = [0, 0, 0]
                        place[axis], place[p], place[q] = end, a + da, b + db
                        quad.append(number.setdefault((place[0], place[1], place[2]), len(number)))
                    uv = [((a + da) / GRID, (b + db) / GRID) for da, db in ((0, 0), (1, 0), (1, 1), (0, 1))]
                    order = (0, 1, 2, 3) if end else (3, 2, 1, 0)
                    for triple in ((0, 1, 2), (0, 2, 3)):
                        faces.append([quad[order[k]] for k in triple])
                        corner.append([uv[order[k]] for k in triple])
    mesh = SolidMesh(np.array(faces, np.int32), len(number), np.array(corner, np.float32))
    return mesh, np.array(list(number))


def grid_mesh() -> SolidMesh:
    """A cube of GRID x GRID squares a side, for boxes and blobs."""
    return _cube()[0]


def surface(solid: Solids) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "f 3 2"]]:
    """Vertices (m, own frame) and texture coordinates of one solid's mesh."""
    if solid.kind[0] == TURNED:
        return _rings(solid)
    mesh, place = _cube()
    half = solid.half[0]
    if solid.kind[0] == BOX:
        edge = float(min(solid.edge[0], half.min() * 0.999))
        lines = np.stack([_lines(float(h), edge) for h in half])
        points = lines[np.arange(3), place]
        core = np.clip(points, -(half - edge), half - edge)
        out = points - core
        return core + edge * out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12), mesh.corner
    points = np.tan((place / GRID * 2 - 1) * np.pi / 4)
    exponent = solid.edge[0]
    size = (np.abs(points) ** exponent).sum(1, keepdims=True) ** (1 / exponent)
    return half * points / size, mesh.corner


def _lines(half: float, edge: float) -> Float[np.ndarray, "g"]:
    """Grid lines along an axis, closer at the rounded edges."""
    inner = np.linspace(-(half - edge), half - edge, GRID - 3)
    return np.concatenate([[-half, -half + 0.3 * edge], inner, [half - 0.3 * edge, half]])


def _rings(solid: Solids) -> tuple[np.ndarray, np.ndarray]:
    mesh = ring_mesh()
    outline = refined(solid.profile[0], RINGS + 2)
    turn = np.arange(SIDES) * 2 * np.pi / SIDES
    radius, y = outline[1:-1].T
    rings = np.stack(
        [
            radius[:, None] * np.cos(turn),
            np.broadcast_to(y[:, None], (RINGS, SIDES)),
            radius[:, None] * np.sin(turn),
        ],
        -1,
    )
    ends = np.array([[0, outline[0, 1], 0], [0, outline[-1, 1], 0]])
    vertices = np.concatenate([rings.reshape(-1, 3), ends])
    corner = mesh.corner.copy()
    low, high = outline[0, 1], outline[-1, 1]
    corner[..., 1] = ((vertices[:, 1] - low) / (high - low))[mesh.faces]
    return vertices, corner
