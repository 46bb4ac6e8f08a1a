"""TwoHandFrame: a picture with a right hand, a left one or both, and the patches that models are shown of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.datasets.labelled import Patch, Photo
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.geometry.mirror import mirror_box
from knuckle.skeleton import HAND_SIDES

LEFT = HAND_SIDES.index("left")


@dataclass(frozen=True, eq=False)
class TwoHandFrame:
    """A picture and the truth about its two hands, the right one first."""

    name: str
    """What reports call it."""
    picture: UInt8[np.ndarray, "H W 3"]
    """RGB."""
    camera: Camera
    """Of the picture."""
    is_hand: Bool[np.ndarray, "2"]
    """Which hands are there."""
    joints_px: Float[np.ndarray, "2 21 2"]
    """px of the picture; NaN where not labelled, anything for absent hands."""
    joints_m: Float[np.ndarray, "2 21 3"]
    """Camera frame, metres; NaN where not labelled, anything for absent hands."""
    window: Float[np.ndarray, "3"] | None = None
    """Centre u, centre v, side, px, of the crop that a two-hand system is shown; None: a square round the joints."""
    vertices_m: Float[np.ndarray, "2 V 3"] | None = None
    """Camera frame, metres; NaN where a hand has none."""
    mesh_joints_m: Float[np.ndarray, "2 21 3"] | None = None
    """Joints of the meshes where `joints_m` are others."""
    kind: str = ""
    """What is seen, for reports."""


def pair_patch(frame: TwoHandFrame, *, size: int, expand: float) -> Patch:
    """What a two-hand system is shown: the frame's window, or a square of side expand * max(w, h) round its hands."""
    if frame.window is None:
        crop = Crop.from_box(tight_box(frame.joints_px[frame.is_hand]), size, expand=expand)
    else:
        u, v, side = (float(value) for value in frame.window)
        crop = Crop((u, v), side, size)
    return Patch(crop.warp(frame.picture), crop.vector, frame.camera.vector)


def hand_patch(frame: TwoHandFrame, hand: int, *, size: int, expand: float) -> Patch:
    """What a system of right hands is shown: the square round the true joints of one hand, mirrored for the left."""
    box = tight_box(frame.joints_px[hand])
    crop = Crop.from_box(box, size, expand=expand)
    pixels = crop.warp(frame.picture)
    if hand != LEFT:
        return Patch(pixels, crop.vector, frame.camera.vector, photo=Photo(frame.picture, box))
    width = frame.camera.width
    photo = Photo(cv2.flip(frame.picture, 1), mirror_box(box, width))
    pixels, mirrored = np.ascontiguousarray(pixels[:, ::-1]), crop.mirrored(width)
    return Patch(pixels, mirrored.vector, frame.camera.mirrored().vector, photo=photo)


def tight_box(joints_px: Float[np.ndarray, "*hands 21 2"]) -> Float[np.ndarray, "4"]:
    """x, y, w, h of the tight box of labelled joints."""
    points = joints_px.reshape(-1, 2)
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    return np.concatenate([low, high - low])
