"""Depthwise convolution: the compiled kernels give torch's own answers and gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from knuckle.layers.backbones import Backbone
from knuckle.layers.depthwise import DepthwiseConv


def _reference(maps: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """TensorFlow's "SAME": the odd zero stands after the map."""
    kernel = weight.shape[-1]
    totals = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in maps.shape[2:]]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in totals)
    return F.conv2d(F.pad(maps, (left, right, top, bottom)), weight, None, stride, groups=len(weight))


@pytest.mark.parametrize(
    ("channels", "height", "width", "kernel", "stride"),
    [(5, 4, 4, 5, 1), (300, 3, 5, 5, 1), (8, 8, 6, 3, 2), (8, 7, 8, 5, 2), (3, 9, 9, 3, 1)],
)
def test_answers_and_gradients_are_those_of_torch(channels, height, width, kernel, stride):
    torch.manual_seed(0)
    maps = torch.randn(2, channels, height, width).contiguous(memory_format=torch.channels_last)
    conv = DepthwiseConv(channels, kernel, stride)
    given = torch.randn_like(_reference(maps, conv.weight, stride))
    expected = torch.autograd.grad(
        _reference(maps.requires_grad_(), conv.weight, stride), (maps, conv.weight), given
    )
    answer = conv(maps)
    assert torch.allclose(answer, _reference(maps, conv.weight, stride), atol=1e-5)
    for own, other in zip(torch.autograd.grad(answer, (maps, conv.weight), given), expected, strict=True):
        assert torch.allclose(own, other, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_other_layouts_and_inference_take_torchs_kernels(stride):
    torch.manual_seed(0)
    maps, conv = torch.randn(2, 8, 6, 6), DepthwiseConv(8, 5, stride)
    expected = _reference(maps, conv.weight, stride)
    assert torch.allclose(conv(maps), expected, atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(conv(maps.contiguous(memory_format=torch.channels_last)), expected, atol=1e-5)


def test_the_backbone_keeps_its_names_and_weights():
    backbone = Backbone("efficientnet_lite0")
    own = [name for name, module in backbone.named_modules() if isinstance(module, DepthwiseConv)]
    assert len(own) == 16 and all(f"{name}.weight" in backbone.state_dict() for name in own)
    plain = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
    assert DepthwiseConv.like(plain).weight is plain.weight
