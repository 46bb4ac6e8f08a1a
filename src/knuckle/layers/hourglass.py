"""Residual blocks and the stacked hourglass (Newell et al. 2016)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.batch_norm import BatchNormAct
from knuckle.layers.depthwise import DepthwiseConv

BlockKind = Literal["bottleneck", "separable"]


class ResidualBlock(nn.Module):
    """x + f(x), then ReLU; a 1x1 convolution on the shortcut where the channel count changes.

    f: "bottleneck" 1x1, 3x3, 1x1 at half the width; "separable" depthwise 3x3 and 1x1, a tenth of the cost.
    """

    def __init__(self, inputs: int, outputs: int, *, kind: BlockKind) -> None:
        super().__init__()
        if kind == "bottleneck":
            half = outputs // 2
            self.path = nn.Sequential(
                *_conv(inputs, half, 1),
                nn.ReLU(inplace=True),
                *_conv(half, half, 3),
                nn.ReLU(inplace=True),
                *_conv(half, outputs, 1),
            )
        else:
            self.path = nn.Sequential(*_conv(inputs, inputs, 3, depthwise=True), *_conv(inputs, outputs, 1))
        self.shortcut = nn.Identity() if inputs == outputs else nn.Sequential(*_conv(inputs, outputs, 1))

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D h w"]:
        return F.relu(self.shortcut(x) + self.path(x))


class Hourglass(nn.Module):
    """`depth` halvings and as many doublings, a residual block at every step and on every skip connection."""

    def __init__(self, depth: int, width: int, *, kind: BlockKind) -> None:
        super().__init__()
        self.skip = ResidualBlock(width, width, kind=kind)
        self.down = ResidualBlock(width, width, kind=kind)
        self.inner: nn.Module = (
            Hourglass(depth - 1, width, kind=kind) if depth > 1 else ResidualBlock(width, width, kind=kind)
        )
        self.up = ResidualBlock(width, width, kind=kind)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        low = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")


class StackedHourglass(nn.Module):
    """`stacks` hourglasses in a row, each giving maps and adding what it saw to the next one's input.

    Raises no error for a map that cannot be halved `depth` times: the caller's configuration checks that.
    """

    def __init__(
        self, inputs: int, maps: int, *, stacks: int, depth: int, width: int, kind: BlockKind
    ) -> None:
        super().__init__()
        self.enter = ResidualBlock(inputs, width, kind=kind)
        self.hourglasses = nn.ModuleList(Hourglass(depth, width, kind=kind) for _ in range(stacks))
        self.after = nn.ModuleList(ResidualBlock(width, width, kind=kind) for _ in range(stacks))
        self.to_maps = nn.ModuleList(_map_head(width, maps) for _ in range(stacks))
        self.features_back = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(stacks - 1))
        self.maps_back = nn.ModuleList(nn.Conv2d(maps, width, 1) for _ in range(stacks - 1))

    def forward(self, x: Float[Tensor, "B C h w"]) -> list[Tensor]:
        """The maps (B, J, h, w) of every stack, the last one the best."""
        x = self.enter(x)
        answers: list[Tensor] = []
        for index, (hourglass, after, to_maps) in enumerate(
            zip(self.hourglasses, self.after, self.to_maps, strict=True)
        ):
            seen = after(hourglass(x))
            answers.append(to_maps(seen))
            if index < len(self.maps_back):
                x = x + self.features_back[index](seen) + self.maps_back[index](answers[-1])
        return answers


def _map_head(width: int, maps: int) -> nn.Conv2d:
    """Its maps start near zero, as a target's cells mostly are."""
    head = nn.Conv2d(width, maps, 1, bias=False)
    nn.init.normal_(head.weight, std=1e-3)
    return head


def _conv(inputs: int, outputs: int, kernel: int, *, depthwise: bool = False) -> list[nn.Module]:
    if depthwise:
        conv: nn.Module = DepthwiseConv(inputs, kernel, zeros=kernel // 2)
    else:
        conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return [conv, BatchNormAct(outputs)]
