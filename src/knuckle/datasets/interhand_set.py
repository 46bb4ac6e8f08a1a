"""InterHand2.6M written as a two-hand training set, in the format of `knuckle synth --hands two`, each label as far as
it is there.

A crop is the square of `expand` times the longer side of the annotated box of all hands. Joints are the dataset's own,
its fingertips those that annotators saw and no vertices of a mesh; what is not labelled is NaN and told in the arrays
of `knuckle.truth.validity_table`. Pose, shape, translation and part mask are those of the MANO fits where the user's
MANO file is given; else the open rig is fitted to hands all of whose joints are labelled. `visible` only tells whether
a labelled joint lies within the picture. Black pictures, and pictures that cannot be read, are left out: in their rows
stands the next frame that can be read, and the index counts and names them.
"""

import json
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from knuckle.datasets.interhand import Interhand, InterhandFrame, is_dark
from knuckle.datasets.interhand_check import other_version
from knuckle.datasets.interhand_fits import fit_in_camera, mano_pair
from knuckle.datasets.interhand_labels import Annotators, Shown
from knuckle.datasets.rig_labels import fit_labels
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.geometry.mirror import mirror_axis_angle, mirror_points
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.sets.samples import NO_PAIR, PARTS, pair_label_table
from knuckle.sets.storage import FORMAT, Header, array_specs, open_arrays, write_set
from knuckle.skeleton import HAND_SIDES
from knuckle.truth import Validity, array_name, validity_table

SHARD = 64
NAME = "interhand26m"
_MOST_ATTEMPTS = 256
"""How many frames in a row may be unreadable or black."""
_LEFT_OUT = "left_out"


class _Wanted(NamedTuple):
    """What a process opens; a key of the cache."""

    folder: Path
    annotators: Annotators
    shown: Shown
    filtered: bool
    limit: int | None
    mano: Path | None


