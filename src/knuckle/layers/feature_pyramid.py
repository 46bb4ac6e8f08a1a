"""Feature pyramid network: every scale of a backbone with what the coarser ones know (Lin et al. 2017)."""

from collections.abc import Iterable
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.blocks import separable_block


class FeaturePyramid(nn.Module):
    """A backbone's maps (finest first) to maps of `width` channels at the scales in `keep`, counted from the finest.

    Each scale is narrowed by a 1x1 convolution and added to the coarser sum enlarged (nearest); what is kept passes a
    3x3 convolution: a full one ("conv", the original) or a depthwise block ("separable"). Scales finer than all that
    are kept are not read.
    """

    def __init__(
        self,
        channels: list[int],
        width: int,
        keep: Iterable[int],
        *,
        kind: Literal["conv", "separable"] = "conv",
    ) -> None:
        super().__init__()
        self.keep = sorted(set(keep))
        self.laterals = nn.ModuleDict(
            {str(scale): nn.Conv2d(channels[scale], width, 1) for scale in range(self.keep[0], len(channels))}
        )
        self.smooth = nn.ModuleDict(
            {
                str(scale): nn.Conv2d(width, width, 3, padding=1)
                if kind == "conv"
                else separable_block(width, width)
                for scale in self.keep
            }
        )
        for layer in (*self.laterals.values(), *self.smooth.values()):
            if isinstance(layer, nn.Conv2d):
                # Neither shrinks nor enlarges: no activation stands between these layers.
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")

    def forward(self, maps: list[Tensor]) -> dict[int, Tensor]:
        """The kept scales' maps (B, width, h, w)."""
        kept: dict[int, Tensor] = {}
        coarser: Tensor | None = None
        for scale in reversed(range(self.keep[0], len(maps))):
            own = self.laterals[str(scale)](maps[scale])
            if coarser is not None:
                own = own + F.interpolate(coarser, size=own.shape[-2:], mode="nearest")
            if scale in self.keep:
                kept[scale] = self.smooth[str(scale)](own)
            coarser = own
        return kept
