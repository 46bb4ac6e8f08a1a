"""In which precision a run's convolutions and matrix products are computed; geometry is in float32 in any."""

import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from knuckle.layers.batch_norm import BatchNormAct
from knuckle.layers.depthwise import DepthwiseConv

Wanted = Literal["no", "bf16", "auto"]

_WORTH_IT = 0.9
"""bf16 is taken where it needs at most this share of float32's time: fewer digits must buy something."""


class Precision(NamedTuple):
    """autocast: accelerate's name, "no" for float32; reason: one line for the log."""

    autocast: Literal["no", "bf16"]
    reason: str


def choose_precision(wanted: Wanted, device: torch.device) -> Precision:
    """What a recipe asks for; for "auto" bf16 on a GPU that has it and on a processor that is faster in it.

    A processor is timed, for about half a second: of those with bf16 instructions some take half the time of float32
    for a pointwise convolution and some twice, and those without emulate them.
    """
    if wanted != "auto":
        return Precision(wanted, "as the recipe says")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bf16", "a GPU with bf16")
        return Precision("no", "a GPU without bf16: float32")
    share = bf16_share_of_time()
    if share <= _WORTH_IT:
        return Precision("bf16", f"this processor takes {share:.2f} of float32's time in bf16")
    return Precision("no", f"this processor takes {share:.2f} of float32's time in bf16: float32")


def bf16_share_of_time(*, rounds: int = 5) -> float:
    """CPU time of a training step of an inverted residual block under bf16 autocast over that in float32.

    The fastest of `rounds` each, taking turns: other work on the machine only ever slows one.
    """
    # The run's own random numbers must not depend on whether this was asked.
    with torch.random.fork_rng(devices=[]):
        block, maps = _block(), torch.randn(16, 40, 16, 16)
    maps = maps.contiguous(memory_format=torch.channels_last).requires_grad_()

    def step(*, bf16: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            answer: Tensor = block(maps)
        answer.float().sum().backward()

    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds + 1):
        for bf16, taken in times.items():
            taken.append(_seconds(lambda bf16=bf16: step(bf16=bf16)))
    # The first ones compile and allocate.
    return min(times[True][1:]) / min(times[False][1:])


def _block() -> nn.Module:
    """One of EfficientNet-Lite0's, at stride 16."""
    layers = (
        nn.Conv2d(40, 240, 1, bias=False),
        BatchNormAct(240, "relu6", wide=True),
        DepthwiseConv(240, 5),
        BatchNormAct(240, "relu6"),
        nn.Conv2d(240, 40, 1, bias=False),
        BatchNormAct(40),
    )
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _seconds(run: Callable[[], None]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start
