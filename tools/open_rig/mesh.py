"""Small mesh operations: normals, smoothing over edges, the open loop and its cap, volume, points inside."""

import numpy as np


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit vertex normals (V, 3), faces weighted by area, outward for counter-clockwise faces."""
    corners = vertices[faces]
    normals = np.zeros_like(vertices)
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-15)


def edges(faces: np.ndarray) -> np.ndarray:
    """Undirected edges (E, 2), each once, sorted."""
    pairs = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return np.unique(pairs, axis=0)


def smooth(values: np.ndarray, faces: np.ndarray, *, rounds: int, amount: float) -> np.ndarray:
    """Move every vertex's value the given part of the way to its neighbours' mean, `rounds` times."""
    pairs = edges(faces)
    degree = np.bincount(pairs.ravel(), minlength=len(values)).astype(float)
    shape = (-1,) + (1,) * (values.ndim - 1)
    for _ in range(rounds):
        total = np.zeros_like(values, float)
        np.add.at(total, pairs[:, 0], values[pairs[:, 1]])
        np.add.at(total, pairs[:, 1], values[pairs[:, 0]])
        values = (1 - amount) * values + amount * total / np.maximum(degree, 1).reshape(shape)
    return values


def open_loop(faces: np.ndarray) -> np.ndarray:
    """Vertices of the one open boundary, in the order a closing fan runs (against the faces' own edges)."""
    directed = {(int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)}
    following = {b: a for a, b in directed if (b, a) not in directed}
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    if len(loop) != len(following):
        raise ValueError(
            f"expected one open loop, found {len(following)} open edges, {len(loop)} in the first loop"
        )
    return np.array(loop)


def volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Signed volume of a closed mesh, positive for outward faces."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def winding_number(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """How many times the closed surface wraps each point (0 outside, 1 inside); van Oosterom and Strackee
    1983."""
    result = np.empty(len(points))
    for start in range(0, len(points), 128):
        a, b, c = (vertices[faces[:, k]] - points[start : start + 128, None] for k in range(3))
        la, lb, lc = (np.linalg.norm(x, axis=-1) for x in (a, b, c))
        top = np.einsum("pfi,pfi->pf", a, np.cross(b, c))
        bottom = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
        result[start : start + 128] = np.arctan2(top, bottom).sum(1) / (2 * np.pi)
    return result
