"""EHPE's first stage: the positions of a few joints, by default the tips and the wrist (3.2, Eq 1 and 2)."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.hourglass import ResidualBlock, StackedHourglass
from knuckle.layers.soft_argmax import soft_argmax_3d
from knuckle.models.ehpe.config import EhpeConfig


class TwOutput(NamedTuple):
    """heatmaps: of every stack, Eq 1's scale; joints: -1..1 over crop and depth box
    (`knuckle.models.ehpe.coordinates`).
    """

    heatmaps: Float[Tensor, "B stacks HJ h w"]
    joints: Float[Tensor, "B H J 3"]


class TwStage(nn.Module):
    """Hourglass, 2D heatmaps, refinement unit, 2.5D heatmaps, 3D soft-argmax; for each hand the same joints.

    The 2D heatmaps may show joints that the 2.5D ones do not (`heatmap_joints`).
    """

    def __init__(self, config: EhpeConfig) -> None:
        super().__init__()
        self.hands, self.bins, self.cells = config.hands, config.depth_bins, config.refine_out
        maps, drawn = (config.hands * len(joints) for joints in (config.tw_joints, config.drawn_joints))
        self.hourglass = StackedHourglass(
            config.width,
            drawn,
            stacks=config.stacks,
            depth=config.hourglass_depth,
            width=config.hourglass_width,
            kind=config.block,
        )
        self.refine = nn.Sequential(*_refinement(config, drawn))
        volumes = maps * config.depth_bins
        if config.volume_norm:
            self.to_volume: nn.Module = nn.Sequential(
                nn.Conv2d(config.refine_width, volumes, 1, bias=False), nn.BatchNorm2d(volumes)
            )
        else:
            self.to_volume = nn.Conv2d(config.refine_width, volumes, 1)
            # Flat volumes at first: every joint starts in the middle of the crop.
            nn.init.normal_(self.to_volume.weight, std=1e-3)
            assert self.to_volume.bias is not None
            nn.init.zeros_(self.to_volume.bias)
        self.peak = heatmap_peak(config.heatmap_sigma)

    def forward(self, features: Float[Tensor, "B C h w"]) -> TwOutput:
        answers = self.hourglass(features)
        # The network's numbers are shares of the peak: the density itself (Eq 1) would be too small beside the
        # features it is concatenated with.
        latent = self.refine(torch.cat([answers[-1], features], dim=1))
        if latent.shape[-1] != self.cells:
            size = (self.cells, self.cells)
            latent = F.interpolate(latent, size=size, mode="bilinear", align_corners=False)
        volumes = self.to_volume(latent).unflatten(1, (-1, self.bins))
        joints = soft_argmax_3d(volumes).unflatten(1, (self.hands, -1))
        return TwOutput(torch.stack(answers, dim=1) * self.peak, joints)


def heatmap_peak(sigma_cells: float) -> float:
    """Height of Eq 1's Gaussian, per cell."""
    return 1 / (2 * math.pi * sigma_cells**2)


def gaussian_targets(
    joints: Float[Tensor, "B J 2"], cells: int, *, sigma_cells: float
) -> Float[Tensor, "B J h w"]:
    """Eq 1 for joints given as -1..1 over the map; the cells' sum is about 1 for a joint inside it."""
    position = (joints + 1) * (cells / 2) - 0.5
    grid = torch.arange(cells, device=joints.device, dtype=joints.dtype)
    along_x = (-0.5 * ((grid - position[..., :1]) / sigma_cells) ** 2).exp()
    along_y = (-0.5 * ((grid - position[..., 1:]) / sigma_cells) ** 2).exp()
    return heatmap_peak(sigma_cells) * along_y[..., :, None] * along_x[..., None, :]


def _refinement(config: EhpeConfig, maps: int) -> list[nn.Module]:
    """Residual blocks, a max-pool after every so many of them (two in the paper's 8 + 4)."""
    layers: list[nn.Module] = []
    inputs = maps + config.width
    pool_after = (
        config.refine_blocks // config.refine_pools if config.refine_pools else config.refine_blocks + 1
    )
    for number in range(1, config.refine_blocks + 1):
        layers.append(ResidualBlock(inputs, config.refine_width, kind=config.block))
        inputs = config.refine_width
        if number % pool_after == 0:
            layers.append(nn.MaxPool2d(2))
    return layers
