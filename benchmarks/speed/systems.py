"""How fast every system and preset runs on this CPU, MediaPipe's landmark network beside, and on a GPU if there is one.

python -m benchmarks.speed.systems [--systems S ...] [--presets P ...] [--threads 1] [--runs 50] [--onnx lite|all|none]
[--json FILE]. Random weights, except that a lite preset whose weights are installed runs from its onnx file.
ms: one crop, rig included, the calls taking turns with MediaPipe's network (224 px, no mesh); "x MP": the ratio to it,
the figure that travels from machine to machine. Batch 32, less where that would take too long (marked). torch: eager
float32, in whichever memory layout is faster. share: of what one large matrix product reaches in the same run.
M: parameters that inference reads. GFLOP: of one crop, a multiply-add counting as two. paper: what its authors state.
"""

import argparse
import copy
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.shared import networks
from benchmarks.shared.arguments import make_parser, one_line_errors
from benchmarks.shared.speed_table import BATCH, Row, show
from benchmarks.shared.timing import medians
from benchmarks.speed import gpu_speed
from knuckle import weights
from knuckle.inference.detection.landmarks import LANDMARK_PX, LandmarkNetwork
from knuckle.inference.onnx_model import OnnxModel
from knuckle.progress import show_progress

LATENCY_S, THROUGHPUT_S = 5.0, 8.0
"""Seconds the rounds of one network may take; a batch is made smaller rather than take longer alone."""

SAME_WITHIN_M = 2e-3
"""Joints of both memory layouts, wrists laid together: random weights enlarge what rounding leaves."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--systems", nargs="+", default=None)
    parser.add_argument("--presets", nargs="+", default=None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50, help="rounds at most; slow networks stop earlier")
    parser.add_argument(
        "--onnx",
        choices=("lite", "all", "none"),
        default="lite",
        help="what to export (a minute or two each)",
    )
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with one_line_errors():
        pairs = networks.chosen(options.systems, options.presets)
    rate = gpu_speed.matmul_rate("cpu")
    rows, on_gpu = [], {}
    with show_progress("networks", len(pairs)) as advance:
        for system, preset in pairs:
            network = networks.build(system, preset)
            rows.append(measure(network, options, rate))
            if torch.cuda.is_available():
                gpu_rate = gpu_speed.matmul_rate("cuda")
                on_gpu[f"{system} {preset}"] = gpu_speed.measure(network, "cuda", rate=gpu_rate, runs=100)
            advance(1)
    show(rows, options.threads, rate)
    if on_gpu:
        gpu_speed.show(on_gpu, "cuda", gpu_speed.matmul_rate("cuda"), gpu_speed.BATCH)
    if options.json:
        content = {
            "threads": options.threads,
            "matmul_flop_s": rate,
            "networks": [asdict(row) for row in rows],
        }
        content["gpu"] = {name: measured._asdict() for name, measured in on_gpu.items()}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


def measure(network: networks.Network, options: argparse.Namespace, rate: float) -> Row:
    """One network: a crop, then a batch."""
    models = {"nchw": network.model, "channels_last": _channels_last(network.model)}
    size = network.model.config.patch_size
    onnx, onnx_is = _onnx(network, options)
    calls = {name: _torch_call(model, name, size, 1) for name, model in models.items()}
    safe = _agree(calls["nchw"](), calls["channels_last"]())
    if onnx is not None:
        calls["onnx"] = _onnx_call(onnx, size, 1)
    calls["peer"] = _peer_call(options.threads)
    times = medians(list(calls.values()), runs=options.runs, budget_s=LATENCY_S)
    latency = dict(zip(calls, times, strict=True))
    layout = "channels_last" if safe and latency["channels_last"] < latency["nchw"] else "nchw"
    batch = min(BATCH, 2 ** max(0, int(np.log2(THROUGHPUT_S / latency[layout]))))
    many = [_torch_call(models[layout], layout, size, batch)]
    if onnx is not None:
        many.append(_onnx_call(onnx, size, batch))
    rates = [batch / t for t in medians(many, runs=max(2, options.runs // 10), budget_s=THROUGHPUT_S)]
    return Row(
        system=network.system,
        preset=network.preset,
        parameters=network.parameters,
        flops=network.flops,
        torch_ms=1000 * latency[layout],
        layout=layout,
        torch_crops_s=rates[0],
        batch=batch,
        onnx_ms=1000 * latency["onnx"] if onnx is not None else None,
        onnx_crops_s=rates[1] if onnx is not None else None,
        onnx_is=onnx_is,
        mediapipe_ms=1000 * latency["peer"],
        matmul_share=max(rates) * network.flops / rate,
        paper=networks.PAPER_SPEED.get((network.system, network.preset)),
    )


def _channels_last(model: Any) -> Any:
    # Inference only: on some stems the backward of this layout is wrong on CPUs (knuckle.layers.backbones).
    return copy.deepcopy(model).to(memory_format=torch.channels_last)


def _torch_call(model: Any, layout: str, size: int, batch: int) -> gpu_speed.Call:
    patch, crop, camera = networks.make_inputs(size, batch)
    if layout == "channels_last":
        patch = patch.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def call() -> Any:
        return model.infer(patch, crop, camera)

    return call


def _agree(one: Any, other: Any) -> bool:
    first, second = (answer.joints_m - answer.joints_m[:, :1] for answer in (one, other))
    return bool((first - second).abs().max() < SAME_WITHIN_M)


def _onnx(network: networks.Network, options: argparse.Namespace) -> tuple[OnnxModel | None, str]:
    """The network under onnxruntime, and where it comes from: installed weights, an export, or why there is none."""
    for name in weights.available():
        path, record = weights.resolve(name)
        if (record.system, record.preset) == (network.system, network.preset):
            return OnnxModel(path, threads=options.threads), name
    if options.onnx == "none" or (options.onnx == "lite" and network.preset != "lite"):
        return None, "not exported"
    from knuckle.export.onnx import export_onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        try:
            export_onnx(network.model, path)
            return OnnxModel(path, threads=options.threads), "exported"
        except Exception as error:  # whatever the exporter meets: the torch figures are still wanted
            return None, f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"


def _onnx_call(network: OnnxModel, size: int, batch: int) -> gpu_speed.Call:
    arrays = [tensor.numpy() for tensor in networks.make_inputs(size, batch)]
    return lambda: network(*arrays)


def _peer_call(threads: int) -> gpu_speed.Call:
    network = LandmarkNetwork(threads=threads)
    picture = np.random.default_rng(1).integers(0, 256, (LANDMARK_PX, LANDMARK_PX, 3), dtype=np.uint8)
    return lambda: network(picture)


if __name__ == "__main__":
    main()
