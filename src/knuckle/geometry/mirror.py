"""Left and right: what mirroring a picture does to pixels, points and turns."""

import numpy as np
from jaxtyping import Float

MIRROR_POINT = np.array([-1.0, 1.0, 1.0])
"""Times a point of the camera frame: where it lies in the left-right mirrored one."""


def mirror_px(points_px: Float[np.ndarray, "*batch 2"], width: int) -> Float[np.ndarray, "*batch 2"]:
    """Pixel coordinates in the left-right mirrored frame of that width."""
    return points_px * [-1.0, 1.0] + [width - 1.0, 0.0]
