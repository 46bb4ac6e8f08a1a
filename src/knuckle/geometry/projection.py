"""From the camera frame to pixels and back, and the weak-perspective camera that a network predicts: written once for
numpy and torch.

A lens is (fx, fy, cx, cy) px; lenses and crops broadcast against the points, so those of a batch of hands are given
as `lens[:, None]`. Nothing here branches on values, so all of it exports to onnx.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.geometry.array import Array, array_module
from knuckle.geometry.crop import middle_px, turned_px
from knuckle.skeleton import BONES


def project(
    points_m: Float[Array, "*#batch 3"], lens: Float[Array, "*#batch 4"], *, nearest_m: float | None = None
) -> Float[Array, "*#batch 2"]:
    """Camera-frame points, metres, to px of the frame; depths below `nearest_m` count as that."""
    depth = points_m[..., 2:]
    if nearest_m is not None:
        depth = depth.clip(min=nearest_m)
    return rays_to_px(points_m[..., :2] / depth, lens)


def lift(
    uv_px: Float[Array, "*#batch 2"], depth_m: Float[Array, "*#batch"], lens: Float[Array, "*#batch 4"]
) -> Float[Array, "*#batch 3"]:
    """Px of the frame at their depths along z to camera-frame points, metres: the inverse of `project`."""
    depth = depth_m[..., None]
    return array_module(uv_px).concatenate([px_to_rays(uv_px, lens) * depth, depth], -1)


def rays_to_px(rays: Float[Array, "*#batch 2"], lens: Float[Array, "*#batch 4"]) -> Float[Array, "*#batch 2"]:
    """Directions (x / z, y / z) in the camera frame to px of the frame."""
    return rays * lens[..., :2] + lens[..., 2:]


def px_to_rays(
    uv_px: Float[Array, "*#batch 2"], lens: Float[Array, "*#batch 4"]
) -> Float[Array, "*#batch 2"]:
    """Px of the frame to the directions (x / z, y / z) that they see."""
    return (uv_px - lens[..., 2:]) / lens[..., :2]


def boxes_through(
    boxes_px: Float[np.ndarray, "N 4"], lens: Float[np.ndarray, "4"], other: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "N 4"]:
    """Boxes (x, y, w, h) of a picture in px of another picture of the same sight, whose lens is `other`: one of another
    size, with pixels of another shape, or the mirror image."""
    ends = boxes_px[:, :2], boxes_px[:, :2] + boxes_px[:, 2:]
    corners = [rays_to_px(px_to_rays(end, lens), other) for end in ends]
    low, high = np.minimum(*corners), np.maximum(*corners)
    return np.concatenate([low, high - low], axis=1)


def patch_to_frame(
    uv_patch: Float[Array, "*#batch 2"],
    crop: Float[Array, "*#batch 3"],
    size: int,
    *,
    roll_rad: Float[np.ndarray, "*hands"] | None = None,
    aspect: Float[np.ndarray, "*hands"] | float = 1.0,
) -> Float[Array, "*#batch 2"]:
    """Px of a patch of size x size px to px of the frame.

    Args:
        uv_patch: pixel centres at integers.
        crop: centre u, centre v, side, px of the frame.
        size: of the patch.
        roll_rad: how far crops are turned, as `Crop.roll_rad`; without it they are upright. Numpy only.
        aspect: fy / fx of the frame's camera.
    """
    offset = (uv_patch - middle_px(size)) * (crop[..., 2:] / size)
    if roll_rad is not None:
        offset = turned_px(offset, roll_rad, aspect=aspect)
    return offset + crop[..., :2]


def frame_to_patch(
    uv_px: Float[Array, "*#batch 2"], crop: Float[Array, "*#batch 3"], size: int
) -> Float[Array, "*#batch 2"]:
    """Inverse of `patch_to_frame` for upright crops."""
    return (uv_px - crop[..., :2]) * (size / crop[..., 2:]) + middle_px(size)


def weak_to_translation(weak: Any, crop: Any, lens: Any) -> tuple[Any, Any, Any]:
    """Root position in the camera frame from a weak-perspective camera of the crop (CLIFF 3; DaHyF 3.4).

    weak (..., 3) = (s, tx, ty): a hand point X lies at s * (X + t) in units of half the crop's side. crop (..., 3)
    = (centre u, centre v, side) px; lens (..., 4) = (fx, fy, cx, cy).
    Returns the three coordinates separately, (...,) metres each: x, y, z.
    """
    scale, tx, ty = weak[..., 0], weak[..., 1], weak[..., 2]
    z = weak_to_depth(scale, crop, lens)
    x = tx + (crop[..., 0] - lens[..., 2]) * z / lens[..., 0]
    y = ty + (crop[..., 1] - lens[..., 3]) * z / lens[..., 1]
    return x, y, z


def weak_to_depth(scale: Any, crop: Any, lens: Any) -> Any:
    """Depth of the root, (...,) metres, from the scale of a weak-perspective camera; as `weak_to_translation`."""
    return 2 * lens[..., 0] / (crop[..., 2] * scale)


def root_depth_from_bone(
    uv_px: Float[np.ndarray, "21 2"],
    relative_depth_m: Float[np.ndarray, "21"],
    lens: Float[np.ndarray, "4"],
    *,
    bone: tuple[int, int] = (9, 10),
    length_m: float,
) -> float:
    """Depth of the root that gives one bone its known length when 2.5D joints are back-projected.

    Solves the quadratic of Iqbal et al. 2018 (Eq 6-8) and returns the larger, visible root.

    Args:
        uv_px: joints in px of the frame.
        relative_depth_m: z minus root z.
        lens: of the frame.
        bone: the joints at its ends.
        length_m: of the bone.

    Raises KnuckleError when no depth gives that length.
    """
    if bone not in BONES:
        raise KnuckleError(f"bone: expected one of the 20 bones of the skeleton, got {bone}")
    (ax, ay), (bx, by) = px_to_rays(uv_px[list(bone)], lens)
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
