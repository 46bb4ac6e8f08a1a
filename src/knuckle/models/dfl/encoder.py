"""DFL's encoder after its backbone: pyramid, part segmentation, appearance and position features (3.2)."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.blocks import conv_block, separable_block
from knuckle.layers.feature_pyramid import FeaturePyramid
from knuckle.layers.position_encoding import sine_axis, sine_plane
from knuckle.models.dfl.config import PARTS, SCALES, DflConfig
from knuckle.models.dfl.streams import appearance_width

_FINEST = SCALES - 1


class Appearance(NamedTuple):
    """tokens: F^a of each scale asked for, 0 the coarsest; log_parts: logarithms of the parts' probabilities at every
    cell of the finest map."""

    tokens: dict[int, Float[Tensor, "B n C"]]
    log_parts: Float[Tensor, "B n 33"] | None


class AppearanceFeatures(nn.Module):
    """F^a_n: the pyramid's map beside the probabilities of the parts, which are read off the finest map and averaged.

    Where attention has projections, a linear layer brings both together to C_F channels.
    """

    def __init__(self, config: DflConfig, channels: list[int], scales: Iterable[int]) -> None:
        super().__init__()
        self.scales = sorted(scales)
        self.width = appearance_width(config)
        kept = {*self.scales, _FINEST} if config.seg else set(self.scales)
        self.pyramid = FeaturePyramid(
            channels, config.width, [_FINEST - scale for scale in kept], kind=config.block
        )
        if config.seg:
            self.segment = _segmentation(config)
        if config.seg and self.width == config.width:
            self.mix = _linear(config.width + PARTS, config.width)

    def forward(self, maps: list[Tensor]) -> Appearance:
        """maps: the backbone's, finest first."""
        pyramid = {_FINEST - place: features for place, features in self.pyramid(maps).items()}
        if not hasattr(self, "segment"):
            return Appearance({scale: _tokens(pyramid[scale]) for scale in self.scales}, None)
        # With the classes last in memory both softmax and averages run several times faster on a CPU.
        log_parts = _tokens(self.segment(pyramid[_FINEST])).float().log_softmax(-1)
        size = pyramid[_FINEST].shape[-1]
        parts = log_parts.exp().transpose(1, 2).unflatten(2, (size, size))
        tokens = {}
        for scale in reversed(range(SCALES)):
            if scale < _FINEST:
                parts = F.avg_pool2d(parts, 2)
            if scale in self.scales:
                tokens[scale] = self._joined(_tokens(pyramid[scale]), _tokens(parts))
        return Appearance(tokens, log_parts)

    def _joined(
        self, features: Float[Tensor, "B n C"], parts: Float[Tensor, "B n 33"]
    ) -> Float[Tensor, "B n D"]:
        joined = torch.cat([features, parts.to(features.dtype)], dim=2)
        return self.mix(joined) if hasattr(self, "mix") else joined


class PositionFeatures(nn.Module):
    """F^p_n: sine encoding of every cell's place through two linear layers, the same for every scale; from the
    coordinates alone also the same for every image."""

    def __init__(self, config: DflConfig, scales: Iterable[int]) -> None:
        super().__init__()
        width = config.position_width
        self.scales = sorted(scales)
        self.sizes = {scale: config.map_size >> (_FINEST - scale) for scale in self.scales}
        for scale, size in self.sizes.items():
            self.register_buffer(f"axis_{scale}", sine_axis(size, width // 2), persistent=False)
        if config.position_from == "appearance":
            self.seen = nn.Linear(appearance_width(config), width)
            # From zero: random mixtures of appearance drown the places before any relation has learned them.
            nn.init.zeros_(self.seen.weight)
            nn.init.zeros_(self.seen.bias)
        self.layers = nn.Sequential(_linear(width, width), nn.ReLU(inplace=True), _linear(width, width))

    def forward(self, appearance: dict[int, Float[Tensor, "B _ C"]]) -> dict[int, Float[Tensor, "b _ D"]]:
        """appearance: F^a of these scales at least; b is 1 where it is not looked at."""
        axes = [self.get_buffer(f"axis_{scale}") for scale in self.scales]
        places = torch.cat([sine_plane(axis, axis) for axis in axes])[None]
        if hasattr(self, "seen"):
            places = places + self.seen(torch.cat([appearance[scale] for scale in self.scales], dim=1))
        features = self.layers(places)
        parts = features.split([self.sizes[scale] ** 2 for scale in self.scales], dim=1)
        return dict(zip(self.scales, parts, strict=True))


def _segmentation(config: DflConfig) -> nn.Module:
    if not config.seg_hidden:
        return nn.Conv2d(config.width, PARTS, 1)
    block = conv_block if config.block == "conv" else separable_block
    return nn.Sequential(block(config.width, config.seg_hidden), nn.Conv2d(config.seg_hidden, PARTS, 1))


def _tokens(features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B n C"]:
    return features.flatten(2).transpose(1, 2)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that starts with answers of size one to what a ReLU, a sine or a cosine gives."""
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer
