"""Joint coordinates by classification along each axis (SimCC; DaHyF's sub-pixel joint classification, 3.3)."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.geometry.float32 import in_float32

Decode = Literal["soft", "local"]


class SimccHead(nn.Module):
    """One shared Linear(h*w -> size*split) per axis over every joint's flattened map.

    The weights start as the marginal of the map along the other axis, interpolated to the bins, so that a peak in
    a joint's map is read as its coordinate from the first step; training is free to leave that.
    """

    def __init__(self, map_size: int, patch_size: int, *, split: int = 3) -> None:
        super().__init__()
        bins = patch_size * split
        self.x = nn.Linear(map_size * map_size, bins)
        self.y = nn.Linear(map_size * map_size, bins)
        marginal = _marginal_weights(map_size, bins)
        with torch.no_grad():
            self.x.weight.copy_(marginal.repeat(1, map_size))
            self.y.weight.copy_(marginal.repeat_interleave(map_size, dim=1))
            self.x.bias.zero_()
            self.y.bias.zero_()

    def forward(
        self, maps: Float[Tensor, "B J h w"]
    ) -> tuple[Float[Tensor, "B J bins"], Float[Tensor, "B J bins"]]:
        flat = maps.flatten(2)
        return self.x(flat), self.y(flat)


def _marginal_weights(cells: int, bins: int) -> Float[Tensor, "bins cells"]:
    """Row b: a Gaussian over the cells round bin b, one cell wide, scaled to an average over the other axis."""
    cell_of_bin = (torch.arange(bins) + 0.5) * cells / bins - 0.5
    distance = cell_of_bin[:, None] - torch.arange(cells)
    weights = torch.exp(-0.5 * (distance / 0.7) ** 2)
    return weights / weights.sum(1, keepdim=True) / math.sqrt(cells)


def bin_centres_px(bins: int, split: int, like: Tensor) -> Float[Tensor, "bins"]:
    """Patch px (pixel centres at integers) of each bin's centre: bin b covers [b, b+1) / split - 1/2."""
    return (torch.arange(bins, dtype=like.dtype, device=like.device) + 0.5) / split - 0.5


@in_float32
def decode_axis(logits: Float[Tensor, "*batch bins"], split: int, *, decode: Decode = "soft") -> Tensor:
    """Expected coordinate in patch px.

    decode "soft" averages over all bins (DaHyF 3.3); "local" over 4 px to each side of the mode, which ignores
    far second guesses.
    """
    if decode == "local":
        mode = logits.argmax(-1, keepdim=True)
        position = torch.arange(logits.shape[-1], device=logits.device)
        logits = logits.masked_fill((position - mode).abs() > 4 * split, -1e4)
    return (logits.softmax(-1) * bin_centres_px(logits.shape[-1], split, logits)).sum(-1)


def smoothed_labels(
    coordinates_px: Float[Tensor, "*batch"], bins: int, *, split: int, sigma: float
) -> Tensor:
    """Gaussian label over the bins, `sigma` bins wide, normalised to a distribution."""
    distance = (bin_centres_px(bins, split, coordinates_px) - coordinates_px[..., None]) * split
    return torch.softmax(-0.5 * (distance / sigma) ** 2, dim=-1)


@in_float32
def classification_loss(
    logits: Float[Tensor, "B J bins"], coordinates_px: Float[Tensor, "B J"], *, split: int, sigma: float
) -> Float[Tensor, "B J"]:
    """KL divergence from the smoothed label to the prediction, in nats."""
    target = smoothed_labels(coordinates_px, logits.shape[-1], split=split, sigma=sigma)
    entropy = torch.xlogy(target, target).sum(-1)
    return entropy - (target * logits.log_softmax(-1)).sum(-1)
