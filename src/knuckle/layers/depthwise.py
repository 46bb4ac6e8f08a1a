"""Depthwise convolution that trains faster on a CPU than oneDNN's, whose gradients of 5x5 kernels on small maps are
slow, which pads by a copy before every stride, and whose bf16 gradients take several times as long as those in float32
(benchmarks/speed/training_speed.py)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.float32 import in_float32


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution, by default padded to ceil(size / stride) like TensorFlow's "SAME".

    Where gradients are wanted of maps in channels_last on a CPU, compiled kernels serve; everywhere else torch's own.
    On a CPU it is computed in float32 under autocast too; its answer is float32 then.

    Args:
        channels: in and out.
        kernel: side of the square kernel.
        stride: along both axes.
        zeros: how many go round the maps; None for "SAME", whose odd zero stands after the maps.
        bias: whether a number is added to each channel.
        device: where the weights are made.
    """

    def __init__(
        self,
        channels: int,
        kernel: int,
        stride: int = 1,
        *,
        zeros: int | None = None,
        bias: bool = False,
        device: str | None = None,
    ) -> None:
        super().__init__(channels, channels, kernel, stride, groups=channels, bias=bias, device=device)
        self.zeros = zeros

    @classmethod
    def like(cls, conv: nn.Conv2d) -> "DepthwiseConv":
        """The same convolution over the same weights; conv is depthwise, square and padded "SAME"."""
        (kernel, _), (stride, _) = conv.kernel_size, conv.stride
        # On no device: initial weights of its own would move the random numbers of every later layer.
        own = cls(conv.in_channels, kernel, stride, bias=conv.bias is not None, device="meta")
        own.weight, own.bias = conv.weight, conv.bias
        return own

    def forward(self, input: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C oh ow"]:
        if input.device.type == "cpu":
            return self._in_float32(input)
        return self._by_torch(input)

    @in_float32
    def _in_float32(self, maps: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        # oneDNN is as fast where the kernel is small and nothing is skipped.
        if _trains_on_cpu(maps) and (kernel > 3 or stride > 1):
            pads = self._pads(maps)
            return _Convolve.apply(maps, self.weight, self.bias, stride, *pads)  # pyright: ignore[reportReturnType]
        return self._by_torch(maps)

    def _by_torch(self, maps: Tensor) -> Tensor:
        stride, pads = self.stride[0], self._pads(maps)
        if all(before == after for before, after in pads):
            padding = (pads[0][0], pads[1][0])
            return F.conv2d(maps, self.weight, self.bias, stride, padding, groups=self.groups)
        return F.conv2d(F.pad(maps, (*pads[1], *pads[0])), self.weight, self.bias, stride, groups=self.groups)

    def _pads(self, maps: Tensor) -> list[tuple[int, int]]:
        """Zeros before and after, along each axis."""
        if self.zeros is not None:
            return [(self.zeros, self.zeros)] * 2
        return [_same_padding(size, self.kernel_size[0], self.stride[0]) for size in maps.shape[2:]]


def with_fast_depthwise(module: nn.Module) -> None:
    """Exchange a module's "same"-padded depthwise convolutions for `DepthwiseConv`; its state keeps its names."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d) and child.groups == child.in_channels == child.out_channels > 1:
            setattr(module, name, DepthwiseConv.like(child))
        else:
            with_fast_depthwise(child)


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _trains_on_cpu(maps: Tensor) -> bool:
    return (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and maps.device.type == "cpu"
        and maps.dtype == torch.float32
        and maps.is_contiguous(memory_format=torch.channels_last)
    )


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: int,
        rows: tuple[int, int],
        columns: tuple[int, int],
    ) -> Tensor:
        from knuckle.layers import depthwise_kernels

        ctx.save_for_backward(maps, weight)
        top, left = rows[0], columns[0]
        ctx.place = stride, top, left
        batch, channels, kernel = *maps.shape[:2], weight.shape[-1]
        if stride == 1 and rows[0] == rows[1] and columns[0] == columns[1]:
            return F.conv2d(maps, weight, bias, 1, (top, left), groups=channels)
        padded = (length + sum(pads) for length, pads in zip(maps.shape[2:], (rows, columns), strict=True))
        size = [(length - kernel) // stride + 1 for length in padded]
        out = torch.empty((batch, channels, *size), memory_format=torch.channels_last)
        start = torch.zeros(channels) if bias is None else bias.detach()
        depthwise_kernels.convolve(
            _array(maps), _taps(weight).numpy(), start.numpy(), stride, top, left, _array(out)
        )
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
        of_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return of_maps, of_taps.permute(2, 0, 1)[:, None], of_bias, None, None, None


def _array(maps: Tensor) -> Any:
    """(B, h, w, C), without a copy."""
    return maps.detach().permute(0, 2, 3, 1).numpy()


def _taps(weight: Tensor) -> Tensor:
    """(k, k, C)."""
    return weight.detach()[:, 0].permute(1, 2, 0).contiguous()
