"""The focal length from a known length at a known distance."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from knuckle.calibration.plane import Focal, check_one_shape
from knuckle.errors import KnuckleError

DISTANCE_SD = 0.02
"""Of a distance that was measured to a lens whose middle nobody sees: its share."""
POINT_PX = 1.5
"""How exact a point is marked."""


def focal_from_lengths(
    points_px: Sequence[Float[np.ndarray, "2 2"]],
    sizes: Sequence[tuple[int, int]],
    *,
    length_m: float,
    distance_m: float,
) -> Focal:
    """The focal length of the camera that saw a length which faces it.

    Args:
        points_px: the length's ends, of each picture.
        sizes: width and height of the pictures.
        length_m: between the ends.
        distance_m: from the lens to the plane through the length that faces the camera.

    Raises KnuckleError for lengths that are not positive, ends that lie together, and pictures of different shapes.
    """
    for name, value in (("--length", length_m), ("--distance", distance_m)):
        if not 0 < value < np.inf:
            raise KnuckleError(f"{name}: expected metres above 0, got {value:g}")
    check_one_shape(sizes)
    diagonals = np.hypot(*np.array(sizes, dtype=float).T)
    apart = np.array([np.linalg.norm(points[1] - points[0]) for points in points_px])
    if apart.min() < 10 * POINT_PX:
        raise KnuckleError(
            f"--points: expected two ends at least {10 * POINT_PX:g} px apart, got {apart.min():.1f} px"
        )
    focals = apart * distance_m / length_m / diagonals
    focal = float(focals.mean())
    marked = np.sqrt(2) * POINT_PX / apart
    spread = focals.std() / focal / np.sqrt(len(focals))
    sd = float(np.sqrt(DISTANCE_SD**2 + (marked**2).mean() / len(marked) + spread**2))
    off_px = float(np.sqrt(((focals / focal - 1) ** 2 * apart**2).mean()))
    return Focal(focal, sd, off_px, tuple(range(len(focals))))
