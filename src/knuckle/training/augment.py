"""Augmentation of one crop: a mirrored world, a roll of the whole camera, a new window, and what light and lens do.

Geometry moves image, 2D, 3D and camera together: a roll about the principal point turns the camera-frame labels
about z, so a rolled crop is an exact picture of another, axis-aligned crop.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.geometry.crop import ROLL_JOINTS, Crop, compose_affine, hand_roll, turn_about_z, turn_of_px
from knuckle.geometry.mirror import mirror_axis_angle, mirror_column, mirror_points, mirror_px
from knuckle.geometry.projection import project
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.training.augmentation import Augmentation
from knuckle.truth import Validity

MIRRORED_PARTS = np.array([0, *range(17, 33), *range(1, 17)], np.uint8)
"""What each value of a two-hand part mask is called in the mirrored world."""


_ONE_HAND = Augmentation()
_BORDERS = {
    "reflect": cv2.BORDER_REFLECT_101,
    "edge": cv2.BORDER_REPLICATE,
    "black": cv2.BORDER_CONSTANT,
}


@dataclass(frozen=True)
class View:
    """One crop with its labels, of a right hand or, with an axis of hands, of a right and a left one.

    camera (4), crop (3) as the models take them; rows of an absent hand mean nothing. part_mask: of the same window
    as the image, 0 background, 1-16 the right hand's parts, 17-32 the left one's. valid: which labels are there, None
    for all of them. joints_px: px of the frame; there where `valid` is, read where a joint is not labelled in 3D.
    own_mesh_m, own_mask: of one hand, the data set's own vertices, camera frame, and where the hand is seen in the
    window of the image, 1 or 0.
    """

    image: UInt8[np.ndarray, "S S 3"]
    joints_m: Float[np.ndarray, "*hands 21 3"]
    pose: Float[np.ndarray, "*hands 16 3"]
    shape: Float[np.ndarray, "*hands 10"]
    is_hand: Bool[np.ndarray, "*hands"]
    camera: Float[np.ndarray, "4"]
    crop: Float[np.ndarray, "3"]
    part_mask: UInt8[np.ndarray, "m m"] | None = None
    valid: Validity | None = None
    joints_px: Float[np.ndarray, "*hands 21 2"] | None = None
    own_mesh_m: Float[np.ndarray, "v 3"] | None = None
    own_mask: UInt8[np.ndarray, "m m"] | None = None

    def joints_in_frame(self) -> Float[np.ndarray, "*hands 21 2"]:
        """Px of the frame: of joints labelled in 3D their projection."""
        if self.valid is None or self.joints_px is None:
            return project(self.joints_m, self.camera)
        placed = self.valid.joints_3d[..., None]
        projected = project(np.where(placed, self.joints_m, 1.0), self.camera)
        return np.where(placed, projected, self.joints_px)


def mirror_view(view: View, frame_width: int) -> View:
    """The same two hands in a mirror: right and left change places."""
    camera, crop = view.camera.copy(), view.crop.copy()
    camera[2], crop[0] = (mirror_column(u, frame_width) for u in (camera[2], crop[0]))
    return View(
        image=cv2.flip(view.image, 1),
        joints_m=mirror_points(view.joints_m[::-1]),
        pose=mirror_axis_angle(view.pose[::-1]),
        shape=view.shape[::-1],
        is_hand=view.is_hand[::-1],
        camera=camera,
        crop=crop,
        part_mask=None if view.part_mask is None else MIRRORED_PARTS[view.part_mask[:, ::-1]],
        valid=None if view.valid is None else view.valid.mirrored(),
        joints_px=None if view.joints_px is None else mirror_px(view.joints_px[::-1], frame_width),
    )


def change_view(
    view: View,
    rng: np.random.Generator,
    *,
    by: Augmentation = _ONE_HAND,
    upright: bool = False,
) -> View:
    """Roll the camera, and move and scale the window a little.

    by: how far, and what the image shows where the new window leaves the old one; the part mask shows background there.
    upright: the roll is from where the hand points up.
    """
    angle = np.deg2rad(_drawn_roll(rng, by))
    shift_px = rng.uniform(-by.shift, by.shift, 2) * view.crop[2]
    larger = np.exp(rng.uniform(-by.scale, by.scale))
    if upright:
        angle -= _roll(view)
    return _with_camera_rolled(view, angle, shift_px=shift_px, larger=larger, border=_BORDERS[by.border])


def _drawn_roll(rng: np.random.Generator, by: Augmentation) -> float:
    if by.roll_share < 1 and rng.random() >= by.roll_share:
        return 0.0
    if by.roll == "uniform":
        return rng.uniform(-by.roll_deg, by.roll_deg)
    return float(np.clip(rng.normal(0, by.roll_deg / 2), -2 * by.roll_deg, 2 * by.roll_deg))


def upright_view(view: View) -> View:
    """The view by a camera that is rolled until the hand points up."""
    return _with_camera_rolled(view, -_roll(view), border=cv2.BORDER_REFLECT_101)


def _roll(view: View) -> float:
    """How far the hand is turned from pointing up; 0 where a joint that tells is not labelled."""
    if view.valid is not None:
        placed, seen = np.asarray(view.valid.joints_3d), np.asarray(view.valid.joints_2d)
        if not (placed | seen)[ROLL_JOINTS].all():
            return 0.0
    return float(hand_roll(view.joints_in_frame()))


def _with_camera_rolled(
    view: View,
    angle: float,
    *,
    shift_px: Float[np.ndarray, "2"] | float = 0.0,
    larger: float = 1.0,
    border: int,
) -> View:
    """The picture turned clockwise by an angle (radians), its window moved by so many px and made larger."""
    size = view.image.shape[0]
    turn = turn_of_px(angle, aspect=float(view.camera[1] / view.camera[0]))
    principal = view.camera[2:]
    rolled_from_frame = np.column_stack([turn, principal - turn @ principal])
    centre = turn @ (view.crop[:2] - principal) + principal + shift_px
    crop = np.array([*centre, view.crop[2] * larger])

    def new_from_old(size: int) -> np.ndarray:
        old, new = Crop.from_vector(view.crop, size), Crop.from_vector(crop, size)
        rolled_from_old = compose_affine(rolled_from_frame, old.frame_from_patch)
        return compose_affine(new.patch_from_frame, rolled_from_old)

    image = cv2.warpAffine(
        view.image, new_from_old(size), (size, size), flags=cv2.INTER_LINEAR, borderMode=border
    )
    masks = [
        None
        if mask is None
        else cv2.warpAffine(mask, new_from_old(len(mask)), mask.shape, flags=cv2.INTER_NEAREST)
        for mask in (view.part_mask, view.own_mask)
    ]
    about_z = turn_about_z(np.asarray(angle))
    pose = view.pose.copy()
    pose[..., 0, :] = matrix_to_axis_angle(about_z @ rodrigues(view.pose[..., 0, :]))
    joints_px = view.joints_px
    if joints_px is not None:
        joints_px = (joints_px - principal) @ turn.T + principal
    return replace(
        view,
        image=image,
        joints_m=view.joints_m @ about_z.T,
        pose=pose,
        crop=crop,
        part_mask=masks[0],
        joints_px=joints_px,
        own_mesh_m=None if view.own_mesh_m is None else view.own_mesh_m @ about_z.T,
        own_mask=masks[1],
    )


def change_appearance(
    image: UInt8[np.ndarray, "S S 3"], rng: np.random.Generator, *, by: Augmentation = _ONE_HAND
) -> UInt8[np.ndarray, "S S 3"]:
    """Exposure, contrast and white balance always; blur, noise, grey and a covered rectangle in some pictures."""
    gain = np.exp(by.colour * (rng.normal(0, 0.12) + rng.normal(0, 0.05, 3)))
    gamma = np.exp(by.colour * rng.normal(0, 0.15))
    levels = (np.arange(256)[:, None] / 255) ** gamma * gain * 255 + by.colour * rng.normal(0, 6)
    table = np.clip(levels if by.colour else levels.round(), 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table.reshape(1, 256, 3))
    choice = rng.random(4)
    if choice[0] < by.grey:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if choice[1] < by.blur:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5))
    if choice[2] < by.noise:
        noise = rng.normal(0, rng.uniform(2, 10), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if choice[3] < by.cover:
        image = image.copy()
        size = image.shape[0]
        w, h = rng.integers(size // 10, size // 4, 2)
        x, y = rng.integers(0, size - w), rng.integers(0, size - h)
        image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    return image
