"""Rendered crops with their labels, of one hand and of two, and the tables of what a set stores."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop
from knuckle.geometry.mirror import mirror_axis_angle, mirror_column, mirror_points, mirror_px
from knuckle.skeleton import MANO16_NAMES

PARTS = len(MANO16_NAMES)
NO_PAIR = 255
"""The kind of a crop that does not hold two hands."""


class Labelled:
    """What the samples of one and of two hands have in common."""

    def labels(self) -> dict[str, np.ndarray]:
        """All fields that are there but the image, as arrays."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "image"}  # pyright: ignore[reportArgumentType]
        return {name: np.asarray(value) for name, value in values.items() if value is not None}


@dataclass(eq=False)
class Sample(Labelled):
    """A crop of a right hand (left hands are flipped by definition). Camera frame: x right, y down, z
    forward, m.

    For a crop without a hand `is_hand` is False and all but image, camera, frame_size and patch_from_frame
    are 0. The last five fields are None unless full labels were asked for; they describe pixel centres
    without antialiasing.
    """

    image: UInt8[np.ndarray, "s s 3"]
    """RGB."""
    is_hand: bool
    joints_px: Float32[np.ndarray, "21 2"]
    """In px of the crop, common order."""
    joints_m: Float32[np.ndarray, "21 3"]
    """Camera frame, absolute."""
    pose: Float32[np.ndarray, "16 3"]
    shape: Float32[np.ndarray, "10"]
    translation: Float32[np.ndarray, "3"]
    """What `HandRig.posed(pose, shape, translation)` takes to give joints_m."""
    camera: Float32[np.ndarray, "4"]
    """fx, fy, cx, cy of the whole frame."""
    frame_size: Int32[np.ndarray, "2"]
    """Width, height of the whole frame, px."""
    patch_from_frame: Float32[np.ndarray, "2 3"]
    visible: Bool[np.ndarray, "21"]
    """Whether nothing but the joint's own part of the finger, or its neighbour, lies before it."""
    vertices_m: Float32[np.ndarray, "v 3"] | None = None
    """Camera frame, absolute, as rendered: with the extra "flesh" up to some mm off the rig's own, which pose, shape
    and translation give."""
    part_mask: UInt8[np.ndarray, "s s"] | None = None
    """0 elsewhere, 1..16 the MANO16 part plus 1; only what the camera sees."""
    finger_mask: UInt8[np.ndarray, "s s"] | None = None
    """0 elsewhere, 1 palm, 2..6 thumb to pinky."""
    depth_m: Float32[np.ndarray, "s s"] | None = None
    """Of the hand, before anything occludes it; inf elsewhere."""
    normals: Float32[np.ndarray, "s s 3"] | None = None
    """Unit, camera frame; 0 off the hand."""


@dataclass(eq=False)
class PairSample(Labelled):
    """A crop of a right and a left hand, of one of them, or of none; the right hand comes first everywhere.

    Camera frame: x right, y down, z forward, m; both hands share one camera. Rows of a hand that is not there are
    0. Pose, shape and translation are those of the rig of the hand's side.
    """

    image: UInt8[np.ndarray, "s s 3"]
    """RGB."""
    is_hand: Bool[np.ndarray, "2"]
    joints_px: Float32[np.ndarray, "2 21 2"]
    """In px of the crop, common order."""
    joints_m: Float32[np.ndarray, "2 21 3"]
    """Camera frame, absolute."""
    pose: Float32[np.ndarray, "2 16 3"]
    shape: Float32[np.ndarray, "2 10"]
    translation: Float32[np.ndarray, "2 3"]
    """What `HandRig.posed(pose, shape, translation)` of that side takes to give joints_m."""
    camera: Float32[np.ndarray, "4"]
    """fx, fy, cx, cy of the whole frame."""
    frame_size: Int32[np.ndarray, "2"]
    """Width, height of the whole frame, px."""
    patch_from_frame: Float32[np.ndarray, "2 3"]
    visible: Bool[np.ndarray, "2 21"]
    """Whether nothing but the joint's own part of the finger, or its neighbour, lies before it."""
    kind: UInt8[np.ndarray, ""]
    """Index into `PAIR_KINDS`, NO_PAIR where there are not two hands."""
    part_mask: UInt8[np.ndarray, "m m"]
    """Half the crop's side: 0 elsewhere, 1..16 the right hand's MANO16 part plus 1, 17..32 the left's plus 17; only
    what the camera sees."""
    vertices_m: Float32[np.ndarray, "2 v 3"] | None = None


