"""F-scores of point sets."""

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.checks import check_finite


def nearest_distances(
    source: Float[np.ndarray, "A 3"], target: Float[np.ndarray, "B 3"]
) -> Float[np.ndarray, "A"]:
    """Distance from each source point to the nearest target point, metres.

    The nearest one is looked for in single precision, its distance taken in double: among points that differ by less
    than about 0.01 mm another than the nearest may be taken.
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
