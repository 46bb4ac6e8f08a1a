"""The figures of `benchmarks/speed/systems.py` for each network, as one table."""

from dataclasses import dataclass

import numpy as np
from rich.console import Console

from benchmarks.shared.tables import plain_table

BATCH = 32
"""Of the throughputs, where a smaller one is not marked."""


@dataclass(frozen=True)
class Row:
    """One network's figures; None where it was not run. batch: that of the throughputs."""

    system: str
    preset: str
    parameters: int
    flops: int
    torch_ms: float
    layout: str
    torch_crops_s: float
    batch: int
    onnx_ms: float | None
    onnx_crops_s: float | None
    onnx_is: str
    mediapipe_ms: float
    matmul_share: float
    paper: str | None


def show(rows: list[Row], threads: int, rate: float) -> None:
    """The table, and what it does not say of itself below."""
    console = Console(width=200, highlight=False)
    noun = "thread" if threads == 1 else "threads"
    console.print(f"CPU, {threads} {noun}: a large matrix product runs at {rate / 1e9:.0f} GFLOP/s")
    headings = (
        "network",
        "M",
        "GFLOP",
        "torch ms",
        "x MP",
        "crops/s",
        "layout",
        "onnx ms",
        "x MP",
        "crops/s",
        "share",
        "paper",
    )
    table = plain_table(headings, left=("layout", "paper"))
    for row in rows:
        mark = "" if row.batch == BATCH else f" ({row.batch})"
        table.add_row(
            f"{row.system} {row.preset}",
            f"{row.parameters / 1e6:.1f}",
            f"{row.flops / 1e9:.2f}",
            f"{row.torch_ms:.1f}",
            _ratio(row.torch_ms, row.mediapipe_ms),
            f"{row.torch_crops_s:.1f}{mark}",
            row.layout,
            "-" if row.onnx_ms is None else f"{row.onnx_ms:.1f}",
            _ratio(row.onnx_ms, row.mediapipe_ms),
            "-" if row.onnx_crops_s is None else f"{row.onnx_crops_s:.1f}{mark}",
            f"{100 * row.matmul_share:.0f} %",
            row.paper or "-",
        )
    console.print(table)
    peer = float(np.median([row.mediapipe_ms for row in rows]))
    console.print(f"MP: MediaPipe's landmark network, {peer:.1f} ms; (n): at batch n instead of 32")
    for row in rows:
        if row.onnx_ms is None and row.onnx_is != "not exported":
            console.print(f"{row.system} {row.preset}, onnx: {row.onnx_is}", soft_wrap=True, markup=False)


def _ratio(value: float | None, reference: float) -> str:
    return "-" if value is None else f"{value / reference:.1f}"