def label_table(size: int, vertex_count: int, *, full: bool) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of every label of a set on disk."""
    table = {
        "is_hand": ((), "bool"),
        "joints_px": ((21, 2), "float32"),
        "joints_m": ((21, 3), "float32"),
        "pose": ((16, 3), "float32"),
        "shape": ((10,), "float32"),
        "translation": ((3,), "float32"),
        "camera": ((4,), "float32"),
        "frame_size": ((2,), "int32"),
        "patch_from_frame": ((2, 3), "float32"),
        "visible": ((21,), "bool"),
    }
    if full:
        table |= {
            "vertices_m": ((vertex_count, 3), "float32"),
            "part_mask": ((size, size), "uint8"),
            "finger_mask": ((size, size), "uint8"),
            "depth_m": ((size, size), "float16"),
            "normals": ((size, size, 3), "float16"),
        }
    return table


def blank_sample(
    image: UInt8[np.ndarray, "s s 3"], camera: Camera, crop: Crop, *, vertex_count: int | None
) -> Sample:
    """A sample without a hand; with full labels if a vertex count is given."""
    size = len(image)
    sample = Sample(
        image=image,
        is_hand=False,
        joints_px=np.zeros((21, 2), np.float32),
        joints_m=np.zeros((21, 3), np.float32),
        pose=np.zeros((16, 3), np.float32),
        shape=np.zeros(10, np.float32),
        translation=np.zeros(3, np.float32),
        camera=camera.vector.astype(np.float32),
        frame_size=np.array([camera.width, camera.height], np.int32),
        patch_from_frame=crop.patch_from_frame.astype(np.float32),
        visible=np.zeros(21, bool),
    )
    if vertex_count is not None:
        sample.vertices_m = np.zeros((vertex_count, 3), np.float32)
        sample.part_mask = np.zeros((size, size), np.uint8)
        sample.finger_mask = np.zeros((size, size), np.uint8)
        sample.depth_m = np.full((size, size), np.inf, np.float32)
        sample.normals = np.zeros((size, size, 3), np.float32)
    return sample


def pair_label_table(size: int, vertex_count: int, *, full: bool) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of every label of a two-hand set on disk."""
    table = {
        "is_hand": ((2,), "bool"),
        "joints_px": ((2, 21, 2), "float32"),
        "joints_m": ((2, 21, 3), "float32"),
        "pose": ((2, 16, 3), "float32"),
        "shape": ((2, 10), "float32"),
        "translation": ((2, 3), "float32"),
        "camera": ((4,), "float32"),
        "frame_size": ((2,), "int32"),
        "patch_from_frame": ((2, 3), "float32"),
        "visible": ((2, 21), "bool"),
        "kind": ((), "uint8"),
        "part_mask": ((size // 2, size // 2), "uint8"),
    }
    return table | ({"vertices_m": ((2, vertex_count, 3), "float32")} if full else {})


def mirror_sample(sample: Sample) -> Sample:
    """The left hand in the mirrored picture of a right one, without full labels but the vertices."""
    width, size = int(sample.frame_size[0]), len(sample.image)
    patch_from_frame = sample.patch_from_frame.astype(np.float64)
    patch_from_frame[0, 2] = (
        mirror_column(patch_from_frame[0, 0] * (width - 1), size) - patch_from_frame[0, 2]
    )
    camera = sample.camera.astype(np.float64)
    camera[2] = mirror_column(camera[2], width)
    return Sample(
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        is_hand=sample.is_hand,
        joints_px=mirror_px(sample.joints_px, size).astype(np.float32),
        joints_m=mirror_points(sample.joints_m),
        pose=mirror_axis_angle(sample.pose),
        shape=sample.shape,
        translation=mirror_points(sample.translation),
        camera=camera.astype(np.float32),
        frame_size=sample.frame_size,
        patch_from_frame=patch_from_frame.astype(np.float32),
        visible=sample.visible,
        vertices_m=None if sample.vertices_m is None else mirror_points(sample.vertices_m),
    )


def pair_of_one(sample: Sample, part_mask: UInt8[np.ndarray, "m m"], *, left: bool) -> PairSample:
    """A crop of one right hand as a two-hand sample: mirrored to be a left one. A crop without a hand stays
    without (and its mask should be 0). part_mask: of the right hand."""
    side = int(left)
    if left:
        sample = mirror_sample(sample)
        part_mask = np.where(part_mask > 0, part_mask + np.uint8(PARTS), part_mask)[:, ::-1]

    def beside(rows: np.ndarray) -> np.ndarray:
        both = np.zeros((2, *rows.shape), rows.dtype)
        both[side] = rows
        return both

    return PairSample(
        image=sample.image,
        is_hand=beside(np.array(sample.is_hand)),
        joints_px=beside(sample.joints_px),
        joints_m=beside(sample.joints_m),
        pose=beside(sample.pose),
        shape=beside(sample.shape),
        translation=beside(sample.translation),
        camera=sample.camera,
        frame_size=sample.frame_size,
        patch_from_frame=sample.patch_from_frame,
        visible=beside(sample.visible),
        kind=np.array(NO_PAIR, np.uint8),
        part_mask=np.ascontiguousarray(part_mask),
        vertices_m=None if sample.vertices_m is None else beside(sample.vertices_m),
    )
