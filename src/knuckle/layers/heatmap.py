"""2D heatmaps trained as distributions, the alternative to SimCC (DaHyF, Table 4)."""

import torch
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.crop import resized_px
from knuckle.geometry.float32 import in_float32


def gaussian_heatmap(
    uv_px: Float[Tensor, "B J 2"], cells: int, patch_size: int, *, sigma_cells: float
) -> Float[Tensor, "B J h w"]:
    """Gaussian target over the map's cells, normalised to a distribution; uv_px in patch px."""
    position = resized_px(uv_px, cells / patch_size)
    grid = torch.arange(cells, device=uv_px.device, dtype=uv_px.dtype)
    dx = ((grid - position[..., :1]) / sigma_cells) ** 2
    dy = ((grid - position[..., 1:]) / sigma_cells) ** 2
    log_p = -0.5 * (dy[..., :, None] + dx[..., None, :])
    return log_p.flatten(2).softmax(-1).view_as(log_p)


@in_float32
def heatmap_loss(
    maps: Float[Tensor, "B J h w"], uv_px: Float[Tensor, "B J 2"], patch_size: int, *, sigma_cells: float
) -> Float[Tensor, "B J"]:
    """KL divergence from the Gaussian target to the spatial softmax, in nats."""
    target = gaussian_heatmap(uv_px, maps.shape[-1], patch_size, sigma_cells=sigma_cells)
    log_p = maps.flatten(2).log_softmax(-1)
    flat = target.flatten(2)
    return torch.xlogy(flat, flat).sum(-1) - (flat * log_p).sum(-1)
