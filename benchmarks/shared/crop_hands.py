"""A benchmark's patch as a photograph of its own: for a peer that takes photographs, and for looking at."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from knuckle.datasets.labelled import LabelledHand, Patch
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import apply_affine, invert_affine


@dataclass(frozen=True, eq=False)
class CropHand(LabelledHand):
    """A right hand whose photograph is a patch: labels in px of the patch, joints_m as before, and the camera that
    sees just the patch.
    """

    pixels: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    patch_from_frame: np.ndarray = field(default_factory=lambda: np.zeros((2, 3)))

    def read(self) -> np.ndarray:
        """The patch."""
        return self.pixels


def crop_hand(patch: Patch, name: str) -> CropHand:
    """The labelled hand of a patch; raises ValueError where it has no joints in px."""
    if patch.joints_px is None:
        raise ValueError("expected a patch with 2D labels")
    matrix, size = invert_affine(patch.frame_from_patch), len(patch.pixels)
    scale, (left, top) = float(matrix[0, 0]), matrix[:, 2]
    fx, fy, cx, cy = (float(v) for v in patch.camera)
    joints_px = apply_affine(matrix, patch.joints_px)
    low, high = np.nanmin(joints_px, axis=0), np.nanmax(joints_px, axis=0)
    return CropHand(
        name,
        "crop",
        Path(),
        "right",
        Camera(fx * scale, fy * scale, cx * scale + left, cy * scale + top, size, size),
        np.concatenate([low, high - low]),
        joints_px,
        patch.joints_m,
        pixels=patch.pixels,
        patch_from_frame=matrix,
    )
