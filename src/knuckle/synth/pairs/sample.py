"""One rendered crop of two hands with its labels, and the table of what a two-hand set stores."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from knuckle.skeleton import MANO16_NAMES
from knuckle.synth.sample import Labelled, Sample

PARTS = len(MANO16_NAMES)
NO_PAIR = 255
"""The kind of a crop that does not hold two hands."""
_MIRROR = np.array([-1, 1, 1], np.float32)


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


def mirrored(sample: Sample) -> Sample:
    """The left hand in the mirrored picture of a right one, without full labels but the vertices."""
    width, last = int(sample.frame_size[0]), len(sample.image) - 1
    patch_from_frame = sample.patch_from_frame.astype(np.float64)
    patch_from_frame[0, 2] = last - patch_from_frame[0, 0] * (width - 1) - patch_from_frame[0, 2]
    camera = sample.camera.astype(np.float64)
    camera[2] = width - 1 - camera[2]
    return Sample(
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        is_hand=sample.is_hand,
        joints_px=sample.joints_px * _MIRROR[:2] + np.array([last, 0], np.float32),
        joints_m=sample.joints_m * _MIRROR,
        pose=sample.pose * -_MIRROR,
        shape=sample.shape,
        translation=sample.translation * _MIRROR,
        camera=camera.astype(np.float32),
        frame_size=sample.frame_size,
        patch_from_frame=patch_from_frame.astype(np.float32),
        visible=sample.visible,
        vertices_m=None if sample.vertices_m is None else sample.vertices_m * _MIRROR,
    )


def pair_of_one(sample: Sample, part_mask: UInt8[np.ndarray, "m m"], *, left: bool) -> PairSample:
    """A crop of one right hand as a two-hand sample: mirrored if it shall be a left one. A crop without a hand stays
    without (and its mask should be 0). part_mask: of the right hand."""
    side = int(left)
    if left:
        sample = mirrored(sample)
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
