"""The backbone of MediaPipe's palm network as a trainable feature pyramid: it has seen photographs of whole scenes.

Residual blocks of a 5x5 depthwise and a pointwise convolution with PReLU ("BlazeFace", Bazarevsky et al. 2019;
"MediaPipe Hands", Zhang et al. 2020; weights Apache-2.0), down to stride 32 and back up to 16 and 8. Its anchors' heads
are left out, and so may be some of its blocks.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.errors import KnuckleError
from knuckle.layers.depthwise import DepthwiseConv
from knuckle.layers.hand_landmark import SameConv
from knuckle.layers.prelu import PReLU

WIDTHS = (32, 64, 128, 256, 256)
"""Channels at strides 2, 4, 8, 16 and 32."""
BLOCKS = 4
"""Residual blocks a stage, after the one that halves the maps."""
STRIDES = (8, 16, 32)
ALL_BLOCKS = (tuple(range(BLOCKS)),) * len(WIDTHS)
FILE = Path(__file__).parents[1] / "assets" / "detector" / "palm_detection_full.onnx"


class PalmBackbone(nn.Module):
    """RGB in 0..1 (B, 3, H, W), H and W multiples of 32, to maps at `STRIDES`, of `channels`.

    kept: which of the four blocks of each stage there are, 0 to 3; by default all of them.
    """

    channels = (128, 256, 256)

    def __init__(self, *, kept: Sequence[Sequence[int]] = ALL_BLOCKS) -> None:
        super().__init__()
        self.kept = tuple(tuple(places) for places in kept)
        self.stem = SameConv(3, WIDTHS[0], 5, stride=2)
        self.stem_act = PReLU(WIDTHS[0])
        self.halvings = nn.ModuleList(Halving(a, b) for a, b in itertools.pairwise(WIDTHS))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in places))
            for width, places in zip(WIDTHS, self.kept, strict=True)
        )
        self.to_16, self.to_8 = Upwards(256, 256), Upwards(256, 128)

    def first_modules(self) -> list[nn.Module]:
        """The layers down to stride 4: edges and textures."""
        return [self.stem, self.stem_act, self.stages[0], self.halvings[0], self.stages[1]]

    def forward(
        self, image: Float[Tensor, "B 3 H W"], *, frozen: bool = False
    ) -> tuple[Float[Tensor, "B 128 h8 w8"], Float[Tensor, "B 256 h16 w16"], Float[Tensor, "B 256 h32 w32"]]:
        """frozen: no gradient goes through `first_modules`."""
        x = image
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            for module in self.first_modules():
                x = module(x)
        down = []
        for halving, stage in zip(self.halvings[1:], self.stages[2:], strict=True):
            x = stage(halving(x))
            down.append(x)
        at_8, at_16, at_32 = down
        at_16 = self.to_16(at_32, at_16)
        return self.to_8(at_16, at_8), at_16, at_32


class Residual(nn.Module):
    """Depthwise and pointwise convolution, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv(channels, 5, zeros=2)
        self.pointwise = nn.Conv2d(channels, channels, 1)
        self.act = PReLU(channels)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        return self.act(x + self.pointwise(self.depthwise(x)))


class Halving(nn.Module):
    """A block of stride 2; its input is added to the first of its channels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv(inputs, 5, 2)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.act = PReLU(outputs)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D oh ow"]:
        fine, weight, bias = self.depthwise(x), self.pointwise.weight, self.pointwise.bias
        assert bias is not None
        pooled, inputs = F.max_pool2d(x, 2), x.shape[1]
        if inputs == len(weight):
            return self.act(pooled + self.pointwise(fine))
        # Not one convolution and zeros beside the pooled channels: onnxruntime adds within the first of these two.
        first = pooled + F.conv2d(fine, weight[:inputs], bias[:inputs])
        return self.act(torch.cat([first, F.conv2d(fine, weight[inputs:], bias[inputs:])], 1))


class Upwards(nn.Module):
    """A coarser map at twice its size, added to a finer one; two blocks on it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.act = PReLU(outputs)
        self.blocks = nn.Sequential(Residual(outputs), Residual(outputs))

    def forward(
        self, coarse: Float[Tensor, "B C h w"], fine: Float[Tensor, "B D oh ow"]
    ) -> Float[Tensor, "B D oh ow"]:
        # The published order is the other way round; the result is the same, at a quarter of the products.
        x = F.interpolate(self.pointwise(coarse), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.blocks(fine + self.act(x))


def load_palm(backbone: PalmBackbone, path: Path = FILE) -> None:
    """Fill the backbone with MediaPipe's weights, out of the onnx file that detection runs.

    Raises KnuckleError when the file is damaged or of another network.
    """
    stored = _published(path)
    own = [_tensors(module) for module in _in_order(backbone)]
    fits = len(stored) >= len(own) and all(
        len(theirs) == len(ours) and all(a.shape == b.shape for a, b in zip(theirs, ours, strict=True))
        for theirs, ours in zip(stored, own, strict=False)
        if ours is not None
    )
    if not fits:
        raise KnuckleError(
            f"{path}: expected the {len(own)} layers of the palm network's backbone, got others"
        )
    with torch.no_grad():
        for theirs, ours in zip(stored, own, strict=False):
            for value, tensor in zip(theirs, ours or (), strict=False):
                tensor.copy_(value)


def _in_order(backbone: PalmBackbone) -> list[nn.Module | None]:
    """Convolutions and PReLUs in the order of the published graph; None for those of blocks left out."""
    found: list[nn.Module | None] = [backbone.stem, backbone.stem_act]
    for place, (stage, kept) in enumerate(zip(backbone.stages, backbone.kept, strict=True)):
        if place:
            found += _layers(backbone.halvings[place - 1])
        blocks = dict(zip(kept, stage.children(), strict=True))
        for number in range(BLOCKS):
            found += _layers(blocks[number]) if number in blocks else [None] * 3
    for upwards in (backbone.to_16, backbone.to_8):
        found += [upwards.pointwise, upwards.act]
        for block in upwards.blocks:
            found += _layers(block)
    return found


def _layers(block: nn.Module) -> list[nn.Module]:
    """A block's, in the order of the graph."""
    assert isinstance(block, Residual | Halving)
    return [block.depthwise, block.pointwise, block.act]


def _tensors(module: nn.Module | None) -> list[Tensor] | None:
    return None if module is None else list(module.parameters())


def _published(path: Path) -> list[list[Tensor]]:
    """Weights (and bias) of each convolution, and the slopes of each PReLU, in the order of the graph.

    The file has a PReLU as two convolutions, x + t relu(-x), of slope 1 - t, and stored halves behind a cast.
    """
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(path).graph
    except Exception as error:
        raise KnuckleError(f"{path}: expected the palm network (onnx), got {error}") from error
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stored |= {
        node.output[0]: stored[node.input[0]]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in stored
    }
    # What the heads say is laid out as lists.
    said = {node.input[0] for node in graph.node if node.op_type == "Transpose"}
    found = []
    for node in graph.node:
        name = node.output[0]
        if (
            node.op_type != "Conv"
            or name in said
            or name.endswith("_minus")
            or node.input[1].endswith("_eye")
        ):
            continue
        values = [torch.tensor(stored[n]).float() for n in node.input[1:] if n in stored]
        found.append([1 - values[0].flatten()] if name.endswith("_raised") else values)
    return found
