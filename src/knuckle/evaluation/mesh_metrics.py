"""Vertex errors: PA-MPVPE and the F-scores."""

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.checks import check_finite
from knuckle.evaluation.pose_metrics import procrustes_errors


def procrustes_vertex_errors(
    truth_m: Float[np.ndarray, "*batch V 3"], predicted_m: Float[np.ndarray, "*batch V 3"]
) -> Float[np.ndarray, "*batch V"]:
    """Distance a vertex after the vertices' own official alignment (not the joints'): PA-MPVPE's terms."""
    return procrustes_errors(truth_m, predicted_m)


def nearest_distances(
    source: Float[np.ndarray, "A 3"], target: Float[np.ndarray, "B 3"]
) -> Float[np.ndarray, "A"]:
    """Distance from each source point to the nearest target point."""
    # |a - b|^2 expanded costs one product instead of an (A, B, 3) array; centring keeps it exact enough.
    centre = target.mean(axis=0)
    source, target = source - centre, target - centre
    squared = (source**2).sum(-1)[:, None] + (target**2).sum(-1) - 2 * source @ target.T
    nearest = squared.argmin(axis=1)
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
