"""Square crops as affine maps, upright or turned.

Affine maps are (..., 2, 3) matrices. `frame_from_patch`, the affine maps' algebra and the maps between coordinates of
one patch are written once for numpy and torch.
"""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.array import Array, array_module
from knuckle.geometry.mirror import mirror_column


@dataclass(frozen=True)
class Crop:
    """A square window of a frame, resampled to size x size px: the affine map stays with the crop."""

    centre_px: tuple[float, float]
    """In px of the frame."""
    side_px: float
    """In px of the frame."""
    size: int
    """Of the patch, px."""
    roll_rad: float = 0.0
    """How far the window is turned clockwise in the frame; what it shows is turned back by that, as a camera rolled
    about its axis would see it."""
    aspect: float = 1.0
    """fy / fx of that camera, 1 for square pixels."""

    @classmethod
    def from_box(
        cls,
        box_px: Float[np.ndarray, "4"],
        size: int,
        *,
        expand: float = 1.0,
        roll_rad: float = 0.0,
        aspect: float = 1.0,
    ) -> "Crop":
        """Square around a box (x, y, w, h): same centre, side = expand * max(w, h)."""
        x, y, w, h = (float(v) for v in box_px)
        if not np.isfinite([x, y, w, h]).all() or w <= 0 or h <= 0:
            raise KnuckleError(f"box: expected finite x, y, w, h with w, h > 0, got {(x, y, w, h)}")
        return cls((x + w / 2, y + h / 2), expand * max(w, h), size, roll_rad, aspect)

    @classmethod
    def from_vector(
        cls, crop: Float[np.ndarray, "3"], size: int, *, roll_rad: float = 0.0, aspect: float = 1.0
    ) -> "Crop":
        """From (centre u, centre v, side) px of the frame, as `vector` gives it."""
        u, v, side = (float(value) for value in crop)
        return cls((u, v), side, size, roll_rad, aspect)

    @classmethod
    def from_affine(cls, patch_from_frame: Float[np.ndarray, "2 3"], size: int) -> "Crop":
        """From the affine map of an upright crop; raises KnuckleError for any other map."""
        scale, shift = float(patch_from_frame[0, 0]), patch_from_frame[:, 2]
        linear = patch_from_frame[:, :2]
        if scale <= 0 or not np.allclose(linear, scale * np.eye(2), rtol=0, atol=1e-4 * scale):
            raise KnuckleError(
                f"patch_from_frame: expected an upright square crop, got {patch_from_frame.tolist()}"
            )
        u, v = (middle_px(size) - shift) / scale
        return cls((float(u), float(v)), size / scale, size)

    @property
    def patch_from_frame(self) -> Float[np.ndarray, "2 3"]:
        """Affine matrix: patch px = A @ (frame px, 1)."""
        scale, centre = self.size / self.side_px, np.asarray(self.centre_px)
        # Exactly the axes' scale where nothing is turned.
        linear = scale * turn_of_px(-self.roll_rad, aspect=self.aspect)
        return np.column_stack([linear, middle_px(self.size) - linear @ centre])

    @property
    def frame_from_patch(self) -> Float[np.ndarray, "2 3"]:
        """Affine matrix: frame px = A @ (patch px, 1)."""
        return invert_affine(self.patch_from_frame)

    @property
    def vector(self) -> Float[np.ndarray, "3"]:
        """(centre u, centre v, side) px of the frame, what the models take beside `roll_rad`."""
        return np.array([*self.centre_px, self.side_px])

    def mirrored(self, frame_width: int) -> "Crop":
        """The same window of the left-right mirrored frame."""
        centre = mirror_column(self.centre_px[0], frame_width), self.centre_px[1]
        return replace(self, centre_px=centre, roll_rad=-self.roll_rad)

    def warp(self, image: UInt8[np.ndarray, "H W C"]) -> UInt8[np.ndarray, "size size C"]:
        """Resample the window; outside the frame the nearest edge pixel is repeated.

        Where the window is reduced, each patch pixel is the mean of several samples: one alone would alias, and would
        see a mirrored frame differently. They are 2x2 down to half the size and 8x8 from an eighth on. Between, they
        are 2x2 too, but of means over squares half as wide as a patch pixel, which takes a fraction of the time of
        samples as dense as the frame's pixels.
        """
        reduction = self.side_px / self.size
        if _FEW_SAMPLES < reduction <= _MOST_SAMPLES:
            means, window = self._means(image, reduction / _FEW_SAMPLES)
            return window._sampled(means, _FEW_SAMPLES)
        return self._sampled(image, int(np.clip(np.ceil(reduction), 1, _MOST_SAMPLES)))

    def _sampled(self, image: UInt8[np.ndarray, "H W C"], samples: int) -> UInt8[np.ndarray, "size size C"]:
        """The window, each patch pixel the mean of so many samples a side."""
        first = middle_px(samples)
        finer_from_patch = np.array([[samples, 0, first], [0, samples, first]])
        finer = cv2.warpAffine(
            image,
            compose_affine(finer_from_patch, self.patch_from_frame),
            (self.size * samples, self.size * samples),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if samples == 1:
            return finer
        return cv2.resize(finer, (self.size, self.size), interpolation=cv2.INTER_AREA)

    def _means(
        self, image: UInt8[np.ndarray, "H W C"], width_px: float
    ) -> tuple[UInt8[np.ndarray, "h w C"], "Crop"]:
        """Means over squares of that width round each pixel of the part of the frame that the window shows, and the
        window in that part."""
        weights = _box_weights(width_px)
        edges = -0.5, self.size - 0.5
        corners = apply_affine(self.frame_from_patch, np.array([[u, v] for u in edges for v in edges]))
        reach = len(weights) // 2 + 2  # of the means, and of a sample between pixels
        last = np.array(image.shape[1::-1]) - 1
        left, top = np.clip(np.floor(corners.min(0)).astype(int) - reach, 0, last)
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + reach, 0, last)
        part = image[top : bottom + 1, left : right + 1]
        means = cv2.sepFilter2D(part, -1, weights, weights, borderType=cv2.BORDER_REPLICATE)
        x, y = self.centre_px
        return means, replace(self, centre_px=(x - float(left), y - float(top)))


