"""How fast the systems run on a GPU: latency of one crop, throughput of a batch, and its share of what matrix products
reach on the same device in the same run.

python -m benchmarks.speed.gpu_speed [--systems S ...] [--presets P ...] [--runs 100] [--batch 64] [--device cuda].
Random weights. eager: float32 as PyTorch runs it; bf16: under autocast; compiled bf16: torch.compile with CUDA graphs
("reduce-overhead"); graph bf16: the eager bf16 calls captured as one CUDA graph. A mode a network does not survive is
"-" and named below. `--device cpu` runs the modes that need no GPU, to try the script.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from benchmarks.shared import networks
from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.tables import plain_table

MODES = ("eager", "bf16", "compiled bf16", "graph bf16")
NEEDS_CUDA = ("compiled bf16", "graph bf16")
BATCH = 64

Call = Callable[[], Any]


class Measured(NamedTuple):
    """Of one network: milliseconds of one crop and crops a second of a batch in each mode (None where it failed), the
    best batch's share of the matrix rate, and why modes failed."""

    latency_ms: dict[str, float | None]
    throughput: dict[str, float | None]
    matmul_share: float | None
    failures: dict[str, str]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--systems", nargs="+", default=None)
    parser.add_argument("--presets", nargs="+", default=None)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("skipped: no CUDA device")
    with one_line_errors():
        pairs = networks.chosen(options.systems, options.presets)
    rate = matmul_rate(options.device)
    rows = {}
    for system, preset in pairs:
        network = networks.build(system, preset)
        rows[f"{system} {preset}"] = measure(
            network, options.device, rate=rate, runs=options.runs, batch=options.batch
        )
    show(rows, options.device, rate, options.batch)


def measure(
    network: networks.Network, device: str, *, rate: float, runs: int, batch: int = BATCH
) -> Measured:
    """All modes the device has. rate: FLOP/s that `matmul_rate` found."""
    size, model = network.model.config.patch_size, network.model.to(device)
    one, many = (networks.make_inputs(size, count, device) for count in (1, batch))
    result = Measured({}, {}, None, {})
    for mode in MODES if device == "cuda" else [mode for mode in MODES if mode not in NEEDS_CUDA]:
        try:
            result.latency_ms[mode] = 1000 * seconds(prepare(model, one, mode), device, runs=runs)
            rounds = max(2, runs // 10)
            result.throughput[mode] = batch / sustained(prepare(model, many, mode), device, runs=rounds)
        except Exception as error:  # a mode that a network does not survive must not hide the others
            result.latency_ms.setdefault(mode, None)
            result.throughput[mode] = None
            result.failures[mode] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        torch.compiler.reset()
    network.model.to("cpu")
    best = max((value for value in result.throughput.values() if value is not None), default=None)
    return result._replace(matmul_share=None if best is None else best * network.flops / rate)


def prepare(model: Any, inputs: tuple[Tensor, Tensor, Tensor], mode: str) -> Call:
    """The call to be timed, warmed up: compiled or captured already."""
    device = inputs[0].device.type

    @torch.inference_mode()
    def plain() -> Any:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=mode != "eager", cache_enabled=False):
            return model.infer(*inputs)

    call: Call = plain
    if mode == "compiled bf16":
        call = torch.compile(plain, mode="reduce-overhead")
    elif mode == "graph bf16":
        call = _captured(plain)
    for _ in range(3):
        call()
    return call


def _captured(call: Call) -> Call:
    """The kernels of a call as one CUDA graph, which is then launched as a whole."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = call()

    def replay() -> Any:
        graph.replay()
        return kept

    return replay


def seconds(call: Call, device: str, *, runs: int) -> float:
    """Median time from the call to its finished answer."""
    times = []
    for _ in range(runs):
        _finish(device)
        start = time.perf_counter()
        call()
        _finish(device)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def sustained(call: Call, device: str, *, runs: int) -> float:
    """Mean time of calls that follow one another without waiting for the answers."""
    _finish(device)
    start = time.perf_counter()
    for _ in range(runs):
        call()
    _finish(device)
    return (time.perf_counter() - start) / runs


def matmul_rate(device: str, dtype: torch.dtype | None = None, *, size: int | None = None) -> float:
    """FLOP/s of one large matrix product, a multiply-add counting as two: the best of a few runs.

    bfloat16 on a GPU, float32 on a CPU unless said otherwise.
    """
    on_gpu = device == "cuda"
    dtype = dtype or (torch.bfloat16 if on_gpu else torch.float32)
    size = size or (8192 if on_gpu else 1024)
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(sustained(lambda: left @ right, device, runs=10) for _ in range(4))
    return 2 * size**3 / best


def show(rows: dict[str, Measured], device: str, rate: float, batch: int) -> None:
    """One table, and what failed below it."""
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    console = Console(width=200, highlight=False)
    console.print(f"{name}: a large matrix product runs at {rate / 1e12:.2f} TFLOP/s")
    modes = [mode for mode in MODES if any(mode in row.latency_ms for row in rows.values())]
    latencies = (f"{mode} ms" for mode in modes)
    table = plain_table(("network", *latencies, *(f"{mode} crops/s ({batch})" for mode in modes), "share"))
    for label, row in rows.items():
        latency = [_number(row.latency_ms.get(mode), 2) for mode in modes]
        throughput = [_number(row.throughput.get(mode), 0) for mode in modes]
        share = "-" if row.matmul_share is None else f"{100 * row.matmul_share:.1f} %"
        table.add_row(label, *latency, *throughput, share)
    console.print(table)
    for label, row in rows.items():
        for mode, reason in row.failures.items():
            console.print(f"{label}, {mode}: {reason}", soft_wrap=True, markup=False)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _finish(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
