"""What a user asks for, checked: boxes, sides and a camera for a picture of known size, and how often to look."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import SIDES, Side


def check_sides(sides: Any) -> tuple[Side, ...]:
    """Sides as a tuple; raises KnuckleError for anything but a sequence of "left" and "right"."""
    if isinstance(sides, str):
        raise KnuckleError(f'sides: expected a list with one side for each box, got the text "{sides}"')
    try:
        given = tuple(sides)
    except TypeError:
        raise KnuckleError(f"sides: expected a list of sides, got {type(sides).__name__}") from None
    for side in given:
        if side not in SIDES:
            raise KnuckleError(f"side: expected one of {', '.join(SIDES)}, got {side!r}")
    return given


def check_boxes(boxes: Any, width: int, height: int) -> Float[np.ndarray, "N 4"]:
    """Boxes as floats (N, 4): x, y, w, h px. Raises KnuckleError for another shape, numbers that are not
    finite, a width or height that is not positive, or a box that lies wholly outside the picture."""
    expected = "boxes: expected (N, 4) numbers, x, y, w, h in px"
    try:
        array = np.asarray(boxes, dtype=float)
    except (TypeError, ValueError):
        raise KnuckleError(f"{expected}, got {boxes!r}") from None
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        hint = "; a single box is [[x, y, w, h]]" if array.shape == (4,) else ""
        raise KnuckleError(f"{expected}, got shape {array.shape}{hint}")
    for x, y, w, h in array.tolist():
        text = ",".join(f"{value:g}" for value in (x, y, w, h))
        if not np.isfinite([x, y, w, h]).all() or w <= 0 or h <= 0:
            raise KnuckleError(f"box: expected finite x,y,w,h in px with w and h above 0, got {text}")
        # Pixel (0, 0) spans -0.5..0.5.
        if x + w <= -0.5 or y + h <= -0.5 or x >= width - 0.5 or y >= height - 0.5:
            raise KnuckleError(f"box: expected one that meets the picture of {width}x{height} px, got {text}")
        if max(w, h) > 100 * max(width, height):
            raise KnuckleError(f"box: expected one of about a hand's size in {width}x{height} px, got {text}")
    return array


def check_camera(camera: Camera | Sequence[float] | None, width: int, height: int) -> Camera:
    """The camera of a picture: None is the assumed one, (fx, fy, cx, cy) px or a `Camera` of the picture's
    size."""
    if camera is None:
        return Camera.from_size(width, height)
    if isinstance(camera, Camera):
        if (camera.width, camera.height) != (width, height):
            raise KnuckleError(
                f"camera: expected one of the picture's {width}x{height} px,"
                f" got one of {camera.width}x{camera.height}"
            )
        return camera
    try:
        values = [float(value) for value in camera]
    except (TypeError, ValueError):
        values = []
    if len(values) != 4:
        raise KnuckleError(f"camera: expected fx, fy, cx, cy in px or a Camera, got {camera!r}")
    return Camera(*values, width=width, height=height)


def check_looks(looks: Any) -> int:
    """How often a two-hand system looks at a pair; raises KnuckleError for anything but 1 and 2."""
    if looks not in (1, 2):
        raise KnuckleError(f"looks: expected 1 or 2, got {looks!r}")
    return int(looks)


def check_pairing(boxes: Float[np.ndarray, "N 4"] | None, sides: tuple[Side, ...] | None) -> None:
    """Boxes and sides come together, one side a box. Raises KnuckleError otherwise."""
    if boxes is None and sides is None:
        return
    if sides is None:
        raise KnuckleError(
            "sides: expected one for each box (a network for one hand has to know which), got none"
        )
    if boxes is None:
        raise KnuckleError(
            "boxes: expected one for each side given, got none (give both, or neither to find the hands)"
        )
    if len(boxes) != len(sides):
        raise KnuckleError(f"sides: expected one for each box, got {len(sides)} for {len(boxes)}")
