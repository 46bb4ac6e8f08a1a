"""A labelled hand of a picture whose lens bends lines: read as a pinhole camera in the same place sees it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import check_size, read_rgb
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.lenses import Lens, seen_by_pinhole

_ROOM = 2.0
"""Sides of a window over those of the hand's box."""
_NEAREST_M, _FAR_PX = 0.01, 1e5
LARGEST_PX = 4000
"""Of a hand's box; a larger one is of a hand at the camera's own plane."""


@dataclass(frozen=True, eq=False)
class RectifiedHand(LabelledHand):
    """All labels are of `camera`, a pinhole; the picture on disk is of `lens`, which `lens_from_camera` turns to.

    load: gives that picture, RGB; None: `image` is read.
    """

    lens: Lens | None = None
    lens_from_camera: Float[np.ndarray, "3 3"] = field(default_factory=lambda: np.eye(3))
    load: Callable[[], UInt8[np.ndarray, "H W 3"]] | None = None

    def read(self) -> UInt8[np.ndarray, "H W 3"]:
        """What the pinhole camera sees; raises KnuckleError if the picture is missing, damaged or of another size."""
        picture = read_rgb(self.image) if self.load is None else self.load()
        if self.lens is None:
            return picture
        check_size(picture, (self.lens.width, self.lens.height), self.image)
        return seen_by_pinhole(picture, self.lens, self.camera, self.lens_from_camera)


def window_around(camera: Camera, box_px: Float[np.ndarray, "4"]) -> Camera:
    """The part of a camera's sight around a box (x, y, w, h px), twice as large, as a camera of its own: its first
    pixel is one of the frame, or would be one beyond it. Raises KnuckleError for a box that is none."""
    x, y, w, h = (float(value) for value in box_px)
    if not np.isfinite([x, y, w, h]).all() or not 0 < max(w, h) <= LARGEST_PX:
        raise KnuckleError(f"box: expected one of at most {LARGEST_PX} px, got {(x, y, w, h)}")
    reach = _ROOM * max(w, h) / 2
    left, top = int(np.floor(x + w / 2 - reach)), int(np.floor(y + h / 2 - reach))
    side = int(np.ceil(2 * reach)) + 1
    return Camera(camera.fx, camera.fy, camera.cx - left, camera.cy - top, side, side)


def boxes_of(camera: Camera, *hands_m: Float[np.ndarray, "21 3"] | None) -> Float[np.ndarray, "n 4"]:
    """Boxes (x, y, w, h px) of hands in a camera's picture, of the joints that are known and before it; none of hands
    that have none."""
    boxes = []
    for joints_m in hands_m:
        if joints_m is None:
            continue
        before = joints_m[np.isfinite(joints_m).all(-1) & (joints_m[:, 2] > _NEAREST_M)]
        if len(before):
            boxes.append(tight_box(camera.project(before)).clip(-_FAR_PX, _FAR_PX))
    return np.array(boxes).reshape(-1, 4)


def is_inside(lens: Lens, points_m: Float[np.ndarray, "*batch 3"]) -> Bool[np.ndarray, "*batch"]:
    """Which points lie in a lens's picture."""
    px = lens.project(points_m)
    with np.errstate(invalid="ignore"):
        return np.asarray((px >= 0).all(-1) & (px <= np.array([lens.width, lens.height]) - 1).all(-1))
