"""Samples a second of a lite system's training step on one thread: in float32 and under bf16 autocast, with compiled
depthwise convolutions and batch norms and with torch's own, and without the launcher's allocator settings. "auto" is
what a recipe with precision = "auto" takes here. Steps of all kinds take turns; the fastest of each counts, as other
work on the machine only ever slows one.
Run: python -m benchmarks.speed.training_speed [--systems dahyf dfl] [--sizes 128 160] [--rounds 6]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest import mock

from benchmarks.shared.arguments import make_parser
from knuckle.models import SYSTEMS
from knuckle.training.launch import ALLOCATOR

BATCH = 64


class Kind(NamedTuple):
    """A way to take a step; depthwise, norms: whether compiled kernels compute them."""

    name: str
    bf16: bool
    depthwise: bool
    norms: bool


KINDS = (
    Kind("float32, torch's layers", False, False, False),
    Kind("float32, compiled depthwise convolutions", False, True, False),
    Kind("float32, and compiled batch norms", False, True, True),
    Kind("bf16, torch's layers (autocast alone)", True, False, False),
    Kind("bf16, compiled depthwise convolutions in float32", True, True, False),
    Kind("bf16, and compiled batch norms", True, True, True),
)
AS_IT_IS = {"no": KINDS[2], "bf16": KINDS[5]}
"""What a run takes, by the precision that it chooses."""


def measure(system: str, size: int, rounds: int) -> dict[str, Any]:
    """Samples/s by the kind's name, and what "auto" says here."""
    import torch

    from knuckle.training.precision import choose_precision

    torch.set_num_threads(1)
    step = _training_step(system, size)
    fastest = dict.fromkeys(KINDS, float("inf"))
    for number in range(rounds + 1):
        for kind in KINDS:
            with _only(kind):
                start = time.process_time()
                step(kind.bf16)
                # The first round compiles and allocates.
                if number:
                    fastest[kind] = min(fastest[kind], time.process_time() - start)
    auto = choose_precision("auto", torch.device("cpu"))
    return {
        "speeds": {kind.name: BATCH / seconds for kind, seconds in fastest.items()},
        "auto": AS_IT_IS[auto.autocast].name,
        "reason": auto.reason,
    }


def _training_step(system: str, size: int) -> Callable[[bool], None]:
    """A step of a fresh model on random crops; its argument: whether under bf16 autocast."""
    import torch

    from knuckle.models import create_loss, create_model
    from knuckle.models.contract import Targets, TwoHandTargets

    torch.manual_seed(0)
    model = create_model(system, patch_size=size).train()
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    loss = create_loss(system, model.config)
    optimiser = torch.optim.AdamW([*model.parameters(), *loss.parameters()], lr=1e-4, fused=True)
    patch = torch.rand(BATCH, 3, size, size) * 2 - 1
    patch = patch.contiguous(memory_format=torch.channels_last)
    crop = torch.tensor([[100.0, 100, 80]]).repeat(BATCH, 1)
    camera = torch.tensor([[500.0, 500, 128, 128]]).repeat(BATCH, 1)
    lead = (BATCH,) if model.hands == 1 else (BATCH, 2)
    labels = (
        torch.rand(*lead, 21, 2) * size,
        torch.rand(*lead, 21, 2) * 80 + 60,
        torch.rand(*lead, 21, 3) * 0.1 + 0.4,
        torch.randn(*lead, 16, 3) * 0.2,
        torch.randn(*lead, 10),
        torch.ones(*lead, dtype=torch.bool),
    )
    mask = torch.randint(0, 33, (BATCH, size // 2, size // 2), dtype=torch.uint8)
    targets = Targets(*labels) if model.hands == 1 else TwoHandTargets(*labels, part_mask=mask)

    def step(bf16: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            total, _ = loss(model(patch, crop, camera), targets, crop, camera, negatives=True)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()

    return step


@contextmanager
def _only(kind: Kind) -> Iterator[None]:
    """Torch's own layers where a kind does not want compiled ones."""
    from knuckle.layers import batch_norm
    from knuckle.layers.depthwise import DepthwiseConv

    forward = DepthwiseConv.forward if kind.depthwise else DepthwiseConv._by_torch
    is_fast = batch_norm._is_fast if kind.norms else lambda _: False
    with (
        mock.patch.object(DepthwiseConv, "forward", forward),
        mock.patch.object(batch_norm, "_is_fast", is_fast),
    ):
        yield


def in_fresh_process(system: str, size: int, rounds: int, settings: dict[str, str]) -> dict[str, Any]:
    """`measure` under the settings of the allocator, which a process reads as it starts."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **settings}
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed.training_speed",
        "--measure",
        system,
        str(size),
        str(rounds),
    ]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=["dahyf"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[128, 160])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        system, size, rounds = options.measure
        print(json.dumps(measure(system, int(size), int(rounds))))
        return
    for system in options.systems:
        for size in options.sizes:
            found = in_fresh_process(system, size, options.rounds, ALLOCATOR)
            auto = found["auto"]
            print(f"{system}, {size} px, one thread; auto: {auto} ({found['reason']})", flush=True)
            for name, speed in found["speeds"].items():
                print(f"  {speed:6.1f} samples/s  {found['speeds'][auto] / speed:5.2f}  {name}", flush=True)
            plain = in_fresh_process(system, size, options.rounds, {})["speeds"][auto]
            ratio = found["speeds"][auto] / plain
            print(f"  {plain:6.1f} samples/s  {ratio:5.2f}  auto without the launcher's allocator settings")


if __name__ == "__main__":
    main()
