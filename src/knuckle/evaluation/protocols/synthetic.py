"""Rendered crops: the frozen synthetic benchmark, or any set `knuckle synth` wrote."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float

from knuckle.camera import apply_affine, invert_affine
from knuckle.datasets.labelled import Patch
from knuckle.errors import KnuckleError
from knuckle.evaluation.data import Predictions, Truth
from knuckle.evaluation.protocols.common import joint_report
from knuckle.evaluation.report import Report
from knuckle.synth.dataset import SynthSet


def report(truth: Truth, predictions: Predictions, *, model: str, name: str = "synthetic") -> Report:
    """Joint errors on rendered hands; none in px: a rendered frame has no resolution of its own."""
    protocol = (
        "Rendered right hands, crops as stored. 3D against the exact joints, root = wrist; 2D error = mean"
        " joint distance over the longer side of the tight box of the true joints, occluded joints included."
    )
    return joint_report(truth, predictions, benchmark=name, protocol=protocol, model=model, with_epe=False)


def split(rendered: SynthSet) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "N"]]:
    """Indices of the crops with a hand, and of those without."""
    is_hand = np.asarray(rendered.labels["is_hand"], dtype=bool)
    return np.flatnonzero(is_hand), np.flatnonzero(~is_hand)


def set_patches(rendered: SynthSet, indices: Iterable[int], *, size: int) -> Iterator[Patch]:
    """Stored crops as patches of size x size px, resampled only where the set has another size."""
    labels = rendered.labels
    for i in indices:
        pixels = np.asarray(rendered.images[i])
        patch_from_frame = np.asarray(labels["patch_from_frame"][i], dtype=float)
        camera = np.asarray(labels["camera"][i], dtype=float)
        crop = _crop_vector(patch_from_frame, len(pixels))
        if not labels["is_hand"][i]:
            yield Patch(_resized(pixels, size), crop, camera)
            continue
        in_crop = np.asarray(labels["joints_px"][i], dtype=float)
        joints_px = apply_affine(invert_affine(patch_from_frame), in_crop)
        joints_m = np.asarray(labels["joints_m"][i], dtype=float)
        yield Patch(_resized(pixels, size), crop, camera, joints_px, joints_m)


def _crop_vector(patch_from_frame: np.ndarray, size: int) -> np.ndarray:
    """(centre u, centre v, side) px of the frame of an upright square crop."""
    scale = patch_from_frame[0, 0]
    upright = np.array([[scale, 0.0], [0.0, scale]])
    if scale <= 0 or not np.allclose(patch_from_frame[:, :2], upright, rtol=0, atol=1e-4 * scale):
        raise KnuckleError(
            f"patch_from_frame: expected an upright square crop, got {patch_from_frame.tolist()}"
        )
    centre = apply_affine(invert_affine(patch_from_frame), np.full((1, 2), (size - 1) / 2))[0]
    return np.array([*centre, size / scale])


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    if len(pixels) == size:
        return pixels
    how = cv2.INTER_AREA if size < len(pixels) else cv2.INTER_LINEAR
    return cv2.resize(pixels, (size, size), interpolation=how)
