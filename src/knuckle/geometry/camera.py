"""Pinhole cameras.

Camera frame: x right, y down, z forward, metres. Pixel coordinates have pixel centres at integers, so mirroring
an image of width W maps x to W - 1 - x.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry import projection
from knuckle.geometry.crop import middle_px, resized_px
from knuckle.geometry.mirror import mirror_column

CameraSource = Literal["given", "calibrated", "exif", "assumed"]
"""Where intrinsics come from: from the user or a data set, from `knuckle calibrate`, from what a photo's file says of
its lens, or from nothing but the picture's size."""
SOURCES: tuple[CameraSource, ...] = get_args(CameraSource)
_UNGIVEN: Any = None
"""Filled in when the camera is made."""

OPENGL_FROM_CAMERA = np.array([1.0, -1.0, -1.0])
"""Times a point of the camera frame: the same point where y is up and z backward, as OpenGL and glTF have it. And
back."""


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics in px of a frame of width x height."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    assumed: bool = False
    """Whether they were guessed and not measured."""
    picture_mirrored: bool = False
    """Whether the picture is the mirror image of what the camera saw, as many selfies are: u = cx - fx x / z."""
    source: CameraSource = _UNGIVEN
    """Where the intrinsics come from; without it "assumed" or "given", as `assumed` says."""

    def __post_init__(self) -> None:
        if self.source is _UNGIVEN:
            object.__setattr__(self, "source", "assumed" if self.assumed else "given")
        if self.source not in SOURCES or (self.source == "assumed") != self.assumed:
            raise KnuckleError(
                f"camera source: expected one of {', '.join(SOURCES)}, assumed if and only if the camera is,"
                f" got {self.source!r} and assumed {self.assumed}"
            )
        check_intrinsics(self.fx, self.fy, self.cx, self.cy)
        if self.width < 1 or self.height < 1:
            raise KnuckleError(f"camera: expected a frame of at least 1x1 px, got {self.width}x{self.height}")

    @classmethod
    def from_size(cls, width: int, height: int) -> "Camera":
        """The camera assumed where none is known: focal sqrt(W^2 + H^2), centred (CLIFF; DaHyF 3.2)."""
        focal = float(np.hypot(width, height))
        return cls(focal, focal, middle_px(width), middle_px(height), width, height, assumed=True)

    @classmethod
    def from_matrix(cls, matrix: Float[np.ndarray, "3 3"], width: int, height: int) -> "Camera":
        """From a 3x3 intrinsic matrix in px; skew is refused."""
        matrix = np.asarray(matrix, dtype=float)
        if matrix.shape != (3, 3) or abs(matrix[0, 1]) > 1e-6 * abs(matrix[0, 0]):
            raise KnuckleError(f"camera matrix: expected 3x3 without skew, got {matrix.tolist()}")
        return cls(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], width, height)

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        fx, fy, cx, cy = self.lens
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])

    @property
    def vector(self) -> Float[np.ndarray, "4"]:
        """(fx, fy, cx, cy), what the models take. Raises KnuckleError where the picture is mirrored: they are never
        shown one."""
        if self.picture_mirrored:
            raise KnuckleError(
                "camera: expected that of a picture that is not mirrored (unmirrored gives it)"
            )
        return np.array([self.fx, self.fy, self.cx, self.cy])

    @property
    def lens(self) -> Float[np.ndarray, "4"]:
        """(fx, fy, cx, cy) that lead to the picture's px: fx is negative where it is mirrored."""
        return np.array([-self.fx if self.picture_mirrored else self.fx, self.fy, self.cx, self.cy])

    def project(self, points_m: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """Camera-frame metres to px."""
        return projection.project(points_m, self.lens)

    def backproject(
        self, uv_px: Float[np.ndarray, "*batch 2"], depth_m: Float[np.ndarray, "*batch"]
    ) -> Float[np.ndarray, "*batch 3"]:
        """Px and depths along z to camera-frame metres."""
        return projection.lift(uv_px, np.asarray(depth_m), self.lens)

    def mirrored(self) -> "Camera":
        """The camera of the left-right mirrored frame."""
        return replace(self, cx=mirror_column(self.cx, self.width))

    def unmirrored(self) -> "Camera":
        """The camera of what it saw: of the picture turned back where that is mirrored."""
        if not self.picture_mirrored:
            return self
        return replace(self, cx=mirror_column(self.cx, self.width), picture_mirrored=False)

    def resized(self, width: int, height: int) -> "Camera":
        """The camera of the same picture resampled to width x height px."""
        across, down = width / self.width, height / self.height
        cx, cy = resized_px(self.cx, across), resized_px(self.cy, down)
        return replace(self, fx=self.fx * across, fy=self.fy * down, cx=cx, cy=cy, width=width, height=height)

    def turned(self) -> "Camera":
        """The camera of the same picture turned by a quarter, nobody knows which way: its principal point is in the
        middle."""
        cx, cy = middle_px(self.height), middle_px(self.width)
        return replace(self, fx=self.fy, fy=self.fx, cx=cx, cy=cy, width=self.height, height=self.width)

    def fitted(self, width: int, height: int) -> "Camera":
        """The camera of a picture of another size that the same device took: smaller or larger, or turned by a quarter.

        Raises KnuckleError for one of another shape, which shows more or less.
        """
        if (self.width, self.height) == (width, height):
            return self
        for camera in (self, self.turned()):
            across, down = width / camera.width, height / camera.height
            # Sizes are rounded to whole pixels.
            if abs(across * camera.height - height) <= 1 or abs(down * camera.width - width) <= 1:
                return camera.resized(width, height)
        raise KnuckleError(
            f"camera: expected one of the picture's {width}x{height} px or of the same shape,"
            f" got one of {self.width}x{self.height}"
        )


def turned_homography(
    camera: Camera, other: Camera, other_from_camera: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "3 3"]:
    """The map from px of a camera to px of another one in the same place, turned by a rotation of points: both see
    along the same rays."""
    return other.matrix @ other_from_camera @ np.linalg.inv(camera.matrix)


def check_intrinsics(fx: float, fy: float, cx: float, cy: float) -> None:
    """Raise KnuckleError for intrinsics, in px, that no camera has."""
    values = (fx, fy, cx, cy)
    if not np.isfinite(values).all() or fx <= 0 or fy <= 0:
        raise KnuckleError(f"camera: expected finite fx, fy, cx, cy with fx, fy > 0, got {values}")
