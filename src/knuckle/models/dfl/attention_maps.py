"""Where each joint looked: the joints-image relations as pictures (Figure 6)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from knuckle.models.dfl.relations import Gathered


def attention_maps(every: list[Gathered], cells: int) -> Float[Tensor, "B T 2 42 m m"]:
    """Every iteration's softmax over the image of the appearance's, then of the position's own logits, mean over
    heads, enlarged (nearest) to `cells`. A stream without logits of its own shows the map that guided it."""
    iterations = []
    for gathered in every:
        own = {stream: logits.softmax(-1) for stream, logits in gathered.logits.items()}
        maps = [own.get(stream, gathered.attention).mean(1) for stream in ("a", "p")]
        iterations.append(_enlarged(torch.stack(maps, dim=1), cells))
    return torch.stack(iterations, dim=1)


def _enlarged(maps: Float[Tensor, "B 2 42 n"], cells: int) -> Float[Tensor, "B 2 42 m m"]:
    side = math.isqrt(maps.shape[-1])
    planes = maps.unflatten(-1, (side, side)).flatten(1, 2)
    return F.interpolate(planes, size=(cells, cells), mode="nearest").unflatten(1, (2, -1))
