"""What lets one text serve numpy and torch."""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A numpy.ndarray or a torch.Tensor; what comes out is what went in."""


def array_module(array: Array) -> Any:
    """numpy for numpy input, torch for tensors (torch is only imported where somebody already uses it)."""
    if isinstance(array, np.ndarray | np.generic):
        return np
    import torch

    return torch
