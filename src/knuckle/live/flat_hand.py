"""The length of a hand that lies flat beside something of known size: what one camera cannot see, a plane tells."""

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.geometry.projection import px_to_rays
from knuckle.live.hand_size import LENGTH_PATH, LONGEST_M, SHORTEST_M

RELATIVE_SD = 0.05
"""Standard deviation of one measurement, as a share of it (`python -m benchmarks.training.metric` prints it)."""
_SHORT = 0.03
"""By how much networks see flat hands too short in the picture: the same script."""
_ABOVE_M = 0.008
"""How high the joints of a flat hand lie above what it lies on."""
_STRAIGHT = 0.965
"""The distance from wrist to fingertip over the way along the joints between, from which on a finger is straight."""


def flat_hand_length(
    joints_px: Float[np.ndarray, "21 2"],
    camera: Camera,
    turn: Float[np.ndarray, "3 3"],
    place_m: Float[np.ndarray, "3"],
) -> float | None:
    """Metres from the wrist to the tip of the middle finger of a hand that lies on a plane; None for one that does not
    lie there straight, or has no hand's length.

    Args:
        joints_px: of the picture.
        camera: of the picture.
        turn: of the plane's axes in the camera frame; the third is across it.
        place_m: a point on the plane, camera frame.
    """
    across = turn[:, 2] * (-1.0 if turn[:, 2] @ place_m > 0 else 1.0)
    height = (place_m + _ABOVE_M * across) @ across
    rays = np.append(
        px_to_rays(joints_px[list(LENGTH_PATH)], camera.lens), np.ones((len(LENGTH_PATH), 1)), axis=1
    )
    down = rays @ across
    if not (down < 0).all():
        return None
    points = rays * (height / down)[:, None]
    way = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
    if np.linalg.norm(points[-1] - points[0]) < _STRAIGHT * way:
        return None
    length = way / (1 - _SHORT)
    return length if SHORTEST_M < length < LONGEST_M else None
