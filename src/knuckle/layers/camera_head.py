"""From a network's raw numbers to a camera and back to pixels (CLIFF's full-frame perspective; DaHyF 3.4).

The maps are `knuckle.geometry.projection`'s, in float32 and of a batch of hands that each have one crop and camera.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry import projection
from knuckle.geometry.float32 import in_float32


@in_float32
def weak_camera(raw: Float[Tensor, "B 3"], *, scale_prior: float) -> Float[Tensor, "B 3"]:
    """(s, tx, ty) of the crop's weak-perspective camera from three raw outputs.

    scale_prior: the scale at zero output, in half patches per metre; tx, ty in metres come out of raw tenths.
    """
    scale = scale_prior * raw[:, :1].clamp(-2.5, 2.5).exp()
    return torch.cat([scale, raw[:, 1:] * 0.1], dim=1)


@in_float32
def root_translation(
    weak: Float[Tensor, "B 3"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
) -> Float[Tensor, "B 3"]:
    """Where the root (middle MCP) lies in the camera frame, metres (`projection.weak_to_translation`)."""
    return torch.stack(projection.weak_to_translation(weak, crop, camera), dim=-1)


@in_float32
def root_depth(
    scale: Float[Tensor, "B"], crop: Float[Tensor, "B 3"], camera: Float[Tensor, "B 4"]
) -> Float[Tensor, "B"]:
    """Depth of the root alone, metres, from the weak-perspective camera's scale."""
    return projection.weak_to_depth(scale, crop, camera)


@in_float32
def project(
    points_m: Float[Tensor, "B n 3"], camera: Float[Tensor, "B 4"], *, nearest_m: float = 1e-2
) -> Float[Tensor, "B n 2"]:
    """Camera-frame points to px of the frame; depths below `nearest_m` count as that."""
    return projection.project(points_m, camera[:, None], nearest_m=nearest_m)


@in_float32
def lift(
    uv_px: Float[Tensor, "B n 2"], depth_m: Float[Tensor, "B n"], camera: Float[Tensor, "B 4"]
) -> Float[Tensor, "B n 3"]:
    """Px of the frame at their depths to camera-frame points, metres: the inverse of `project`."""
    return projection.lift(uv_px, depth_m, camera[:, None])


@in_float32
def patch_to_frame(
    uv_patch: Float[Tensor, "B n 2"], crop: Float[Tensor, "B 3"], patch_size: int
) -> Float[Tensor, "B n 2"]:
    """Px of the patch to px of the frame, for upright crops."""
    return projection.patch_to_frame(uv_patch, crop[:, None], patch_size)


@in_float32
def frame_to_patch(
    uv_px: Float[Tensor, "B n 2"], crop: Float[Tensor, "B 3"], patch_size: int
) -> Float[Tensor, "B n 2"]:
    """Inverse of `patch_to_frame`."""
    return projection.frame_to_patch(uv_px, crop[:, None], patch_size)
