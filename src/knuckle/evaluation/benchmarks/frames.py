"""TwoHandFrame: a picture with a right hand, a left one or both; where frames come from (rendered sets, indexed
photographs), and the patches that models are shown of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from knuckle.datasets.labelled import LabelledHand, Patch, Photo
from knuckle.evaluation.protocols.synthetic import JOINT_TOLERANCE_M
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, whole_patch
from knuckle.geometry.mirror import mirror_box
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import JOINT_COUNT, Side

LEFT = 1


@dataclass(frozen=True, eq=False)
class TwoHandFrame:
    """A picture and the truth about its two hands, the right one first.

    joints_px: px of the picture, joints_m and vertices_m: camera frame, metres; NaN where not labelled, anything where
    `is_hand` says that the hand is not there. window: centre u, centre v, side px of the crop a two-hand system is
    shown; None: a square round the joints of the hands that are there. kind: what is seen, for reports.
    """

    name: str
    picture: UInt8[np.ndarray, "H W 3"]
    camera: Camera
    is_hand: Bool[np.ndarray, "2"]
    joints_px: Float[np.ndarray, "2 21 2"]
    joints_m: Float[np.ndarray, "2 21 3"]
    window: Float[np.ndarray, "3"] | None = None
    vertices_m: Float[np.ndarray, "2 V 3"] | None = None
    kind: str = ""


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


Pair = tuple[LabelledHand, LabelledHand]

_SIDES: tuple[Side, Side] = ("right", "left")
_ALONE = ("right alone", "left alone")
_CHUNK = 64


def crop_kinds(rendered: SynthSet) -> list[str]:
    """What every crop of a two-hand set shows: the kind of its pair, which hand is there alone, or "no hand"."""
    from knuckle.poses.pairs.sample import PAIR_KINDS

    is_hand = np.asarray(rendered.labels["is_hand"], dtype=bool)
    names = []
    for there, kind in zip(is_hand, rendered.labels["kind"], strict=True):
        if there.all():
            names.append(PAIR_KINDS[kind] if kind < len(PAIR_KINDS) else "pair")
        else:
            names.append(_ALONE[int(there.argmax())] if there.any() else "no hand")
    return names


def mesh_rigs(rendered: SynthSet) -> tuple[HandRig, HandRig] | None:
    """The right and left rig whose meshes the set's hands have; None where it is not the open rig as it is now."""
    rigs = (load_rig("open", side="right"), load_rig("open", side="left"))
    is_hand = np.asarray(rendered.labels["is_hand"], dtype=bool)
    for hand, rig in enumerate(rigs):
        rows = np.flatnonzero(is_hand[:, hand])[:_CHUNK]
        stored = rendered.labels["joints_m"][rows, hand]
        joints = rig.posed(*_stored_pose(rendered, rows, hand)).joints
        if np.abs(joints - stored).max(initial=0.0) > JOINT_TOLERANCE_M:
            return None
    return rigs


def rendered_frames(
    rendered: SynthSet, indices: Int[np.ndarray, "n"], *, rigs: tuple[HandRig, HandRig] | None = None
) -> Iterator[TwoHandFrame]:
    """Stored crops as frames of their own: the crop is all that any system sees.

    rigs: the set's right and left rig, to pose the vertices again; without them frames have none.
    """
    labels, kinds = rendered.labels, crop_kinds(rendered)
    size = rendered.images.shape[1]
    window = whole_patch(size)
    for chunk in (indices[start : start + _CHUNK] for start in range(0, len(indices), _CHUNK)):
        meshes = None
        if rigs is not None:
            posed = (rig.posed(*_stored_pose(rendered, chunk, h)).vertices for h, rig in enumerate(rigs))
            meshes = np.stack(list(posed), axis=1)
        for row, i in enumerate(chunk):
            yield TwoHandFrame(
                name=str(i),
                picture=np.asarray(rendered.images[i]),
                camera=_crop_camera(labels["camera"][i], labels["patch_from_frame"][i], size),
                is_hand=np.asarray(labels["is_hand"][i], dtype=bool),
                joints_px=np.asarray(labels["joints_px"][i], dtype=float),
                joints_m=np.asarray(labels["joints_m"][i], dtype=float),
                window=window,
                vertices_m=None if meshes is None else meshes[row],
                kind=kinds[i],
            )


def photo_pairs(hands: Sequence[LabelledHand]) -> list[Pair]:
    """Photographs with exactly one right and one left labelled hand: the two, the right one first."""
    by_photo: dict[str, list[LabelledHand]] = {}
    for hand in hands:
        if hand.joints_px is not None:
            by_photo.setdefault(str(hand.image), []).append(hand)
    pairs = []
    for found in by_photo.values():
        right, left = ([hand for hand in found if hand.side == side] for side in _SIDES)
        if len(right) == len(left) == 1:
            pairs.append((right[0], left[0]))
    return pairs


def photo_frames(pairs: Sequence[Pair]) -> Iterator[TwoHandFrame]:
    """Photographs with both hands labelled; each picture is read when its turn comes."""
    for pair in pairs:
        yield TwoHandFrame(
            name=pair[0].image.stem,
            picture=pair[0].read(),
            camera=pair[0].camera,
            is_hand=np.ones(2, dtype=bool),
            joints_px=np.stack([_labels(hand.joints_px, 2) for hand in pair]),
            joints_m=np.stack([_labels(hand.joints_m, 3) for hand in pair]),
            kind=pair[0].source,
        )


def _labels(points: np.ndarray | None, last: int) -> Float[np.ndarray, "21 last"]:
    return np.full((JOINT_COUNT, last), np.nan) if points is None else points


def _crop_camera(vector: np.ndarray, patch_from_frame: np.ndarray, size: int) -> Camera:
    """The camera in px of the stored crop, an upright square of the frame."""
    fx, fy, cx, cy = (float(v) for v in vector)
    (scale, _, left), (_, _, top) = np.asarray(patch_from_frame, dtype=float)
    return Camera(fx * scale, fy * scale, cx * scale + left, cy * scale + top, size, size)


def _stored_pose(
    rendered: SynthSet, indices: Int[np.ndarray, "n"], hand: int
) -> tuple[Float[np.ndarray, "n 16 3"], Float[np.ndarray, "n 10"], Float[np.ndarray, "n 3"]]:
    pose, shape, translation = (
        np.asarray(rendered.labels[name][indices, hand], dtype=np.float32)
        for name in ("pose", "shape", "translation")
    )
    return pose, shape, translation
