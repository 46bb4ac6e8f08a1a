"""Between HandAR's heatmap space and the camera frame.

Heatmap space: x and y in bins of four patch px each (bin 0's centre is patch px 1.5), z in as many bins over
`DEPTH_BOX_M` round the root (`z_root`).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.crop import resized_px
from knuckle.geometry.float32 import in_float32
from knuckle.layers.camera_head import frame_to_patch, lift, patch_to_frame, project
from knuckle.models.handar.config import DEPTH_BOX_M, HandarConfig


@in_float32
def bins_to_metres(
    points: Float[Tensor, "B n 3"],
    root_depth_m: Float[Tensor, "B"],
    crop: Float[Tensor, "B 3"],
    camera: Float[Tensor, "B 4"],
    config: HandarConfig,
) -> Float[Tensor, "B n 3"]:
    """Heatmap space to the camera frame, metres."""
    uv_patch = resized_px(points[..., :2], config.patch_size / config.bins)
    depth = bins_to_depth(points[..., 2], root_depth_m, bins=config.bins, box_m=DEPTH_BOX_M)
    return lift(patch_to_frame(uv_patch, crop, config.patch_size), depth, camera)


@in_float32
def metres_to_bins(
    points_m: Float[Tensor, "B n 3"],
    root_depth_m: Float[Tensor, "B"],
    crop: Float[Tensor, "B 3"],
    camera: Float[Tensor, "B 4"],
    config: HandarConfig,
) -> Float[Tensor, "B n 3"]:
    """Inverse of `bins_to_metres`; points behind the camera count as just before it."""
    uv_patch = frame_to_patch(project(points_m, camera), crop, config.patch_size)
    xy = resized_px(uv_patch, config.bins / config.patch_size)
    z = ((points_m[..., 2] - root_depth_m[:, None]) / DEPTH_BOX_M + 0.5) * config.bins - 0.5
    return torch.cat([xy, z[..., None]], dim=-1)


def bins_to_depth(
    z: Float[Tensor, "B n"], root_depth_m: Float[Tensor, "B"], *, bins: int, box_m: float
) -> Float[Tensor, "B n"]:
    """Depth in the camera frame, metres, of z in heatmap space: `bins` over `box_m` round the root."""
    return root_depth_m[:, None] + ((z + 0.5) / bins - 0.5) * box_m
