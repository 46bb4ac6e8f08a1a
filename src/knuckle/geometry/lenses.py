"""Lenses that bend straight lines, as calibrations of headsets describe them, and their pictures as a pinhole camera
sees them. Numpy only.

Points are of the camera frame (x right, y down, z forward); px have their centres at integers. Each lens is a pair of
maps that are turned round by Newton's method: of the angle, or of the direction (x / z, y / z), to the picture.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera, check_intrinsics
from knuckle.geometry.projection import px_to_rays, rays_to_px

_STEPS = 30
_DONE = 1e-12
_TINY = 1e-12
_STEP_PX = 8


class Lens(Protocol):
    """What a picture is taken through; `Camera` is one too."""

    @property
    def width(self) -> int:
        """Of its picture, px."""
        ...

    @property
    def height(self) -> int:
        """Of its picture, px."""
        ...

    def project(self, points_m: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """Points of the camera frame to px; NaN where a bent lens does not see them."""
        ...


@dataclass(frozen=True)
class Fisheye624:
    """Project Aria's FisheyeRadTanThinPrism, of Quest 3 too: with t the angle to the axis,

        r = t (1 + k0 t^2 + ... + k5 t^12), (a, b) = r (x, y) / |(x, y)|,
        (a, b) += (2 p1 a b + p0 (r^2 + 2 a^2) + s0 r^2 + s1 r^4, 2 p0 a b + p1 (r^2 + 2 b^2) + s2 r^2 + s3 r^4).

    Source: the description of camera models of facebookresearch/projectaria_tools. Raises KnuckleError for parameters
    that are no lens.
    """

    lens: tuple[float, float, float, float]
    """fx, fy, cx, cy px."""
    radial: tuple[float, ...]
    tangential: tuple[float, float]
    prism: tuple[float, float, float, float]
    width: int
    height: int

    def __post_init__(self) -> None:
        check_intrinsics(*self.lens)
        if len(self.radial) != 6 or not np.isfinite([*self.radial, *self.tangential, *self.prism]).all():
            raise KnuckleError(
                "fisheye lens: expected 6 radial, 2 tangential and 4 prism numbers, got others"
            )
        if self.width < 1 or self.height < 1:
            raise KnuckleError(f"fisheye lens: expected a picture, got {self.width}x{self.height} px")

    @classmethod
    def from_parameters(cls, values: Float[np.ndarray, "n"], width: int, height: int) -> "Fisheye624":
        """From 15 numbers (one focal length, as of Aria) or 16 (two, as of Quest 3): f, c, k0-k5, p0, p1, s0-s3."""
        numbers = [float(value) for value in values]
        if len(numbers) == 15:
            numbers = [numbers[0], *numbers]
        if len(numbers) != 16:
            raise KnuckleError(f"fisheye lens: expected 15 or 16 parameters, got {len(numbers)}")
        fx, fy, cx, cy, *rest = numbers
        p0, p1, s0, s1, s2, s3 = rest[6:]
        return cls((fx, fy, cx, cy), tuple(rest[:6]), (p0, p1), (s0, s1, s2, s3), width, height)

    @cached_property
    def limit_rad(self) -> float:
        """The angle to the axis from which on the lens would fold back, or is past the picture by its diagonal, where
        the formula means nothing: nothing beyond is seen."""
        angles = np.linspace(0, np.pi, 2048)
        radius, slope = self._radius(angles)
        past = (slope <= 0) | (radius * min(self.lens[:2]) > np.hypot(self.width, self.height))
        return float(angles[np.flatnonzero(past)[0] - 1]) if past.any() else np.pi

    def project(self, points_m: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """Points to px; NaN beyond `limit_rad` and for the camera's own place."""
        points = np.asarray(points_m, dtype=float)
        across = np.linalg.norm(points[..., :2], axis=-1)
        angle = np.arctan2(across, points[..., 2])
        radius, _ = self._radius(angle)
        # Near the axis the radius is the angle, and that is the distance over the depth.
        scale = np.where(
            across > _TINY, radius / np.maximum(across, _TINY), 1 / np.maximum(points[..., 2], _TINY)
        )
        unseen = (angle > self.limit_rad) | (np.linalg.norm(points, axis=-1) <= _TINY)
        bent, _ = self.bend(points[..., :2] * np.where(unseen, np.nan, scale)[..., None])
        return rays_to_px(bent, np.array(self.lens))

    def rays(self, uv_px: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 3"]:
        """Px to directions of length 1; NaN where no angle below `limit_rad` gives them."""
        bent = px_to_rays(np.asarray(uv_px, dtype=float), np.array(self.lens))
        straight = _solved(self.bend, bent)
        radius = np.linalg.norm(straight, axis=-1)
        angle = np.minimum(radius, self.limit_rad)
        for _ in range(_STEPS):
            value, slope = self._radius(angle)
            step = (value - radius) / np.where(np.abs(slope) > _TINY, slope, np.inf)
            angle = np.clip(angle - step, 0, self.limit_rad)
        angle = np.where(np.abs(self._radius(angle)[0] - radius) < 1e-9, angle, np.nan)
        along = np.where(radius > _TINY, np.sin(angle) / np.maximum(radius, _TINY), 1.0)
        return np.concatenate([straight * along[..., None], np.cos(angle)[..., None]], axis=-1)

    def bend(
        self, straight: Float[np.ndarray, "*batch 2"]
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch 2 2"]]:
        """What tangential and prism terms make of a point of the plane, and the derivative of that."""
        a, b = straight[..., 0], straight[..., 1]
        p0, p1 = self.tangential
        s0, s1, s2, s3 = self.prism
        r2 = a * a + b * b
        u = a + 2 * p1 * a * b + p0 * (r2 + 2 * a * a) + s0 * r2 + s1 * r2 * r2
        v = b + 2 * p0 * a * b + p1 * (r2 + 2 * b * b) + s2 * r2 + s3 * r2 * r2
        of_u, of_v = s0 + 2 * s1 * r2, s2 + 2 * s3 * r2
        rows = (
            (1 + 2 * p1 * b + 6 * p0 * a + 2 * a * of_u, 2 * p1 * a + 2 * p0 * b + 2 * b * of_u),
            (2 * p0 * b + 2 * p1 * a + 2 * a * of_v, 1 + 2 * p0 * a + 6 * p1 * b + 2 * b * of_v),
        )
        slope = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
        return np.stack([u, v], axis=-1), slope

    def _radius(
        self, angle: Float[np.ndarray, "*batch"]
    ) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
        """Distance from the middle, in focal lengths, at an angle to the axis, and its derivative."""
        square = angle * angle
        value, slope, power = np.ones_like(angle), np.ones_like(angle), np.ones_like(angle)
        for order, factor in enumerate(self.radial, start=1):
            power = power * square
            value = value + factor * power
            slope = slope + (2 * order + 1) * factor * power
        return angle * value, slope


@dataclass(frozen=True)
class RationalLens:
    """OpenCV's lens of eight numbers k1, k2, p1, p2, k3, k4, k5, k6, over a pinhole camera: with (a, b) = (x, y) / z,

    (a, b) (1 + k1 r^2 + k2 r^4 + k3 r^6) / (1 + k4 r^2 + k5 r^4 + k6 r^6)
    + (2 p1 a b + p2 (r^2 + 2 a^2), 2 p2 a b + p1 (r^2 + 2 b^2)).
    """

    camera: Camera
    numbers: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.numbers) != 8 or not np.isfinite(self.numbers).all():
            raise KnuckleError(f"lens: expected 8 finite numbers of distortion, got {self.numbers}")

    @property
    def width(self) -> int:
        return self.camera.width

    @property
    def height(self) -> int:
        return self.camera.height

    @cached_property
    def limit(self) -> float:
        """The r from which on the lens would fold back: nothing beyond is seen."""
        reach = np.linspace(0, 10, 4096)
        bent = self.bend(np.stack([reach, np.zeros_like(reach)], axis=-1))[0][:, 0]
        falls = np.flatnonzero(~(np.diff(bent) > 0))
        return float(reach[falls[0]]) if len(falls) else np.inf

    def project(self, points_m: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 2"]:
        """Points to px; NaN behind the camera and beyond `limit`."""
        points = np.asarray(points_m, dtype=float)
        depth = np.where(points[..., 2:] > _TINY, points[..., 2:], np.nan)
        straight = points[..., :2] / depth
        straight = np.where(np.linalg.norm(straight, axis=-1, keepdims=True) <= self.limit, straight, np.nan)
        return rays_to_px(self.bend(straight)[0], self.camera.lens)

    def rays(self, uv_px: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 3"]:
        """Px to directions of length 1; NaN where there is none."""
        straight = _solved(self.bend, px_to_rays(np.asarray(uv_px, dtype=float), self.camera.lens))
        straight = np.where(np.linalg.norm(straight, axis=-1, keepdims=True) <= self.limit, straight, np.nan)
        rays = np.concatenate([straight, np.ones_like(straight[..., :1])], axis=-1)
        return rays / np.linalg.norm(rays, axis=-1, keepdims=True)

    def bend(
        self, straight: Float[np.ndarray, "*batch 2"]
    ) -> tuple[Float[np.ndarray, "*batch 2"], Float[np.ndarray, "*batch 2 2"]]:
        """What the lens makes of a direction (x / z, y / z), and the derivative of that."""
        k1, k2, p1, p2, k3, k4, k5, k6 = self.numbers
        a, b = straight[..., 0], straight[..., 1]
        r2 = a * a + b * b
        above, below = (1 + r2 * (x + r2 * (y + r2 * z)) for x, y, z in ((k1, k2, k3), (k4, k5, k6)))
        # Derivatives by r2.
        up, down = (x + r2 * (2 * y + 3 * r2 * z) for x, y, z in ((k1, k2, k3), (k4, k5, k6)))
        ratio, of_ratio = above / below, (up * below - above * down) / (below * below)
        u = a * ratio + 2 * p1 * a * b + p2 * (r2 + 2 * a * a)
        v = b * ratio + 2 * p2 * a * b + p1 * (r2 + 2 * b * b)
        mixed = 2 * a * b * of_ratio + 2 * p1 * a + 2 * p2 * b
        rows = (
            (ratio + 2 * a * a * of_ratio + 2 * p1 * b + 6 * p2 * a, mixed),
            (mixed, ratio + 2 * b * b * of_ratio + 2 * p2 * a + 6 * p1 * b),
        )
        slope = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
        return np.stack([u, v], axis=-1), slope


def seen_by_pinhole(
    picture: UInt8[np.ndarray, "H W C"],
    lens: Lens,
    camera: Camera,
    lens_from_camera: Float[np.ndarray, "3 3"],
) -> UInt8[np.ndarray, "h w C"]:
    """A lens's picture as a pinhole camera in the same place sees it, turned by `lens_from_camera`; black where the
    lens saw nothing. Raises KnuckleError for a picture of another size than the lens's."""
    if picture.shape[1::-1] != (lens.width, lens.height):
        raise KnuckleError(
            f"picture: expected {lens.width}x{lens.height} px, got {picture.shape[1]}x{picture.shape[0]}"
        )
    at = _map(lens, camera, lens_from_camera)
    # What is outside of the picture stays black.
    at = np.where(np.isfinite(at), at, -2.0).astype(np.float32)
    return cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _map(
    lens: Lens, camera: Camera, lens_from_camera: Float[np.ndarray, "3 3"]
) -> Float32[np.ndarray, "h w 2"]:
    """Where each pixel of the camera is in the lens's picture: of every eighth one exactly, else between those."""
    # Nodes lie where `cv2.resize` takes them to be, with one more on every side.
    across, down = (
        (np.arange(-1, size // _STEP_PX + 2) + 0.5) * _STEP_PX - 0.5 for size in (camera.width, camera.height)
    )
    u, v = np.meshgrid(across, down)
    points = camera.backproject(np.stack([u, v], axis=-1), np.ones(u.shape))
    nodes = lens.project(points @ lens_from_camera.T).astype(np.float32)
    whole = cv2.resize(nodes, None, fx=_STEP_PX, fy=_STEP_PX, interpolation=cv2.INTER_LINEAR)
    return whole[_STEP_PX : _STEP_PX + camera.height, _STEP_PX : _STEP_PX + camera.width]


def looking_at(towards_m: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The smallest turn lens_from_camera after which a camera looks at a point of the lens's frame. Raises KnuckleError
    for a point in the camera's place or straight behind it."""
    length = float(np.linalg.norm(towards_m))
    forward = np.asarray(towards_m, dtype=float) / max(length, _TINY)
    axis = np.cross([0.0, 0.0, 1.0], forward)
    if length <= _TINY or forward[2] < -1 + 1e-9:
        raise KnuckleError(f"camera: expected a point before the lens to look at, got {towards_m}")
    # Rodrigues' formula between two directions: 1 + [axis] + [axis]^2 / (1 + cos).
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + forward[2])


def _solved(bend, bent: Float[np.ndarray, "*batch 2"]) -> Float[np.ndarray, "*batch 2"]:
    """Where `bend` (value and derivative) gives these values; NaN where it was not found."""
    found = np.array(bent, copy=True)
    for _ in range(_STEPS):
        value, slope = bend(found)
        (a, b), (c, d) = np.moveaxis(slope, (-2, -1), (0, 1))
        off = value - bent
        area = a * d - b * c
        area = np.where(np.abs(area) > 1e-6, area, np.nan)
        step = np.stack([d * off[..., 0] - b * off[..., 1], a * off[..., 1] - c * off[..., 0]], axis=-1)
        step = step / area[..., None]
        # A step as long as the picture is one that overshot.
        size = np.linalg.norm(step, axis=-1, keepdims=True)
        found = found - step * np.minimum(1, 0.5 / np.maximum(size, 0.5))
        if not (np.abs(step) > _DONE).any():
            break
    missed = np.abs(bend(found)[0] - bent).max(-1, keepdims=True)
    return np.where(missed < 1e-9, found, np.nan)
