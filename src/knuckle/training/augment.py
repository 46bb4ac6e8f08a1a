"""Augmentation of one crop: a roll of the whole camera, a new window, and what light and lens do.

Geometry moves image, 2D, 3D and camera together: a roll about the principal point turns the camera-frame labels
about z, so a rolled crop is an exact picture of another, axis-aligned crop.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.camera import compose_affine, invert_affine
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues


@dataclass(frozen=True)
class View:
    """One crop with what geometry changes; camera (4), crop (3) as the models take them."""

    image: UInt8[np.ndarray, "S S 3"]
    joints_m: Float[np.ndarray, "21 3"]
    global_rotation: Float[np.ndarray, "3"]
    camera: Float[np.ndarray, "4"]
    crop: Float[np.ndarray, "3"]


def crop_of_affine(patch_from_frame: Float[np.ndarray, "2 3"], size: int) -> Float[np.ndarray, "3"]:
    """(centre u, centre v, side) px of an axis-aligned square crop."""
    scale = patch_from_frame[0, 0]
    centre = ((size - 1) / 2 - patch_from_frame[:, 2]) / scale
    return np.array([*centre, size / scale])


def affine_of_crop(crop: Float[np.ndarray, "3"], size: int) -> Float[np.ndarray, "2 3"]:
    """Inverse of `crop_of_affine`."""
    scale = size / crop[2]
    shift = (size - 1) / 2 - scale * crop[:2]
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def change_view(
    view: View, rng: np.random.Generator, *, roll_deg: float = 25.0, scale: float = 0.12, shift: float = 0.06
) -> View:
    """Roll the camera by N(0, roll_deg / 2) degrees and move and scale the window a little."""
    size = view.image.shape[0]
    angle = np.deg2rad(np.clip(rng.normal(0, roll_deg / 2), -2 * roll_deg, 2 * roll_deg))
    cos, sin = np.cos(angle), np.sin(angle)
    # In px the turn is one only where fx = fy: K R K^-1.
    turn = np.array([[cos, -sin], [sin, cos]]) * np.outer(view.camera[:2], 1 / view.camera[:2])
    principal = view.camera[2:]
    rolled_from_frame = np.column_stack([turn, principal - turn @ principal])
    centre = turn @ (view.crop[:2] - principal) + principal + rng.uniform(-shift, shift, 2) * view.crop[2]
    crop = np.array([*centre, view.crop[2] * np.exp(rng.uniform(-scale, scale))])
    frame_from_old = invert_affine(affine_of_crop(view.crop, size))
    new_from_old = compose_affine(
        affine_of_crop(crop, size), compose_affine(rolled_from_frame, frame_from_old)
    )
    image = cv2.warpAffine(
        view.image, new_from_old, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    about_z = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return View(
        image=image,
        joints_m=view.joints_m @ about_z.T,
        global_rotation=matrix_to_axis_angle(about_z @ rodrigues(view.global_rotation)),
        camera=view.camera,
        crop=crop,
    )


def change_appearance(
    image: UInt8[np.ndarray, "S S 3"], rng: np.random.Generator
) -> UInt8[np.ndarray, "S S 3"]:
    """Exposure, contrast and white balance always; blur, noise, grey and a covered rectangle sometimes."""
    gain = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, 3))
    gamma = np.exp(rng.normal(0, 0.15))
    levels = (np.arange(256)[:, None] / 255) ** gamma * gain * 255 + rng.normal(0, 6)
    table = np.clip(levels, 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table.reshape(1, 256, 3))
    choice = rng.random(4)
    if choice[0] < 0.05:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if choice[1] < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5))
    if choice[2] < 0.2:
        noise = rng.normal(0, rng.uniform(2, 10), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if choice[3] < 0.15:
        image = image.copy()
        size = image.shape[0]
        w, h = rng.integers(size // 10, size // 4, 2)
        x, y = rng.integers(0, size - w), rng.integers(0, size - h)
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return image
