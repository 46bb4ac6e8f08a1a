"""Depthwise convolution that trains faster on a CPU than oneDNN's, whose gradients of 5x5 kernels on small maps are
slow and which pads by a copy before every stride (benchmarks/training_speed.py)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution, padded to ceil(size / stride) like TensorFlow's "SAME".

    Where gradients are wanted of float32 maps in channels_last on a CPU, compiled kernels serve; everywhere else
    torch's own.
    """

    @classmethod
    def like(cls, conv: nn.Conv2d) -> "DepthwiseConv":
        """The same convolution over the same weight. conv: depthwise, square, padded so (timm's EfficientNet-Lite)."""
        (kernel, _), (stride, _) = conv.kernel_size, conv.stride
        channels = conv.in_channels
        # On no device: initial weights of its own would move the random numbers of every later layer.
        own = cls(channels, channels, kernel, stride, groups=channels, bias=False, device="meta")
        own.weight = conv.weight
        return own

    def forward(self, input: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C oh ow"]:
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = [_same_padding(size, kernel, stride) for size in input.shape[2:]]
        if _trains_on_cpu(input) and (kernel > 3 or stride > 1):
            out = _Convolve.apply(input, self.weight, stride, pads[0][0], pads[1][0])
            return out if self.bias is None else out + self.bias[:, None, None]  # pyright: ignore[reportReturnType]
        if all(before == after for before, after in pads):
            padding = (pads[0][0], pads[1][0])
            return F.conv2d(input, self.weight, self.bias, stride, padding, groups=self.groups)
        return F.conv2d(
            F.pad(input, (*pads[1], *pads[0])), self.weight, self.bias, stride, groups=self.groups
        )


def with_fast_depthwise(module: nn.Module) -> None:
    """Exchange a module's "same"-padded depthwise convolutions for `DepthwiseConv`; its state keeps its names."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d) and child.groups == child.in_channels == child.out_channels > 1:
            setattr(module, name, DepthwiseConv.like(child))
        else:
            with_fast_depthwise(child)


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _trains_on_cpu(maps: Tensor) -> bool:
    return (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and maps.device.type == "cpu"
        and maps.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and maps.is_contiguous(memory_format=torch.channels_last)
    )


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, stride: int, top: int, left: int) -> Tensor:
        from knuckle.layers import depthwise_kernels

        ctx.save_for_backward(maps, weight)
        ctx.place = stride, top, left
        if stride == 1:
            return F.conv2d(maps, weight, None, 1, (top, left), groups=weight.shape[0])
        batch, channels, height, width = maps.shape
        out = torch.empty(
            (batch, channels, -(-height // stride), -(-width // stride)), memory_format=torch.channels_last
        )
        depthwise_kernels.convolve(_array(maps), _taps(weight).numpy(), stride, top, left, _array(out))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        from knuckle.layers import depthwise_kernels

        maps, weight = ctx.saved_tensors
        stride, top, left = ctx.place
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_maps, taps = torch.empty_like(maps), _taps(weight)
        of_taps = torch.zeros_like(taps)
        depthwise_kernels.gradients(
            _array(maps), taps.numpy(), _array(gradient), stride, top, left, _array(of_maps), of_taps.numpy()
        )
        return of_maps, of_taps.permute(2, 0, 1)[:, None], None, None, None


def _array(maps: Tensor) -> Any:
    """(B, h, w, C), without a copy."""
    return maps.detach().permute(0, 2, 3, 1).numpy()


def _taps(weight: Tensor) -> Tensor:
    """(k, k, C)."""
    return weight.detach()[:, 0].permute(1, 2, 0).contiguous()
