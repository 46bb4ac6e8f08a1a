"""Where a hand stands: frame, camera, distance, place in the frame, and the square crop round its joints."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine

NEAREST_M, FARTHEST_M = 0.22, 1.1
_HAND_M, _ROOM_M = 0.17, 0.25
"""How long a hand is, and how wide a hand and its margin, when distance and place are drawn."""


@dataclass(frozen=True)
class Placement:
    """Camera of the whole frame, the hand's translation (m, camera frame) and the crop."""

    camera: Camera
    translation: Float[np.ndarray, "3"]
    crop: Crop


class Place(Protocol):
    """Puts joints that are turned to the camera somewhere in a random frame."""

    def __call__(
        self, rng: np.random.Generator, joints: Float[np.ndarray, "n 3"], size: int, /
    ) -> Placement: ...


def sample_camera(rng: np.random.Generator) -> Camera:
    """Frames of 224 to 1920 px in common shapes; focal 0.6 to 2 diagonals; 30 % exactly the assumed one."""
    longer = int(np.exp(rng.uniform(np.log(224), np.log(1920))))
    aspect = float(rng.choice([1.0, 4 / 3, 3 / 2, 16 / 9]))
    shorter = round(longer / aspect)
    width, height = (longer, shorter) if rng.random() < 0.65 else (shorter, longer)
    if rng.random() < 0.3:
        return Camera.from_size(width, height)
    focal = float(np.hypot(width, height) * np.exp(rng.uniform(np.log(0.6), np.log(2.0))))
    cx, cy = (float((n - 1) / 2 + rng.normal(0, 0.015) * n) for n in (width, height))
    return Camera(focal, focal * float(rng.normal(1, 0.004)), cx, cy, width, height)


def place_hand(rng: np.random.Generator, joints: Float[np.ndarray, "21 3"], size: int) -> Placement:
    """Put a hand, given by its joints turned to the camera (m), somewhere in a random frame.

    Distance is log-uniform between 0.22 and 1.1 m; nearer than fits the frame is not drawn. 12 % of the hands
    may reach over the frame's edge. The crop is 1.25 to 1.75 times the tight box of the joints, a little off
    centre.
    """
    return place_joints(rng, joints, size, room_m=_ROOM_M, nearest_m=NEAREST_M, margin=(1.25, 1.75))


def place_joints(
    rng: np.random.Generator,
    joints: Float[np.ndarray, "n 3"],
    size: int,
    *,
    room_m: float,
    nearest_m: float,
    margin: tuple[float, float],
) -> Placement:
    """`place_hand` for any joints.

    Args:
        rng: what camera, distance, place and crop are drawn from.
        joints: turned to the camera, anywhere, m.
        size: of the crop, px.
        room_m: how wide the joints and their flesh are.
        nearest_m: the least distance of their middle.
        margin: the crop's side in sides of their box, from and to.
    """
    camera = sample_camera(rng)
    middle = (joints.min(0) + joints.max(0)) / 2
    near = max(nearest_m, camera.fx * room_m / min(camera.width, camera.height))
    # At least about 36 px of hand, where the frame allows it.
    far = max(min(FARTHEST_M, camera.fx * _HAND_M / 36), near * 1.15)
    distance = float(np.exp(rng.uniform(np.log(near), np.log(far))))
    half = 0.5 * camera.fx * room_m / distance * (0.45 if rng.random() < 0.12 else 1.0)
    u, v = (float(rng.uniform(min(half, n / 2), max(n - half, n / 2))) for n in (camera.width, camera.height))
    translation = camera.backproject(np.array([u, v]), np.array(distance)) - middle
    crop = crop_round(
        camera.project(joints + translation), size, wide=rng.uniform(*margin), shift=rng.normal(0, 0.04, 2)
    )
    return Placement(camera, translation, crop)


def crop_round(
    joints_px: Float[np.ndarray, "n 2"], size: int, *, wide: float, shift: Float[np.ndarray, "2"]
) -> Crop:
    """The square crop round joints (px of the frame): `wide` sides of their box wide, shifted by so many sides of
    its own, as far as they stay inside a crop 1.22 wide."""
    low, high = joints_px.min(0), joints_px.max(0)
    side = float((high - low).max() * wide)
    centre = (low + high) / 2 + np.clip(shift, -0.09, 0.09) * side
    return Crop((float(centre[0]), float(centre[1])), side, size)


def frame_window(placement: Placement) -> tuple[int, int, int, int]:
    """Left, top, right and bottom px of the crop, inclusive, that lie within the frame."""
    camera, size = placement.camera, placement.crop.size
    corners = apply_affine(
        placement.crop.patch_from_frame, np.array([[0.0, 0.0], [camera.width - 1.0, camera.height - 1.0]])
    )
    left, top = np.maximum(np.ceil(corners[0]), 0).astype(int)
    right, bottom = np.minimum(np.floor(corners[1]), size - 1).astype(int)
    return int(left), int(top), int(right), int(bottom)


def inside_frame(camera: Camera, joints: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, "n"]:
    """Joints within the frame: what lies beyond its edge is not in the photograph."""
    uv = camera.project(joints)
    return np.asarray(((uv >= -0.5) & (uv <= np.array([camera.width, camera.height]) - 0.5)).all(-1))
