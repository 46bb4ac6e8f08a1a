"""Rendered sets as they are evaluated on: their crops as patches of right hands, or as frames of two hands."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int

from knuckle.datasets.labelled import Patch, Photo
from knuckle.errors import KnuckleError
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine, invert_affine, whole_patch
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import Seen
from knuckle.skeleton import HAND_SIDES

JOINT_TOLERANCE_M = 1e-5
"""How far the rig's joints may lie from the stored ones: rounding, not another rig."""

_ALONE = ("right alone", "left alone")
_CHUNK = 64


def split(rendered: SynthSet) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "N"]]:
    """Indices of the crops with a hand or two, and of those without."""
    is_hand = np.asarray(rendered.labels["is_hand"], dtype=bool)
    there = is_hand.any(axis=1) if rendered.hands == 2 else is_hand
    return np.flatnonzero(there), np.flatnonzero(~there)


def unseen(
    rendered: SynthSet, seen: Seen
) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "N"], tuple[str, ...]]:
    """`split` without the crops that models were trained on, and what a reader must know of it.

    Raises KnuckleError where no hand is left.
    """
    hands, others = split(rendered)
    first, count = seen.get(rendered.origin, (0, 0))
    kept = hands[np.minimum(hands, rendered.shown(hands)) >= first]
    if len(hands) and not len(kept):
        raise KnuckleError(
            f"{rendered.path}: expected hands that the weights were not trained on, got {len(hands)} that they were; "
            "name a set of other hands"
        )
    left_out = len(hands) - len(kept)
    notes = (f"{left_out} of {len(hands)} hands left out, as training saw them",) if left_out else ()
    return kept, others[others >= count], notes


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


def mesh_rigs(rendered: SynthSet, *, mano: Path | None = None) -> tuple[HandRig, ...] | None:
    """The rigs whose meshes the set's hands have: of a one-hand set the right one, else the right and the left one.

    None where these are not the open rigs as they are now: their joints in the stored poses then lie off the stored
    joints. A converted one-hand set's mesh is that of the rig that was fitted, of MANO by the user's file. Raises
    KnuckleError where that is another file than the set's.
    """
    if rendered.residual_mm is not None:
        return _fitted_rigs(rendered, mano)
    rigs = tuple(load_rig("open", side=side) for side in HAND_SIDES[: rendered.hands])
    is_hand = np.asarray(rendered.labels["is_hand"], dtype=bool).reshape(-1, rendered.hands)
    for hand, rig in enumerate(rigs):
        rows = np.flatnonzero(is_hand[:, hand])
        pose, shape, translation = _stored_pose(rendered, rows, hand)
        joints = rig.posed_joints(rodrigues(pose), shape)[0] + translation[:, None]
        # Written so that joints that are not labelled, NaN, say no too.
        if (
            not np.abs(joints - _of_hand(rendered, "joints_m", rows, hand)).max(initial=0.0)
            <= JOINT_TOLERANCE_M
        ):
            return None
    return rigs


def _fitted_rigs(rendered: SynthSet, mano: Path | None) -> tuple[HandRig, ...] | None:
    if rendered.rig_name == "open":
        rig = load_rig("open")
        return (rig,) if rig.fingerprint == rendered.rig else None
    if mano is None:
        return None
    rig = load_rig(f"{mano}#{rendered.tips}")
    if rig.fingerprint != rendered.rig:
        raise KnuckleError(f"{rendered.path}: expected the MANO file that it was converted with, got {mano}")
    return (rig,)


def set_patches(
    rendered: SynthSet, indices: Int[np.ndarray, "P"], *, size: int, rig: HandRig | None = None
) -> Iterator[Patch]:
    """Stored crops of a one-hand set as patches of size x size px, resampled only where the set has another size.

    rig: that of the set, to pose the hands' vertices again; without it patches have none.
    """
    labels = rendered.labels
    for chunk in _chunks(indices):
        meshes = [None] * len(chunk) if rig is None else _posed(rig, rendered, chunk)
        for i, vertices_m in zip(chunk, meshes, strict=True):
            pixels = np.asarray(rendered.images[i])
            patch_from_frame = np.asarray(labels["patch_from_frame"][i], dtype=float)
            camera = np.asarray(labels["camera"][i], dtype=float)
            crop = Crop.from_affine(patch_from_frame, len(pixels)).vector
            if not labels["is_hand"][i]:
                yield Patch(_resized(pixels, size), crop, camera)
                continue
            in_crop = np.asarray(labels["joints_px"][i], dtype=float)
            joints_px = apply_affine(invert_affine(patch_from_frame), in_crop)
            joints_m = np.asarray(labels["joints_m"][i], dtype=float)
            low, high = in_crop.min(0), in_crop.max(0)
            photo = Photo(pixels, np.concatenate([low, high - low]), invert_affine(patch_from_frame))
            yield Patch(_resized(pixels, size), crop, camera, joints_px, joints_m, vertices_m, photo=photo)


def set_frames(
    rendered: SynthSet, indices: Int[np.ndarray, "n"], *, rigs: tuple[HandRig, ...] | None = None
) -> Iterator[TwoHandFrame]:
    """Stored crops of a two-hand set as frames of their own: the crop is all that any system sees.

    rigs: the set's right and left rig, to pose the vertices again; without them frames have none.
    """
    labels, kinds = rendered.labels, crop_kinds(rendered)
    size = rendered.images.shape[1]
    window = whole_patch(size)
    for chunk in _chunks(indices):
        meshes = None
        if rigs is not None:
            posed = (_posed(rig, rendered, chunk, h) for h, rig in enumerate(rigs))
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


def _chunks(indices: np.ndarray) -> Iterator[np.ndarray]:
    """A few at a time: meshes are posed together."""
    return (indices[start : start + _CHUNK] for start in range(0, len(indices), _CHUNK))


def _of_hand(rendered: SynthSet, name: str, indices: np.ndarray, hand: int) -> np.ndarray:
    """Rows of a label of one hand (of a one-hand set: of its only one)."""
    rows = rendered.labels[name][indices]
    return rows[:, hand] if rendered.hands == 2 else rows


def _stored_pose(
    rendered: SynthSet, indices: Int[np.ndarray, "n"], hand: int = 0
) -> tuple[Float[np.ndarray, "n 16 3"], Float[np.ndarray, "n 10"], Float[np.ndarray, "n 3"]]:
    pose, shape, translation = (
        np.asarray(_of_hand(rendered, name, indices, hand), dtype=np.float32)
        for name in ("pose", "shape", "translation")
    )
    return pose, shape, translation


def _posed(
    rig: HandRig, rendered: SynthSet, indices: Int[np.ndarray, "n"], hand: int = 0
) -> Float[np.ndarray, "n V 3"]:
    """The vertices in the stored poses, which are rotations: a mean pose is in them."""
    pose, shape, translation = _stored_pose(rendered, indices, hand)
    return rig.posed_by_matrices(rodrigues(pose), shape, translation).vertices


def _crop_camera(vector: np.ndarray, patch_from_frame: np.ndarray, size: int) -> Camera:
    """The camera in px of the stored crop, an upright square of the frame."""
    fx, fy, cx, cy = (float(v) for v in vector)
    (scale, _, left), (_, _, top) = np.asarray(patch_from_frame, dtype=float)
    return Camera(fx * scale, fy * scale, cx * scale + left, cy * scale + top, size, size)


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    if len(pixels) == size:
        return pixels
    how = cv2.INTER_AREA if size < len(pixels) else cv2.INTER_LINEAR
    return cv2.resize(pixels, (size, size), interpolation=how)
