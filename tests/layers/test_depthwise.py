"""Depthwise convolution: the compiled kernels give torch's own answers and gradients."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from knuckle.layers.backbones import Backbone
from knuckle.layers.depthwise import DepthwiseConv


def _reference(
    maps: torch.Tensor,
    weight: torch.Tensor,
    stride: int,
    *,
    zeros: int | None = None,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """TensorFlow's "SAME", whose odd zero stands after the map, or as many zeros all round."""
    kernel = weight.shape[-1]
    if zeros is not None:
        return F.conv2d(maps, weight, bias, stride, zeros, groups=len(weight))
    totals = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in maps.shape[2:]]
    (top, bottom), (left, right) = ((total // 2, total - total // 2) for total in totals)
    return F.conv2d(F.pad(maps, (left, right, top, bottom)), weight, bias, stride, groups=len(weight))


SHAPES = [
    (5, 4, 4, 5, 1, None),
    (300, 3, 5, 5, 1, None),
    (8, 8, 6, 3, 2, None),
    (8, 7, 8, 5, 2, None),
    (3, 9, 9, 3, 1, None),
    (8, 8, 6, 3, 2, 1),
    (6, 7, 8, 3, 2, 1),
    (6, 8, 8, 5, 1, 1),
    (6, 8, 8, 5, 2, 0),
    (6, 8, 8, 3, 1, 1),
]
"""channels, height, width, kernel, stride, zeros"""


def _made(
    channels: int, height: int, width: int, kernel: int, stride: int, zeros: int | None, *, bias: bool
) -> tuple[torch.Tensor, DepthwiseConv]:
    torch.manual_seed(0)
    maps = torch.randn(2, channels, height, width).contiguous(memory_format=torch.channels_last)
    return maps.requires_grad_(), DepthwiseConv(channels, kernel, stride, zeros=zeros, bias=bias)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_answers_and_gradients_are_those_of_torch(shape, bias):
    maps, conv = _made(*shape, bias=bias)
    reference = _reference(maps, conv.weight, conv.stride[0], zeros=conv.zeros, bias=conv.bias)
    given = torch.randn_like(reference)
    expected = torch.autograd.grad(reference, (maps, *conv.parameters()), given)
    answer = conv(maps)
    assert torch.allclose(answer, reference, atol=1e-5)
    for own, other in zip(
        torch.autograd.grad(answer, (maps, *conv.parameters()), given), expected, strict=True
    ):
        assert torch.allclose(own, other, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_under_autocast_only_what_comes_in_and_goes_back_is_rounded(shape):
    """bf16 keeps 8 bits: half a unit of the last one is 2^-9 of a number."""
    maps, conv = _made(*shape, bias=True)
    narrow = maps.detach().bfloat16().requires_grad_()
    reference = _reference(narrow.float(), conv.weight, conv.stride[0], zeros=conv.zeros, bias=conv.bias)
    given = torch.randn_like(reference)
    expected = torch.autograd.grad(reference, (narrow, *conv.parameters()), given)
    with torch.autocast("cpu", torch.bfloat16):
        answer = conv(narrow)
    assert answer.dtype == torch.float32 and torch.allclose(answer, reference, atol=1e-5)
    of_maps, *of_weights = torch.autograd.grad(answer, (narrow, *conv.parameters()), given)
    assert of_maps.dtype == torch.bfloat16
    assert torch.allclose(of_maps.float(), expected[0].float(), rtol=2**-8, atol=1e-4)
    for own, other in zip(of_weights, expected[1:], strict=True):
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
    plain = nn.Conv2d(4, 4, 3, padding=1, groups=4)
    own = DepthwiseConv.like(plain)
    assert own.weight is plain.weight and own.bias is plain.bias