_FEW_SAMPLES, _MOST_SAMPLES = 2, 8
"""Along a side of a patch pixel."""


def _box_weights(width: float) -> Float[np.ndarray, "n"]:
    """Weights, of pixels in a row, of their mean over a width that may end within pixels; they add up to 1 in the 256
    steps in which opencv filters bytes."""
    reach = int(np.ceil((width - 1) / 2))
    weights = np.full(2 * reach + 1, 256 / width)
    weights[[0, -1]] *= (width - (2 * reach - 1)) / 2
    weights = np.round(weights)
    weights[reach] += 256 - weights.sum()
    return weights / 256


_KNUCKLES = [5, 9, 9, 13]
ROLL_JOINTS = [0, *_KNUCKLES]
"""The joints that `hand_roll` looks at."""


def hand_roll(joints_px: Float[np.ndarray, "*batch 21 2"]) -> Float[np.ndarray, "*batch"]:
    """How far hands are turned from fingers-up, clockwise in the picture, radians: from the wrist to the knuckles of
    index, middle (which counts twice) and ring finger."""
    along = joints_px[..., _KNUCKLES, :].mean(-2) - joints_px[..., 0, :]
    return np.arctan2(along[..., 0], -along[..., 1])


def turn_about_z(angle_rad: Float[Array, "*batch"]) -> Float[Array, "*batch 3 3"]:
    """Rotations about the camera's axis, clockwise in the picture: what rolling the camera the other way does."""
    xp = array_module(angle_rad)
    cos, sin = xp.cos(angle_rad), xp.sin(angle_rad)
    zero, one = xp.zeros_like(cos), xp.ones_like(cos)
    rows = [(cos, -sin, zero), (sin, cos, zero), (zero, zero, one)]
    return xp.stack([xp.stack(row, -1) for row in rows], -2)


