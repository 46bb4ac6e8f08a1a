"""Geometry in float32, whatever precision a network runs in: bf16 has 8 bits, which is 4 px across an HD frame."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def in_float32(function: Callable[P, R]) -> Callable[P, R]:
    """The same function or method with autocast off on every device, its half-precision tensors widened first.

    Tensors are looked for in tuples, named ones too, lists and dicts; float32 and float64 ones stay what they are.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # Entered only where it changes something: an exported or compiled graph keeps no trace of it.
        narrow = [device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)]
        if not narrow:
            return function(*args, **kwargs)
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            return function(*_widened(args), **_widened(kwargs))  # pyright: ignore[reportCallIssue]

    return run


def _widened(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
    if isinstance(value, tuple):
        parts = [_widened(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [_widened(part) for part in value]
    if isinstance(value, dict):
        return {name: _widened(part) for name, part in value.items()}
    return value
