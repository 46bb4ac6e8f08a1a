"""Cameras of scenes, and where people stand before them. World: metres, y ahead of the camera, z up, ground at 0."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import middle_px
from knuckle.rig.rotations import rodrigues

CAMERA_FROM_WORLD = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""Of a level camera."""
CAMERA_FROM_WEARER = np.array([[-1.0, 0, 0], [0, 0, -1], [0, -1, 0]])
"""Of a camera that looks where its wearer does, from the body's frame."""
HAND_M = 0.18
"""Length of a hand."""
_ASPECTS = {4 / 3: 0.3, 3 / 4: 0.2, 16 / 9: 0.14, 9 / 16: 0.1, 1.0: 0.14, 3 / 2: 0.07, 2 / 3: 0.05}
LONGEST_PX = 640


def sample_camera(rng: np.random.Generator, *, fov_deg: tuple[float, float] = (40, 100)) -> Camera:
    """Draw a picture's size, 384 to 640 px on the longer side, and its field of view along that side."""
    aspect = float(rng.choice(list(_ASPECTS), p=list(_ASPECTS.values())))
    longest = int(rng.integers(384, LONGEST_PX + 1))
    width, height = (longest, round(longest / aspect)) if aspect >= 1 else (round(longest * aspect), longest)
    focal = longest / 2 / np.tan(np.radians(rng.uniform(*fov_deg)) / 2)
    return Camera(focal, focal, middle_px(width), middle_px(height), width, height)


@dataclass(frozen=True, eq=False)
class Stand:
    """Where the camera of a scene stands: camera_from_world and the camera's height (m)."""

    turn: Float[np.ndarray, "3 3"]
    height_m: float

    def to_camera(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """World to camera frame."""
        return (points - [0, 0, self.height_m]) @ self.turn.T


def stand_before(rng: np.random.Generator, camera: Camera, focus_m: float, distance_m: float) -> Stand:
    """A camera that sees a point at this height over ground and horizontal distance somewhere about its middle row."""
    near = distance_m < 1.3
    height = focus_m + rng.normal(0.05, 0.18 if near else 0.35)
    if rng.random() < 0.1:
        height += rng.uniform(0.3, 1.2)
    height = float(np.clip(height, 0.15, 3.5))
    row = camera.cy + rng.uniform(-0.22, 0.22) * camera.height
    down = np.arctan2(height - focus_m, distance_m) - np.arctan2(row - camera.cy, camera.fy)
    roll = rng.normal(0, 0.06)
    # A positive turn about the camera's x looks down: the world goes up in the picture.
    turn = rodrigues(np.array([0, 0, roll])) @ rodrigues(np.array([down, 0, 0])) @ CAMERA_FROM_WORLD
    return Stand(turn, height)


def hand_size(rng: np.random.Generator, low: float, high: float) -> float:
    """Length of a hand in px, uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))
