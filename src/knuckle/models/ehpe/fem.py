"""EHPE's visual branch, the feature enhancement module: self- and cross-attention (3.3.1, Eq 7; EANet)."""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.attention import CrossAttentionBlock, SelfAttentionBlock
from knuckle.layers.coordinate_linear import CoordinateLinear
from knuckle.layers.soft_argmax import soft_argmax_3d
from knuckle.models.ehpe.config import EhpeConfig
from knuckle.skeleton import JOINT_COUNT


class FemOutput(NamedTuple):
    """enhanced: the feature map that attention made; joints: -1..1."""

    enhanced: Float[Tensor, "B C cells cells"]
    joints: Float[Tensor, "B H 21 3"]


class FeatureEnhancement(nn.Module):
    """Two 1x1 convolutions of F (one per hand, where there are two), their tokens and a class token through
    self-attention (SimToken); a linear map of both stacked channel by channel (JoinToken) asks them by
    cross-attention.

    start: joints that the last layer gives before it has learned anything: zeros where they correct SPI's.
    `fem_out="fc"` is a linear layer over the whole map; "shared_fc" one that all cells share, the mean of whose answers
    counts; "softargmax" a 1x1 convolution to one small volume per joint, which starts in the middle of the box, `start`
    being added as a learned shift.
    """

    scale: Tensor

    def __init__(self, config: EhpeConfig, channels: int, start: Float[Tensor, "H 21 3"]) -> None:
        super().__init__()
        width, cells = config.fem_width, config.fem_size
        self.cells, self.bins, self.hands, self.out_kind = (
            cells,
            config.depth_bins,
            config.hands,
            config.fem_out,
        )
        self.views = nn.ModuleList(nn.Conv2d(channels, width, 1) for _ in range(2))
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.similar_position = nn.Parameter(torch.empty(1, 2 * cells**2 + 1, width))
        self.joined_position = nn.Parameter(torch.empty(1, cells**2, width))
        for parameter in (self.class_token, self.similar_position, self.joined_position):
            nn.init.normal_(parameter, std=0.02)
        self.self_blocks = nn.ModuleList(
            SelfAttentionBlock(width, config.fem_heads, mlp_ratio=config.fem_mlp_ratio)
            for _ in range(config.fem_self_blocks)
        )
        self.join = nn.Linear(2 * width, width)
        self.cross_blocks = nn.ModuleList(
            CrossAttentionBlock(width, config.fem_heads, mlp_ratio=config.fem_mlp_ratio)
            for _ in range(config.fem_cross_blocks)
        )
        self.norm = nn.LayerNorm(width)
        joints = self.hands * JOINT_COUNT
        if self.out_kind != "softargmax":
            inputs = cells**2 * width if self.out_kind == "fc" else width
            self.out: nn.Module = CoordinateLinear(inputs, joints * 3)
            nn.init.normal_(self.out.weight, std=1e-2 / math.sqrt(inputs))
            nn.init.zeros_(self.out.bias)
        else:
            self.out = nn.Conv2d(width, joints * self.bins, 1, bias=False)
            nn.init.normal_(self.out.weight, std=1e-3)
        self.start = nn.Parameter(start.clone())
        self.register_buffer("scale", torch.tensor(config.fc_scale), persistent=False)

    def forward(self, features: Float[Tensor, "B C h w"]) -> FemOutput:
        pooled = F.avg_pool2d(features, features.shape[-1] // self.cells)
        tokens = [view(pooled).flatten(2).transpose(1, 2) for view in self.views]
        class_token = self.class_token.expand(features.shape[0], -1, -1)
        similar = torch.cat([*tokens, class_token], dim=1) + self.similar_position
        for block in self.self_blocks:
            similar = block(similar)
        joined = self.join(torch.cat(tokens, dim=2)) + self.joined_position
        for block in self.cross_blocks:
            joined = block(joined, similar)
        enhanced = self.norm(joined).transpose(1, 2).unflatten(2, (self.cells, self.cells))
        return FemOutput(enhanced, self._joints(enhanced) + self.start)

    def _joints(self, enhanced: Float[Tensor, "B C cells cells"]) -> Float[Tensor, "B H 21 3"]:
        if self.out_kind != "softargmax":
            # The mean over the cells of one layer's answers is its answer to their mean.
            read = enhanced.flatten(1) if self.out_kind == "fc" else enhanced.mean((2, 3))
            return self.out(read).unflatten(1, (self.hands, JOINT_COUNT, 3)) * self.scale
        volumes = self.out(enhanced).unflatten(1, (-1, self.bins))
        return soft_argmax_3d(volumes).unflatten(1, (self.hands, JOINT_COUNT))
