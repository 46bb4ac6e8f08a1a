"""Batch norm and its activation as one layer, faster to train on a CPU (`benchmarks/speed/training_speed.py`)."""

import math
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.layers.depthwise import DepthwiseConv

Act = Literal["none", "relu", "relu6"]
_BOUNDS: dict[str, tuple[float, float]] = {
    "none": (-math.inf, math.inf),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
}
_MOST_THREADS = 2
"""The compiled kernels run on one; with more of them torch's own are faster."""


class BatchNormAct(nn.BatchNorm2d):
    """A batch norm with the activation that follows it; its state is the batch norm's.

    In training on maps in channels_last on a CPU compiled kernels read and write the maps half as often as torch's own,
    which serve everywhere else. Under bf16 autocast their answer is in bf16, as the convolutions behind take it, or,
    with `wide`, in float32, as `DepthwiseConv` takes it.

    Args:
        channels: of the maps.
        act: what follows.
        wide: whether a depthwise convolution follows that.
        eps: added to the variance.
        momentum: share of a batch in the running statistics.
        device: where the weights are made.
    """

    def __init__(
        self,
        channels: int,
        act: Act = "none",
        *,
        wide: bool = False,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        device: str | None = None,
    ) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, device=device)
        self.act: Act = act
        self.wide = wide

    @classmethod
    def like(cls, norm: nn.BatchNorm2d, act: Act) -> "BatchNormAct":
        """The same batch norm over the same weights and statistics."""
        own = cls(norm.num_features, act, eps=norm.eps, momentum=norm.momentum, device="meta")
        own.weight, own.bias = norm.weight, norm.bias
        own.running_mean, own.running_var = norm.running_mean, norm.running_var
        own.num_batches_tracked = norm.num_batches_tracked
        return own

    def forward(self, input: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        if self.training and self.momentum is not None and _is_fast(input):
            dtype = input.dtype
            if torch.is_autocast_enabled("cpu"):
                dtype = torch.float32 if self.wide else torch.get_autocast_dtype("cpu")
            answer, mean, variance = _Normalise.apply(
                input, self.weight, self.bias, self.eps, _BOUNDS[self.act], dtype
            )
            self._track(mean, variance, input.numel() // input.shape[1])
            return answer
        answer = super().forward(input)
        if self.act == "none":
            return answer
        return F.relu_(answer) if self.act == "relu" else F.relu6(answer, inplace=True)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)


def with_fast_batch_norms(module: nn.Module) -> None:
    """Exchange timm's batch norms that have their activation inside for `BatchNormAct`; the state keeps its names.

    `DepthwiseConv` must be in its places already: a batch norm before one is `wide`.
    """
    _exchange(module)
    layers = [m for m in module.modules() if not any(m.children()) and not isinstance(m, nn.Identity)]
    for norm, follower in pairwise(layers):
        if isinstance(norm, BatchNormAct):
            norm.wide = isinstance(follower, DepthwiseConv)


class SyncBatchNormAct(nn.SyncBatchNorm):
    """`BatchNormAct` whose statistics are of the maps of all processes; its state is the same."""

    def __init__(self, channels: int, act: Act, *, eps: float, momentum: float | None) -> None:
        super().__init__(channels, eps=eps, momentum=momentum, device="meta")
        self.act: Act = act

    def forward(self, input: Float[Tensor, "B C *h"]) -> Float[Tensor, "B C *h"]:
        answer = super().forward(input)
        if self.act == "none":
            return answer
        return F.relu(answer) if self.act == "relu" else F.relu6(answer)


def synchronise_batch_norms(module: nn.Module) -> None:
    """Exchange all batch norms for ones whose statistics are of all processes' maps; weights and state stay."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            act: Act = child.act if isinstance(child, BatchNormAct) else "none"
            own = SyncBatchNormAct(child.num_features, act, eps=child.eps, momentum=child.momentum)
            own.weight, own.bias = child.weight, child.bias
            own.running_mean, own.running_var = child.running_mean, child.running_var
            own.num_batches_tracked = child.num_batches_tracked
            setattr(module, name, own.train(child.training))
        else:
            synchronise_batch_norms(child)


def _exchange(module: nn.Module) -> None:
    acts: dict[str, Act] = {"Identity": "none", "ReLU": "relu", "ReLU6": "relu6"}
    for name, child in list(module.named_children()):
        act = acts.get(type(getattr(child, "act", None)).__name__)
        if isinstance(child, nn.BatchNorm2d) and act is not None:
            setattr(module, name, BatchNormAct.like(child, act))
        else:
            _exchange(child)


def _is_fast(maps: Tensor) -> bool:
    return (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and maps.device.type == "cpu"
        and maps.dtype in (torch.float32, torch.bfloat16)
        and maps.is_contiguous(memory_format=torch.channels_last)
        and torch.get_num_threads() <= _MOST_THREADS
    )


class _Normalise(torch.autograd.Function):
    """The answer with the batch's mean and variance (over n)."""

    @staticmethod
    def forward(
        ctx: Any,
        maps: Tensor,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        bounds: tuple[float, float],
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        from knuckle.layers import batch_norm_kernels

        mean, variance = torch.empty_like(weight), torch.empty_like(weight)
        batch_norm_kernels.moments(_rows(maps), mean.numpy(), variance.numpy())
        inverse_std = (variance + eps).rsqrt()
        scale = weight * inverse_std
        offset = bias - mean * scale
        low, high = (np.float32(bound) for bound in bounds)
        out = torch.empty_like(maps, dtype=dtype)
        batch_norm_kernels.normalise(_rows(maps), scale.numpy(), offset.numpy(), low, high, _rows(out))
        ctx.save_for_backward(maps, mean, inverse_std, scale, offset)
        ctx.bounds = low, high
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        from knuckle.layers import batch_norm_kernels

        maps, mean, inverse_std, scale, offset = ctx.saved_tensors
        rows, given = _rows(maps), _rows(gradients[0].contiguous(memory_format=torch.channels_last))
        low, high = ctx.bounds
        fixed = scale.numpy(), offset.numpy(), mean.numpy(), low, high
        total, product = torch.empty_like(mean), torch.empty_like(mean)
        batch_norm_kernels.sums(rows, given, *fixed, total.numpy(), product.numpy())
        slope = -scale * inverse_std.square() * product / len(rows)
        shift = -scale * total / len(rows)
        of_maps = torch.empty_like(maps)
        batch_norm_kernels.gradients(rows, given, *fixed, slope.numpy(), shift.numpy(), _rows(of_maps))
        return of_maps, product * inverse_std, total, None, None, None


def _rows(maps: Tensor) -> Any:
    """(B h w, C), without a copy; the bits of bfloat16, which numpy does not know."""
    rows = maps.detach().permute(0, 2, 3, 1).flatten(0, 2)
    return (rows.view(torch.uint16) if rows.dtype == torch.bfloat16 else rows).numpy()
