"""MediaPipe's hand landmark network as a trainable feature pyramid: a backbone that has seen photographs of hands.

An EfficientNet-Lite of 47 convolutions with its batch norms folded in ("MediaPipe Hands", Zhang et al. 2020; weights
Apache-2.0). Its four fully connected heads are left out.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.errors import KnuckleError
from knuckle.layers.depthwise import DepthwiseConv

STEM, FIRST = 24, 16
STAGES = (
    # channels out, depthwise kernel, stride and expansion of the first block, blocks; the others expand sixfold.
    (24, 3, 2, 4, 2),
    (40, 5, 2, 6, 2),
    (80, 3, 2, 6, 3),
    (112, 5, 1, 6, 3),
    (192, 5, 2, 6, 4),
)
EXPAND, LAST_KERNEL = 6, 3
FILE = Path(__file__).parents[1] / "assets" / "detector" / "hand_landmark_full.onnx"


class HandLandmarkBody(nn.Module):
    """RGB in 0..1 (B, 3, S, S) to maps at strides 2, 4, 8, 16 and 32, those of at least `finest`; the last one is the
    wide one that the network's own heads read. `channels` and `strides` alongside."""

    def __init__(self, *, finest: int = 4) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, stride=2)
        self.first = _Filter(STEM, FIRST, 3, 1)
        blocks: list[nn.Module] = []
        channels, stride = {2: FIRST}, 2
        self._ends = {2: 0}
        """Stride -> the number of blocks whose output is its map."""
        inputs = FIRST
        for outputs, kernel, first_stride, first_expand, count in STAGES:
            for place in range(count):
                step, expand = (first_stride, first_expand) if place == 0 else (1, EXPAND)
                blocks.append(InvertedResidual(inputs, expand * inputs, outputs, kernel, step))
                inputs, stride = outputs, stride * step
                channels[stride], self._ends[stride] = outputs, len(blocks)
        self.blocks = nn.ModuleList(blocks)
        wide = EXPAND * inputs
        self.last = nn.Sequential(
            nn.Conv2d(inputs, wide, 1),
            nn.ReLU6(),
            DepthwiseConv(wide, LAST_KERNEL, bias=True),
            nn.ReLU6(),
        )
        channels[stride] = wide
        self.strides = [s for s in channels if s >= finest]
        self.channels = [channels[s] for s in self.strides]

    def forward(self, image: Float[Tensor, "B 3 S S"]) -> list[Tensor]:
        after = [self.first(F.relu6(self.stem(image)))]
        for block in self.blocks:
            after.append(block(after[-1]))
        maps = [after[self._ends[stride]] for stride in self.strides[:-1]]
        return [*maps, self.last(after[-1])]


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, projection; added to the input where the two are of one size."""

    def __init__(self, inputs: int, wide: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(inputs, wide, 1)
        self.filter = _Filter(wide, outputs, kernel, stride)
        self.adds = inputs == outputs and stride == 1

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D oh ow"]:
        out = self.filter(F.relu6(self.expand(x)))
        return x + out if self.adds else out


class SameConv(nn.Conv2d):
    """A convolution of even maps by stride 2, padded like TensorFlow's "SAME": the smaller half before."""

    def forward(self, input: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D oh ow"]:
        spare = self.kernel_size[0] - self.stride[0]
        before, after = spare // 2, spare - spare // 2
        padded = F.pad(input, (before, after, before, after))
        return F.conv2d(padded, self.weight, self.bias, self.stride)


class _Filter(nn.Module):
    """Depthwise convolution and projection."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv(inputs, kernel, stride, bias=True)
        self.project = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D oh ow"]:
        return self.project(F.relu6(self.depthwise(x)))


def convolutions(body: nn.Module) -> list[nn.Conv2d]:
    """The network's convolutions in the order of the published graph."""
    return [module for module in body.modules() if isinstance(module, nn.Conv2d)]


def load_hand_landmark(body: HandLandmarkBody, path: Path = FILE) -> None:
    """Fill the network with MediaPipe's weights, out of the onnx file that detection runs.

    Raises KnuckleError when the file is damaged or of another network.
    """
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(path).graph
    except Exception as error:
        raise KnuckleError(f"{path}: expected the hand landmark network (onnx), got {error}") from error
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stored |= {
        node.output[0]: stored[node.input[0]]
        for node in graph.node
        if node.op_type == "Cast" and node.input[0] in stored
    }
    found = [[stored.get(n) for n in node.input[1:3]] for node in graph.node if node.op_type == "Conv"]
    own = [(conv.weight, conv.bias) for conv in convolutions(body)]
    fits = len(found) == len(own) and all(
        array is not None and tensor is not None and array.shape == tensor.shape
        for arrays, tensors in zip(found, own, strict=True)
        for array, tensor in zip(arrays, tensors, strict=True)
    )
    if not fits:
        raise KnuckleError(
            f"{path}: expected the {len(own)} convolutions of the hand landmark network, got others"
        )
    with torch.no_grad():
        for arrays, tensors in zip(found, own, strict=True):
            for array, tensor in zip(arrays, tensors, strict=True):
                assert tensor is not None
                tensor.copy_(torch.tensor(array))
