"""LabelledHand: one hand of a photograph with what is known about it, and its patch as a model sees it."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.datasets.photos import check_size, read_rgb
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.geometry.mirror import MIRROR_POINT, mirror_box, mirror_px
from knuckle.skeleton import JOINT_COUNT, Side


@dataclass(frozen=True, eq=False)
class LabelledHand:
    """One hand of one photograph.

    box_px: x, y, w, h. joints_px (21, 2): px of the photograph, NaN where not labelled. joints_m (21, 3) and
    vertices_m (V, 3): camera frame (x right, y down, z forward), metres. scale_m: metric length of the bone
    9-10 where a dataset gives it. mask: a picture of the frame's size in which the hand is bright and all else dark, or
    the other way round; mask_values: where it tells parts apart instead, the first and last value that is a hand's,
    this one's or another's. visible: which joints are seen, where a dataset says so. others_px: boxes of the frame's
    other hands, where no mask tells of them. Any label may be None.
    `camera.assumed` tells that the dataset gives no intrinsics.
    """

    name: str
    source: str
    image: Path
    side: Side
    camera: Camera
    box_px: Float[np.ndarray, "4"]
    joints_px: Float[np.ndarray, "21 2"] | None = None
    joints_m: Float[np.ndarray, "21 3"] | None = None
    vertices_m: Float[np.ndarray, "V 3"] | None = None
    scale_m: float | None = None
    mask: Path | None = None
    mask_values: tuple[int, int] | None = None
    visible: Bool[np.ndarray, "21"] | None = None
    others_px: Float[np.ndarray, "n 4"] | None = None

    def __post_init__(self) -> None:
        for name, value, last in (("joints_px", self.joints_px, 2), ("joints_m", self.joints_m, 3)):
            if value is not None and value.shape != (JOINT_COUNT, last):
                raise KnuckleError(f"{self.name}: {name}: expected (21, {last}), got {value.shape}")

    def read(self) -> UInt8[np.ndarray, "H W 3"]:
        """The photograph, RGB; raises KnuckleError if it is missing or not of the size its labels assume."""
        photo = read_rgb(self.image)
        check_size(photo, (self.camera.width, self.camera.height), self.image)
        return photo


@dataclass(frozen=True, eq=False)
class Photo:
    """The picture a patch is of, mirrored where the patch is: for what looks at hands in crops of its own.

    box_px: x, y, w, h px of the picture. frame_from_photo: affine map to px of the patch's frame, a scale and a shift.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    box_px: Float[np.ndarray, "4"]
    frame_from_photo: Float[np.ndarray, "2 3"] = field(default_factory=lambda: np.eye(2, 3))


@dataclass(frozen=True, eq=False)
class Patch:
    """What a model sees of one hand, and the truth beside it; everything for a RIGHT hand.

    A left hand comes with photograph, camera, crop and labels mirrored. joints_px: px of the (mirrored)
    frame, joints_m: its camera frame, metres; None where not labelled. photo: None where the patch is all there is.
    """

    pixels: UInt8[np.ndarray, "S S 3"]
    crop: Float[np.ndarray, "3"]
    camera: Float[np.ndarray, "4"]
    joints_px: Float[np.ndarray, "21 2"] | None = None
    joints_m: Float[np.ndarray, "21 3"] | None = None
    vertices_m: Float[np.ndarray, "V 3"] | None = None
    scale_m: float | None = None
    photo: Photo | None = None

    @cached_property
    def frame_from_patch(self) -> Float[np.ndarray, "2 3"]:
        """Affine map from patch px to frame px."""
        return Crop(
            (float(self.crop[0]), float(self.crop[1])), float(self.crop[2]), len(self.pixels)
        ).frame_from_patch


def to_patch(hand: LabelledHand, *, size: int, expand: float) -> Patch:
    """Cut the square of side expand * max(w, h) around the hand's box; a left hand is mirrored to a right
    one.
    """
    photo, camera = hand.read(), hand.camera
    crop = Crop.from_box(hand.box_px, size, expand=expand)
    joints_px, joints_m, vertices_m = hand.joints_px, hand.joints_m, hand.vertices_m
    box = np.asarray(hand.box_px, dtype=float)
    if hand.side == "left":
        width = camera.width
        photo, camera, crop = photo[:, ::-1], camera.mirrored(), crop.mirrored(width)
        box = mirror_box(box, width)
        if joints_px is not None:
            joints_px = mirror_px(joints_px, width)
        joints_m, vertices_m = (None if x is None else x * MIRROR_POINT for x in (joints_m, vertices_m))
    photo = np.ascontiguousarray(photo)
    labels = (joints_px, joints_m, vertices_m, hand.scale_m)
    return Patch(crop.warp(photo), crop.vector, camera.vector, *labels, photo=Photo(photo, box))
