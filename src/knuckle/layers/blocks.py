"""Convolution blocks and the top-down fusion of a feature pyramid."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.batch_norm import BatchNormAct
from knuckle.layers.depthwise import DepthwiseConv


def conv_block(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        BatchNormAct(outputs, "relu"),
    )


def separable_block(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Depthwise 3x3 and pointwise 1x1 convolution, each with batch norm, one ReLU at the end."""
    return nn.Sequential(
        DepthwiseConv(inputs, 3, stride, zeros=1),
        BatchNormAct(inputs),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        BatchNormAct(outputs, "relu"),
    )


class TopDownFusion(nn.Module):
    """Sum of a pyramid's maps at the finest one's size, each first brought to `width` channels (FPN style)."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = separable_block(width, width)

    def forward(self, maps: list[Tensor]) -> Float[Tensor, "B C h w"]:
        fused = self.laterals[-1](maps[-1])
        for lateral, finer in zip(reversed(list(self.laterals)[:-1]), reversed(maps[:-1]), strict=True):
            fused = F.interpolate(fused, size=finer.shape[-2:], mode="nearest") + lateral(finer)
        return self.smooth(fused)


class ConcatFusion(nn.Module):
    """All maps of a pyramid upsampled to the finest one's size and concatenated (HRNet's way)."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.mix = conv_block(sum(channels), width, kernel=1)

    def forward(self, maps: list[Tensor]) -> Float[Tensor, "B C h w"]:
        size = maps[0].shape[-2:]
        resized = [F.interpolate(m, size=size, mode="bilinear", align_corners=False) for m in maps[1:]]
        return self.mix(torch.cat([maps[0], *resized], dim=1))


class DeconvFusion(nn.Module):
    """Three stride-2 deconvolutions of the coarsest map (simple baselines; 7 -> 56 for ResNet-50 at 224 px)."""

    def __init__(self, channels: list[int], width: int, *, steps: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels[-1]
        for _ in range(steps):
            layers += [
                nn.ConvTranspose2d(inputs, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            inputs = width
        self.deconvs = nn.Sequential(*layers)

    def forward(self, maps: list[Tensor]) -> Float[Tensor, "B C h w"]:
        return self.deconvs(maps[-1])
