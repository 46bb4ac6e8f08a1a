"""Meshes against each other: F-scores of their points, and the volume inside two of them."""

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.checks import check_finite


def nearest_distances(
    source: Float[np.ndarray, "A 3"], target: Float[np.ndarray, "B 3"]
) -> Float[np.ndarray, "A"]:
    """Distance from each source point to the nearest target point, metres.

    The nearest one is found in single precision, its distance computed in double: of points whose distances differ by
    less than about 0.01 mm, another than the nearest may be taken.
    """
    centre = target.mean(axis=0)
    source, target = source - centre, target - centre
    # |t|^2 - 2 s t decides; as a single product of four columns there is no (A, B, 3) array and no second pass.
    left = np.column_stack([-2 * source, np.ones(len(source))]).astype(np.float32)
    right = np.column_stack([target, (target**2).sum(axis=-1)]).astype(np.float32)
    nearest = (left @ right.T).argmin(axis=1)
    return np.linalg.norm(source - target[nearest], axis=-1)


def f_scores(
    truth_m: Float[np.ndarray, "N V 3"],
    predicted_m: Float[np.ndarray, "N U 3"],
    *,
    thresholds_m: tuple[float, ...] = (0.005, 0.015),
) -> Float[np.ndarray, "N thresholds"]:
    """F-score a sample and threshold: harmonic mean of the shares of points nearer than it, both ways.

    The comparison is strict (<), as in FreiHAND's script (Knapitsch et al. 2017). The meshes need not have
    the same vertices. Where no point is near, F is 0. Raises KnuckleError for predictions that are not
    finite.
    """
    check_finite(predicted_m, name="vertices_m")
    limits = np.asarray(thresholds_m)
    result = np.zeros((len(truth_m), len(limits)))
    for i, (truth, predicted) in enumerate(zip(truth_m, predicted_m, strict=True)):
        found = (nearest_distances(truth, predicted)[:, None] < limits).mean(axis=0)
        exact = (nearest_distances(predicted, truth)[:, None] < limits).mean(axis=0)
        total = found + exact
        result[i] = np.where(total > 0, 2 * found * exact / np.where(total > 0, total, 1), 0.0)
    return result


_CM3 = 1e6
# Columns on round coordinates would meet the corners of man-made meshes exactly.
_OFFSET = 0.381966


def overlap_volumes(
    first_m: Float[np.ndarray, "N V 3"],
    second_m: Float[np.ndarray, "N U 3"],
    first_faces: Int[np.ndarray, "F 3"],
    second_faces: Int[np.ndarray, "G 3"],
    *,
    step_m: float = 0.002,
) -> Float[np.ndarray, "N"]:
    """Volume in cm^3 that lies inside both meshes, of N pairs.

    Columns along z, `step_m` apart in x and y: each one's length inside both, exact, times its cross-section. Inside is
    where the winding number is not 0, so that a mesh that runs through itself counts once and either orientation
    will do.

    Args:
        first_m: the first meshes, metres.
        second_m: the second ones, in the same frame.
        first_faces: triangles of the first ones.
        second_faces: triangles of the second ones.
        step_m: from column to column.

    Raises KnuckleError for meshes that are not closed or not finite, and another number of each.
    """
    if len(first_m) != len(second_m):
        raise KnuckleError(f"meshes: expected as many of each, got {len(first_m)} and {len(second_m)}")
    for vertices, faces in ((first_m, first_faces), (second_m, second_faces)):
        _require_closed(faces)
        if not np.isfinite(vertices).all():
            raise KnuckleError("meshes: expected finite vertices, got NaN or infinity")
    lengths = [
        _common_length(a, b, first_faces, second_faces, step_m)
        for a, b in zip(first_m, second_m, strict=True)
    ]
    return np.array(lengths, dtype=float) * step_m**2 * _CM3


def _common_length(
    first: np.ndarray, second: np.ndarray, first_faces: np.ndarray, second_faces: np.ndarray, step: float
) -> float:
    """Length (m) of all columns together inside both meshes."""
    first, second = first.astype(float), second.astype(float)
    low = np.maximum(first.min(0), second.min(0))
    high = np.minimum(first.max(0), second.max(0))
    if (high <= low).any():
        return 0.0
    size = np.ceil((high - low)[:2] / step).astype(int)
    origin = low[:2] + _OFFSET * step
    columns, z, turns = [], [], []
    for which, (vertices, faces) in enumerate(((first, first_faces), (second, second_faces))):
        column, depth, sign = _crossings(vertices, faces, origin, size, step)
        columns.append(column)
        z.append(depth)
        turns.append(np.eye(2, dtype=int)[which] * sign[:, None])
    column, depth, turn = np.concatenate(columns), np.concatenate(z), np.concatenate(turns)
    order = np.lexsort((depth, column))
    # Both windings are back at 0 at the end of each column, so that no length is counted from one to the next.
    inside = (np.cumsum(turn[order], axis=0) != 0).all(axis=1)
    return float(np.diff(depth[order])[inside[:-1]].sum())


def _crossings(
    vertices: np.ndarray, faces: np.ndarray, origin: np.ndarray, size: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where columns meet triangles: the column's number, z (m), and +1 or -1 by the way the triangle faces."""
    corners = vertices[faces]
    grid = (corners[..., :2] - origin) / step
    start = np.maximum(np.ceil(grid.min(1)), 0).astype(int)
    stop = np.minimum(np.floor(grid.max(1)), size - 1).astype(int) + 1
    span = np.maximum(stop - start, 0)
    count = span.prod(1)
    face = np.repeat(np.arange(len(faces)), count)
    nth = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    cell = start[face] + np.stack([nth // span[face, 1], nth % span[face, 1]], axis=-1)
    weights = np.stack([_side(grid, faces, face, cell, k) for k in range(3)], axis=-1)
    positive = weights > 0
    # Three zeros: a triangle seen edge-on.
    hit = (positive.all(1) | ~positive.any(1)) & weights.any(1)
    face, cell, weights = face[hit], cell[hit], weights[hit]
    sign = np.where(positive[hit, 0], 1, -1)
    z = (weights * corners[face, :, 2]).sum(1) / weights.sum(1)
    return cell[:, 0] * size[1] + cell[:, 1], z, sign


def _side(
    grid: np.ndarray, faces: np.ndarray, face: np.ndarray, cell: np.ndarray, corner: int
) -> Float[np.ndarray, "n"]:
    """Twice the signed area between a column and the edge opposite a corner: the corner's barycentric weight.

    The edge is read from its lower vertex number, so that both its triangles get the same number to the last bit and
    a column passes through one of them, never both or none.
    """
    a, b = (corner + 1) % 3, (corner + 2) % 3
    swap = (faces[:, a] > faces[:, b])[:, None]
    begin = np.where(swap, grid[:, b], grid[:, a])[face]
    end = np.where(swap, grid[:, a], grid[:, b])[face]
    along, to = end - begin, cell - begin
    area = along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0]
    return np.where(swap[face, 0], -area, area)


def _require_closed(faces: np.ndarray) -> None:
    edges = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    most = int(edges.max(initial=0)) + 1
    there, back = (np.sort(pair[:, 0] * most + pair[:, 1]) for pair in (edges, edges[:, ::-1]))
    if not len(faces) or not np.array_equal(there, back):
        raise KnuckleError("meshes: expected closed ones, got one with an open edge or none at all")
