"""From the camera frame to pixels and back, and the weak-perspective camera a network predicts; written once for numpy
and torch.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import BONES


def weak_to_translation(weak: Any, crop: Any, camera: Any) -> tuple[Any, Any, Any]:
    """Root position in the camera frame from a weak-perspective camera of the crop (CLIFF 3; DaHyF 3.4).

    weak (..., 3) = (s, tx, ty): a hand point X lies at s * (X + t) in units of half the crop's side. crop (..., 3)
    = (centre u, centre v, side) px; camera (..., 4) = (fx, fy, cx, cy). Works on numpy and torch alike.
    Returns the three coordinates separately, (...,) metres each: x, y, z.
    """
    scale, tx, ty = weak[..., 0], weak[..., 1], weak[..., 2]
    side = crop[..., 2]
    z = 2 * camera[..., 0] / (side * scale)
    x = tx + (crop[..., 0] - camera[..., 2]) * z / camera[..., 0]
    y = ty + (crop[..., 1] - camera[..., 3]) * z / camera[..., 1]
    return x, y, z


def translation_to_weak(
    translation_m: Float[np.ndarray, "*batch 3"],
    crop: Float[np.ndarray, "*batch 3"],
    camera: Float[np.ndarray, "*batch 4"],
) -> Float[np.ndarray, "*batch 3"]:
    """Inverse of `weak_to_translation`."""
    x, y, z = np.moveaxis(translation_m, -1, 0)
    scale = 2 * camera[..., 0] / (crop[..., 2] * z)
    tx = x - (crop[..., 0] - camera[..., 2]) * z / camera[..., 0]
    ty = y - (crop[..., 1] - camera[..., 3]) * z / camera[..., 1]
    return np.stack([scale, tx, ty], axis=-1)


def root_depth_from_bone(
    uv_px: Float[np.ndarray, "21 2"],
    relative_depth_m: Float[np.ndarray, "21"],
    camera: Camera,
    *,
    bone: tuple[int, int] = (9, 10),
    length_m: float,
) -> float:
    """Depth of the root that gives one bone its known length when 2.5D joints are back-projected.

    uv_px: joints in px; relative_depth_m: z minus root z. Solves the quadratic of Iqbal et al. 2018 (Eq 6-8) and
    returns the larger, visible root. Raises KnuckleError when no depth gives that length.
    """
    if bone not in BONES:
        raise KnuckleError(f"bone: expected one of the 20 bones of the skeleton, got {bone}")
    (ax, ay), (bx, by) = (uv_px[list(bone)] - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    za, zb = (float(z) for z in relative_depth_m[list(bone)])
    # |(a_dir * (Z + za)) - (b_dir * (Z + zb))|^2 = L^2 is quadratic in the root depth Z.
    slope = np.array([ax - bx, ay - by])
    offset = np.array([ax * za - bx * zb, ay * za - by * zb])
    a = float(slope @ slope)
    b = float(2 * slope @ offset)
    c = float(offset @ offset + (za - zb) ** 2 - length_m**2)
    if a < 1e-18 or b * b - 4 * a * c < 0:
        raise KnuckleError(
            f"bone {bone}: no depth gives it the length {length_m} m (it points at the camera)"
        )
    return float((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a))
