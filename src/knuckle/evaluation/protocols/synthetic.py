"""Rendered crops: the frozen synthetic benchmark, or any set `knuckle synth` wrote."""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Float, Int

from knuckle.datasets.labelled import Patch, Photo
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.protocols.common import joint_report
from knuckle.evaluation.protocols.mesh import add_mesh_scores
from knuckle.evaluation.report import Report
from knuckle.geometry.crop import Crop, apply_affine, invert_affine
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.sets.reader import SynthSet

JOINT_TOLERANCE_M = 1e-5
"""How far the rig's joints may lie from the stored ones: rounding, not another rig."""

_CHUNK = 64


def report(
    truth: Truth,
    predictions: Predictions,
    *,
    model: str,
    name: str = "synthetic",
    notes: tuple[str, ...] = (),
) -> Report:
    """Errors of joints and vertices on rendered hands; none in px: a rendered frame has no resolution of its own."""
    protocol = (
        "Rendered right hands, crops as stored. 3D against the exact joints, root = wrist; vertices aligned apart from"
        " the joints; 2D error = mean joint distance over the longer side of the tight box of the true joints,"
        " occluded joints included."
    )
    result = joint_report(
        truth, predictions, benchmark=name, protocol=protocol, model=model, notes=notes, with_epe=False
    )
    return result if truth.vertices_m is None else add_mesh_scores(result, truth, predictions)


def split(rendered: SynthSet) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "N"]]:
    """Indices of the crops with a hand, and of those without."""
    is_hand = np.asarray(rendered.labels["is_hand"], dtype=bool)
    return np.flatnonzero(is_hand), np.flatnonzero(~is_hand)


def mesh_rig(rendered: SynthSet, hands: Int[np.ndarray, "P"]) -> HandRig | None:
    """The rig whose mesh the set's hands have; None where it is not the open rig as it is now: its joints in the
    stored poses then lie off the stored joints.
    """
    rig = load_rig("open")
    pose, shape, translation = _stored_pose(rendered, hands)
    joints = rig.posed_joints(rodrigues(pose), shape)[0] + translation[:, None]
    worst = np.abs(joints - rendered.labels["joints_m"][hands]).max(initial=0.0)
    return rig if worst <= JOINT_TOLERANCE_M else None


def set_patches(
    rendered: SynthSet, indices: Int[np.ndarray, "P"], *, size: int, rig: HandRig | None = None
) -> Iterator[Patch]:
    """Stored crops as patches of size x size px, resampled only where the set has another size.

    rig: that of the set, to pose the hands' vertices again; without it patches have none.
    """
    labels = rendered.labels
    for chunk in (indices[start : start + _CHUNK] for start in range(0, len(indices), _CHUNK)):
        meshes = [None] * len(chunk) if rig is None else rig.posed(*_stored_pose(rendered, chunk)).vertices
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


def _stored_pose(
    rendered: SynthSet, indices: Int[np.ndarray, "n"]
) -> tuple[Float[np.ndarray, "n 16 3"], Float[np.ndarray, "n 10"], Float[np.ndarray, "n 3"]]:
    pose, shape, translation = (
        np.asarray(rendered.labels[name][indices], dtype=np.float32)
        for name in ("pose", "shape", "translation")
    )
    return pose, shape, translation


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    if len(pixels) == size:
        return pixels
    how = cv2.INTER_AREA if size < len(pixels) else cv2.INTER_LINEAR
    return cv2.resize(pixels, (size, size), interpolation=how)
