"""Left and right: what mirroring a picture (x -> -x) does to pixels, points, rotations and the camera.

The functions keep the dtype of what they mirror, pixels apart.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

MIRROR_POINT = np.array([-1.0, 1.0, 1.0])
"""Times a point of the camera frame: where it lies in the left-right mirrored one."""

MIRROR_AXIS_ANGLE = -MIRROR_POINT
"""Times an axis-angle vector: the mirrored rotation. Mirroring x turns a rotation about (a, b, c) into one about
(a, -b, -c)."""

MIRROR_TURN = np.outer(MIRROR_POINT, MIRROR_POINT)
"""Times a rotation matrix, entry by entry: the mirrored rotation."""

AS_RIGHT = np.stack([np.ones(3), MIRROR_POINT])
"""Times the points of a right hand and of a left one: both as right hands, the left one mirrored. And back."""


def mirror_points(points_m: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Points of the left-right mirrored camera frame."""
    return points_m * MIRROR_POINT.astype(points_m.dtype)


def mirror_axis_angle(pose_rad: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """Axis-angle vectors of the mirrored rotations."""
    return pose_rad * MIRROR_AXIS_ANGLE.astype(pose_rad.dtype)


def mirror_px(
    points_px: Float[np.ndarray, "*#batch 2"], width: float | Float[np.ndarray, "*#batch"]
) -> Float[np.ndarray, "*#batch 2"]:
    """Pixel coordinates in the left-right mirrored frame of that width, in float64."""
    right_edge = np.asarray(width, dtype=float) - 1
    return points_px * MIRROR_POINT[:2] + np.stack([right_edge, np.zeros_like(right_edge)], axis=-1)


def mirror_box(box_px: Float[np.ndarray, "*batch 4"], width: Any) -> Float[np.ndarray, "*batch 4"]:
    """Boxes (x, y, w, h) px in the mirrored frame of that width, in float64."""
    x, y, w, h = np.moveaxis(np.asarray(box_px, dtype=float), -1, 0)
    return np.stack([mirror_column(x, width) - w, y, w, h], axis=-1)


def mirror_column(u_px: Any, width: Any) -> Any:
    """Horizontal pixel coordinates alone, such as a camera's cx: numbers or arrays that broadcast."""
    return width - 1 - u_px
