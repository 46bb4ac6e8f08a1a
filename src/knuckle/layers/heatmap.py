"""Soft-argmax of 2D heatmaps, and the heatmap alternative to SimCC (DaHyF, Table 4)."""

import torch
from jaxtyping import Float
from torch import Tensor


def heatmap_to_marginals(
    maps: Float[Tensor, "B J h w"],
) -> tuple[Float[Tensor, "B J w"], Float[Tensor, "B J h"]]:
    """Log marginals of the spatial softmax along x and along y."""
    log_p = maps.flatten(2).log_softmax(-1).view_as(maps)
    return torch.logsumexp(log_p, dim=2), torch.logsumexp(log_p, dim=3)


def soft_argmax_2d(maps: Float[Tensor, "B J h w"], patch_size: int) -> Float[Tensor, "B J 2"]:
    """Expected position in patch px (pixel centres at integers) under the spatial softmax."""
    along_x, along_y = heatmap_to_marginals(maps)
    return torch.stack([_expected(along_x, patch_size), _expected(along_y, patch_size)], dim=-1)


def _expected(log_marginal: Float[Tensor, "B J cells"], patch_size: int) -> Float[Tensor, "B J"]:
    cells = log_marginal.shape[-1]
    centres = (torch.arange(cells, device=log_marginal.device) + 0.5) * (patch_size / cells) - 0.5
    return (log_marginal.exp() * centres.to(log_marginal.dtype)).sum(-1)


def gaussian_heatmap(
    uv_px: Float[Tensor, "B J 2"], cells: int, patch_size: int, *, sigma_cells: float
) -> Float[Tensor, "B J h w"]:
    """Gaussian target over the map's cells, normalised to a distribution; uv_px in patch px."""
    position = (uv_px + 0.5) * (cells / patch_size) - 0.5
    grid = torch.arange(cells, device=uv_px.device, dtype=uv_px.dtype)
    dx = ((grid - position[..., :1]) / sigma_cells) ** 2
    dy = ((grid - position[..., 1:]) / sigma_cells) ** 2
    log_p = -0.5 * (dy[..., :, None] + dx[..., None, :])
    return log_p.flatten(2).softmax(-1).view_as(log_p)


def heatmap_loss(
    maps: Float[Tensor, "B J h w"], uv_px: Float[Tensor, "B J 2"], patch_size: int, *, sigma_cells: float
) -> Float[Tensor, "B J"]:
    """KL divergence from the Gaussian target to the spatial softmax, in nats."""
    target = gaussian_heatmap(uv_px, maps.shape[-1], patch_size, sigma_cells=sigma_cells)
    log_p = maps.flatten(2).log_softmax(-1)
    flat = target.flatten(2)
    return torch.xlogy(flat, flat).sum(-1) - (flat * log_p).sum(-1)
