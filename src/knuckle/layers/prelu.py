"""PReLU that trains faster on a CPU than torch's, whose backward pass writes the slope's gradient for every number."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class PReLU(nn.PReLU):
    """One slope a channel. Where gradients are wanted of float32 maps in channels_last on a CPU, a compiled kernel
    gives them; everywhere else torch's own."""

    def forward(self, input: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        compiled = (
            torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
            and input.device.type == "cpu"
            and input.dtype == torch.float32
            and input.is_contiguous(memory_format=torch.channels_last)
        )
        if compiled:
            return _Bend.apply(input, self.weight)  # pyright: ignore[reportReturnType]
        return F.prelu(input, self.weight.to(input.dtype))


class _Bend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, slopes: Tensor) -> Tensor:
        ctx.save_for_backward(maps, slopes)
        return F.prelu(maps, slopes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        from knuckle.layers import prelu_kernels

        maps, slopes = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_maps, of_slopes = torch.empty_like(maps), torch.zeros(len(slopes), dtype=torch.float64)
        rows = [_rows(tensor) for tensor in (maps, gradient, of_maps)]
        prelu_kernels.gradients(rows[0], slopes.detach().numpy(), rows[1], rows[2], of_slopes.numpy())
        return of_maps, of_slopes.float()


def _rows(maps: Tensor) -> Any:
    """(B h w, C), without a copy."""
    return maps.detach().permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).numpy()
