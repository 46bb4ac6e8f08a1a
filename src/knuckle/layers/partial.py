"""Means over the labels that are there."""

from jaxtyping import Bool, Float
from torch import Tensor


def share(counts: Bool[Tensor, "*b"], whole: Bool[Tensor, "*b"], *, like: Tensor) -> Float[Tensor, "*b"]:
    """Factors that turn a mean over `whole` into the mean over `counts`, a part of it.

    All ones where both are the same, all zeros where nothing counts. like: gives the dtype.
    """
    factor = whole.sum().to(like.dtype) / counts.sum().clamp(min=1)
    return counts.to(like.dtype) * factor
