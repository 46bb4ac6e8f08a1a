"""Between HandAR's heatmap space and the camera frame.

Heatmap space: x and y in bins of four patch px each (bin 0's centre is patch px 1.5), z in as many bins over
`DEPTH_BOX_M` round the root, the middle MCP.
"""

import torch
from jaxtyping import Float
from torch import Tensor

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
    px_per_bin = config.patch_size / config.bins
    uv_patch = (points[..., :2] + 0.5) * px_per_bin - 0.5
    depth = root_depth_m[:, None] + ((points[..., 2] + 0.5) / config.bins - 0.5) * DEPTH_BOX_M
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
    xy = (uv_patch + 0.5) * (config.bins / config.patch_size) - 0.5
    z = ((points_m[..., 2] - root_depth_m[:, None]) / DEPTH_BOX_M + 0.5) * config.bins - 0.5
    return torch.cat([xy, z[..., None]], dim=-1)