def turn_of_px(angle_rad: float, *, aspect: float = 1.0) -> Float[np.ndarray, "2 2"]:
    """What turns pixel offsets clockwise by an angle, as a camera of that aspect (fy / fx) rolled about its axis does:
    K R K^-1."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, -sin / aspect], [sin * aspect, cos]])


def turned_px(
    offsets_px: Float[np.ndarray, "*batch n 2"],
    roll_rad: Float[np.ndarray, "*batch"],
    *,
    aspect: Float[np.ndarray, "*batch"] | float = 1.0,
) -> Float[np.ndarray, "*batch n 2"]:
    """Offsets in turned crops as offsets in the frame: `turn_of_px` of many. aspect: fy / fx."""
    roll, aspect = np.asarray(roll_rad)[..., None], np.broadcast_to(aspect, np.shape(roll_rad))[..., None]
    cos, sin, (x, y) = np.cos(roll), np.sin(roll), np.moveaxis(offsets_px, -1, 0)
    return np.stack([cos * x - sin / aspect * y, sin * aspect * x + cos * y], axis=-1)


def middle_px(size: int) -> float:
    """The middle of a patch of size x size px, along either axis: pixel centres are at integers."""
    return (size - 1) / 2


def whole_patch(size: int) -> Float[np.ndarray, "3"]:
    """The crop (centre u, centre v, side) that is the patch itself: for patches that count as frames of their own."""
    return np.array([middle_px(size), middle_px(size), size])


def resized_px(uv_px: Any, ratio: float) -> Any:
    """Pixel coordinates of a picture, numbers or arrays of them, in the same picture `ratio` times as large: edges fall
    on edges."""
    return (uv_px + 0.5) * ratio - 0.5


def unit_to_patch(uv: Float[Array, "*batch 2"], size: int) -> Float[Array, "*batch 2"]:
    """Coordinates that run over -1..1 from edge to edge of a patch of size x size px, in its px."""
    return uv * (size / 2) + middle_px(size)


def patch_to_unit(uv_patch: Float[Array, "*batch 2"], size: int) -> Float[Array, "*batch 2"]:
    """Inverse of `unit_to_patch`."""
    return (uv_patch - middle_px(size)) * (2 / size)


def crop_to_affine(crop: Float[Array, "*batch 3"], size: int) -> Float[Array, "*batch 2 3"]:
    """frame_from_patch of upright crops given as (centre u, centre v, side) px of the frame."""
    xp = array_module(crop)
    scale = crop[..., 2] / size
    offset = crop[..., :2] - scale[..., None] * (size - 1) / 2
    zero = xp.zeros_like(scale)
    rows = [(scale, zero, offset[..., 0]), (zero, scale, offset[..., 1])]
    return xp.stack([xp.stack(row, -1) for row in rows], -2)


def invert_affine(matrix: Float[Array, "*batch 2 3"]) -> Float[Array, "*batch 2 3"]:
    """Inverse of affine maps."""
    xp = array_module(matrix)
    linear = xp.linalg.inv(matrix[..., :2])
    return xp.concatenate([linear, -linear @ matrix[..., 2:]], -1)


def compose_affine(
    outer: Float[Array, "*batch 2 3"], inner: Float[Array, "*batch 2 3"]
) -> Float[Array, "*batch 2 3"]:
    """The affine map that applies `inner`, then `outer`."""
    linear = outer[..., :2] @ inner[..., :2]
    shift = outer[..., :2] @ inner[..., 2:] + outer[..., 2:]
    return array_module(outer).concatenate([linear, shift], -1)


def apply_affine(
    matrix: Float[Array, "*batch 2 3"], points: Float[Array, "*batch n 2"]
) -> Float[Array, "*batch n 2"]:
    """Affine maps applied to points."""
    return points @ matrix[..., :2].swapaxes(-1, -2) + matrix[..., 2:].swapaxes(-1, -2)