def convert_interhand(
    folder: Path,
    out: Path,
    *,
    mano: Path | None = None,
    annotators: Annotators = "all",
    shown: Shown = "all",
    filtered: bool = False,
    size: int = 256,
    expand: float = 1.5,
    limit: int | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Header:
    """Write the training split into the folder `out`; returns what its index.json says.

    Args:
        folder: of the dataset, as downloaded.
        out: where the set is written.
        mano: MANO_RIGHT.pkl, MANO_LEFT.pkl beside it; None: the open rig.
        annotators: as in `Interhand`.
        shown: as in `Interhand`.
        filtered: as in `Interhand`.
        size: side of the crops, px, even.
        expand: side of the crops over the longer side of the box.
        limit: only the first so many frames, of a download that need not be complete.
        workers: processes; each holds the labels in memory, which for the whole split are some GB.
        resume: go on with a set that was cut short.
        progress: show a progress bar.

    Raises KnuckleError for options out of range, labels that are missing, damaged or (without a limit) of another
    version, a folder in use, and 256 frames in a row that cannot be read.
    """
    for name, value, low, high in (
        ("size", size, 32, 1024), ("expand", expand, 1, 4), ("workers", workers, 1, 256),
        ("limit", 1 if limit is None else limit, 1, 10**9),
    ):  # fmt: skip
        if not low <= value <= high:
            raise KnuckleError(f"{name}: expected {low} to {high}, got {value}")
    if size % 2:
        raise KnuckleError(f"size: expected an even number of px, got {size}")
    _open.cache_clear()
    wanted = _Wanted(folder, annotators, shown, filtered, limit, mano)
    frames, rigs = _open(wanted)
    if limit is None and (version := other_version(frames)) is not None:
        raise KnuckleError(f"{version}; with a limit, what is there is converted")
    if not len(frames):
        raise KnuckleError(f"{folder}: expected frames of the kind asked for, got none")
    table = pair_label_table(size, 0, full=False) | validity_table(2)
    header = {
        "format": FORMAT,
        "count": len(frames),
        "hand_free": 0,
        # The rows of another selection are other hands (`knuckle.sets.seen`).
        "dataset": " ".join(
            [NAME, *(name for name in (annotators, shown) if name != "all"), *(["filtered"] if filtered else [])]
        ),
        "options": {
            "size": size, "expand": expand, "annotators": annotators, "shown": shown, "filtered": filtered,
        },
        "rig": rigs[0].fingerprint,
        "rig_name": rigs[0].name,
        "tips": rigs[0].tips,
        "arrays": array_specs(len(frames), {"images": ((size, size, 3), "uint8"), **table}),
        "complete": False,
    }  # fmt: skip
    write_set(
        out,
        header,
        partial(_write_shard, wanted, out, header),
        shard_size=SHARD,
        workers=workers,
        resume=resume,
        same=("format", "count", "dataset", "options", "rig"),
        title="converting" if progress else None,
        summary=_summary,
    )
    return header | _summary(out)


@lru_cache(maxsize=1)
def _open(wanted: _Wanted) -> tuple[Interhand, tuple[HandRig, HandRig]]:
    """A process opens the labels once."""
    folder, annotators, shown, filtered, limit, mano = wanted
    frames = Interhand(folder, "train", annotators=annotators, shown=shown, filtered=filtered, limit=limit)
    if mano is not None:
        return frames, mano_pair(mano)
    return frames, (load_rig("open"), load_rig("open", side="left"))


def _summary(out: Path) -> Header:
    left_out: dict[str, list[str]] = {"unreadable": [], "dark": []}
    stand_ins: list[list[int]] = []
    for path in sorted((out / _LEFT_OUT).glob("*.json")):
        told = json.loads(path.read_text())
        # Not told by sets that were begun before it was.
        stand_ins += told.pop("stand_ins", [])
        for name, rows in told.items():
            left_out[name] += rows
    return {"left_out": left_out, **({"stand_ins": stand_ins} if stand_ins else {})}


def _write_shard(wanted: _Wanted, out: Path, header: Header, shard: int) -> None:
    frames, rigs = _open(wanted)
    first, last = shard * SHARD, min((shard + 1) * SHARD, header["count"])
    left_out: dict[str, list[str]] = {"unreadable": [], "dark": []}
    rows, stand_ins = [], []
    for number in range(first, last):
        shown, frame, picture = _readable(frames, number, left_out)
        if shown != number:
            stand_ins.append([number, shown])
        rows.append(_row(frame, picture, rigs, header["options"], fits=wanted.mano is not None))
    if any(left_out.values()):
        (out / _LEFT_OUT).mkdir(exist_ok=True)
        (out / _LEFT_OUT / f"{shard:06d}.json").write_text(json.dumps(left_out | {"stand_ins": stand_ins}))
    for name, array in open_arrays(out, header).items():
        array[first:last] = np.stack([row[name] for row in rows])
        array.flush()


def _readable(
    frames: Interhand, number: int, left_out: dict[str, list[str]]
) -> tuple[int, InterhandFrame, UInt8[np.ndarray, "H W 3"]]:
    """The frame of that number, or the next one whose picture can be read and is not black, and which one it is."""
    reason = ""
    for attempt in range(min(_MOST_ATTEMPTS, len(frames))):
        tried = (number + attempt) % len(frames)
        frame = frames[tried]
        try:
            picture = frame.read()
        except KnuckleError as error:
            kind, reason = "unreadable", str(error)
        else:
            if not is_dark(picture):
                return tried, frame, picture
            kind, reason = "dark", f"{frame.image}: expected a picture, got a black one"
        if attempt == 0:
            left_out[kind].append(frame.name)
    raise KnuckleError(f"{reason}; no picture of the {_MOST_ATTEMPTS} frames from there on can be used")


def _row(
    frame: InterhandFrame,
    picture: UInt8[np.ndarray, "H W 3"],
    rigs: tuple[HandRig, HandRig],
    options: Header,
    *,
    fits: bool,
) -> dict[str, np.ndarray]:
    size = options["size"]
    crop = Crop.from_box(frame.box_px, size, expand=options["expand"])
    labelled = np.isfinite(frame.joints_m).all(-1)
    with np.errstate(invalid="ignore"):
        inside = (
            (frame.joints_px >= 0)
            & (frame.joints_px <= np.array([frame.camera.width, frame.camera.height]) - 1)
        ).all(-1)
    posed = [_posed(frame, hand, rigs[hand], fits=fits) for hand in range(2)]
    there = np.array([hand is not None for hand in posed])
    pose, shape, translation = (np.zeros((2, *tail)) for tail in ((16, 3), (10,), (3,)))
    for hand, found in enumerate(posed):
        if found is not None:
            pose[hand], shape[hand], translation[hand] = found
    masked = bool((there | ~frame.is_hand).all())
    mask = np.zeros((size // 2, size // 2), np.uint8)
    if masked:
        mask = _part_mask(posed, rigs, frame.camera, crop)
    told = Validity(
        joints_2d=labelled, joints_3d=labelled, pose=there, shape=there, mesh=there,
        # A mask that shows nothing, of hands beyond the picture, is no label.
        mask=np.array(masked and bool(mask.any())),
    )  # fmt: skip
    return {
        "images": crop.warp(picture),
        "is_hand": frame.is_hand,
        "joints_px": apply_affine(crop.patch_from_frame, frame.joints_px),
        "joints_m": frame.joints_m,
        "pose": pose,
        "shape": shape,
        "translation": translation,
        "camera": frame.camera.vector,
        "frame_size": np.array([frame.camera.width, frame.camera.height]),
        "patch_from_frame": crop.patch_from_frame,
        "visible": inside & labelled,
        "kind": np.array(NO_PAIR, np.uint8),
        "part_mask": mask,
    } | {array_name(kind): np.asarray(value) for kind, value in told._asdict().items()}


_PosedHand = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Pose (rotations as they are), shape and translation of the rig of the hand's side, camera frame."""


def _posed(frame: InterhandFrame, hand: int, rig: HandRig, *, fits: bool) -> _PosedHand | None:
    if fits:
        fit = frame.fits[hand]
        if fit is None:
            return None
        pose, shape, translation = fit_in_camera(fit, rig, frame.extrinsics)
        return pose + rig.pose_mean, shape, translation
    joints_m = frame.joints_m[hand]
    if not np.isfinite(joints_m).all():
        return None
    left = HAND_SIDES[hand] == "left"
    as_right = mirror_points(joints_m) if left else joints_m
    found = fit_labels(load_rig("open"), as_right[None])
    pose, shape, translation = found.pose[0], found.shape[0], found.translation[0]
    return (
        (mirror_axis_angle(pose), shape, mirror_points(translation)) if left else (pose, shape, translation)
    )


def _part_mask(
    posed: list[_PosedHand | None], rigs: tuple[HandRig, HandRig], camera: Camera, crop: Crop
) -> UInt8[np.ndarray, "m m"]:
    """0 elsewhere, 1..16 the right hand's parts, 17..32 the left's, at half the crop's size; nothing beyond the
    picture."""
    from knuckle.raster.numba_raster import fill_buffers

    half = crop.size // 2
    face_id, depth = np.full((half, half), -1, np.int32), np.full((half, half), np.inf, np.float32)
    vertices, faces, parts = [], [], []
    for hand, found in enumerate(posed):
        if found is None:
            continue
        rig, (pose, shape, translation) = rigs[hand], found
        points = rig.posed_by_matrices(rodrigues(pose), shape, translation).vertices.astype(float)
        in_crop = apply_affine(crop.patch_from_frame, camera.project(points))
        faces.append(rig.faces + sum(map(len, vertices)))
        vertices.append(np.concatenate([in_crop, points[:, 2:]], axis=1))
        parts.append(face_parts(rig) + hand * PARTS)
    if not vertices:
        return np.zeros((half, half), np.uint8)
    # Pixel h of the mask is the middle of pixels 2 h and 2 h + 1 of the crop.
    fill_buffers(
        np.concatenate(vertices), np.concatenate(faces).astype(np.int32), 0.5, -0.25, 0, face_id, depth
    )
    mask = np.where(face_id < 0, 0, np.concatenate(parts)[face_id] + 1)
    middles: Any = 2.0 * np.arange(half) + 0.5
    at = apply_affine(crop.frame_from_patch, np.stack([middles, middles], axis=-1))
    inside = (at >= -0.5) & (at <= np.array([camera.width, camera.height]) - 0.5)
    return (mask * inside[:, 1:] * inside[None, :, 0]).astype(np.uint8)


def face_parts(rig: HandRig) -> Int[np.ndarray, "f"]:
    """The MANO16 part of each face: that of most of its vertices."""
    labels = np.asarray(rig.part_label).astype(int)[rig.faces]
    return np.where(labels[:, 1] == labels[:, 2], labels[:, 1], labels[:, 0])
