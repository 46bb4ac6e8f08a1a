"""Views that a random one seldom is: hands from the side, and hands as their wearer's own eyes see them.

Turns are camera_from_hand rotations of the open rig: fingers along -y, thumb along x, back of the hand along z.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.geometry.camera import Camera
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.synth.camera.placement import Placement, crop_round

EGO_SHARE = 0.5
NEAR_M, FAR_M = 0.25, 0.6
"""How far from the eyes the middle of the wearer's hand is."""
WIDE = (0.32, 0.62)
"""Focal lengths of worn cameras, in diagonals of the frame: 115 to 78 degrees across it."""
_FACING = {"thumb": 0.4, "little finger": 0.35, "tips": 0.25}
_AT_CAMERA = np.deg2rad(90)


@dataclass(frozen=True, eq=False)
class EgoPlace:
    """Where a hand stands before a camera that its person wears."""

    camera: Camera
    middle: Float[np.ndarray, "3"]
    """Where the middle of the hand goes, m, camera frame."""
    bend: Float[np.ndarray, "3"]
    """The forearm's against the palm: axis-angle, camera frame."""
    wide: float
    """Side of the crop, in sides of the joints' box."""
    shift: Float[np.ndarray, "2"]
    """Of the crop, in its sides."""

    def place(self, joints: Float[np.ndarray, "21 3"], size: int) -> Placement:
        """Put joints that are turned to the camera before it, in a crop of `size` px."""
        translation = self.middle - (joints.min(0) + joints.max(0)) / 2
        crop = crop_round(self.camera.project(joints + translation), size, wide=self.wide, shift=self.shift)
        return Placement(self.camera, translation, crop)


@dataclass(frozen=True, eq=False)
class View:
    """How a hand is turned (axis-angle, camera_from_hand); `ego` where its wearer sees it."""

    turn: Float[np.ndarray, "3"]
    ego: EgoPlace | None = None


def draw_view(rng: np.random.Generator) -> View:
    """A view from the side, or in EGO_SHARE from the wearer's own eyes."""
    return _ego(rng) if rng.random() < EGO_SHARE else View(matrix_to_axis_angle(_sideways(rng)))


def _sideways(rng: np.random.Generator) -> Float[np.ndarray, "3 3"]:
    """Thumb, little finger or finger tips towards the camera, in any direction within the picture."""
    facing = rng.choice(list(_FACING), p=list(_FACING.values()))
    tilt, roll = np.deg2rad(15) * rng.standard_normal(2), rng.uniform(-np.pi, np.pi)
    if facing == "tips":
        yaw, pitch = rng.uniform(-np.pi, np.pi), _AT_CAMERA + 1.5 * tilt[0]
    else:
        yaw, pitch = (_AT_CAMERA if facing == "thumb" else -_AT_CAMERA) + tilt[0], tilt[1]
    return _turned(2, roll) @ _turned(0, pitch) @ _turned(1, yaw)


def _ego(rng: np.random.Generator) -> View:
    camera = _worn_camera(rng)
    u, v = rng.uniform(0.2, 0.8) * camera.width, rng.uniform(0.25, 0.85) * camera.height
    ray = camera.backproject(np.array([u, v]), np.array(1.0))
    ray /= np.linalg.norm(ray)
    distance = float(np.exp(rng.uniform(np.log(NEAR_M), np.log(FAR_M))))
    forearm = _forearm(rng, ray)
    # The back of the hand shows, or the palm, or anything.
    draw, loose = rng.random(), np.deg2rad(32) * rng.standard_normal()
    roll = loose if draw < 0.4 else np.pi + loose if draw < 0.6 else rng.uniform(-np.pi, np.pi)
    bend = np.clip(rng.normal([0.1, 0, 0], [0.38, 0, 0.2]), -0.9, 0.9)
    hand = _seen_back(forearm, ray) @ _turned(1, roll) @ rodrigues(bend).T
    place = EgoPlace(camera, distance * ray, hand @ bend, rng.uniform(1.25, 1.75), rng.normal(0, 0.04, 2))
    return View(matrix_to_axis_angle(hand), place)


def _worn_camera(rng: np.random.Generator) -> Camera:
    width = int(np.exp(rng.uniform(np.log(320), np.log(1920))))
    height = round(width / float(rng.choice([1.0, 4 / 3, 3 / 2, 16 / 9])))
    focal = float(np.hypot(width, height) * np.exp(rng.uniform(*np.log(WIDE))))
    cx, cy = (float((n - 1) / 2 + rng.normal(0, 0.015) * n) for n in (width, height))
    return Camera(focal, focal * float(rng.normal(1, 0.004)), cx, cy, width, height)


def _forearm(rng: np.random.Generator, ray: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """Where the elbow is from the wrist (unit, camera frame): nearer, mostly below and to the right. It stays off the
    line of sight, or the arm would hide the hand."""
    right = np.array([1.0, 0, 0]) - ray[0] * ray
    right /= np.linalg.norm(right)
    down = np.cross(ray, right)
    off, around = np.deg2rad(rng.uniform(35, 82)), np.deg2rad(rng.normal(70, 32))
    return -np.cos(off) * ray + np.sin(off) * (np.cos(around) * right + np.sin(around) * down)


def _seen_back(forearm: Float[np.ndarray, "3"], ray: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The frame whose y is the forearm and whose z, the back of the hand, is turned to the eyes."""
    back = -ray + (ray @ forearm) * forearm
    back /= np.linalg.norm(back)
    return np.stack([np.cross(forearm, back), forearm, back], -1)


def _turned(axis: int, angle: float) -> Float[np.ndarray, "3 3"]:
    return rodrigues(np.eye(3)[axis] * angle)
