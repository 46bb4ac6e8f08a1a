"""Which hands the installed one-hand models get wrong: errors by pose, view and joint, MediaPipe beside.

python -m benchmarks.accuracy.by_class [--weights dahyf ...] [--data eval-dev ...] [--limit N] [--json FILE] [--plot
FILE] [--worst 24 --sheet FILE] [--mirrored]. Each model as `knuckle estimate` runs it, boxes and sides from the ground
truth. Classes are told from the true joints (knuckle.evaluation.breakdown.pose_classes); in brackets the error as a
multiple of that of open hands seen from the palm. Sources of a few photographs have one row each. --worst prints the
worst hands of each model and larger benchmark, --sheet also draws them, in FILE with model and benchmark added to its
name; real photographs are licensed for research only, and so are their sheets: keep them to yourself (out/ is not
under version control). --mirrored also scores the mirror images of the photographs.
"""

import argparse
import os
from pathlib import Path

from benchmarks.accuracy import mirrored_photos
from benchmarks.shared import worst_sheet
from benchmarks.shared.class_scores import Scored, score, score_peer
from benchmarks.shared.class_tables import hand_table, joint_table, plot, small_table, write_json
from rich.console import Console

from knuckle import weights
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.evaluate import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.files import write_image
from knuckle.open_model import open_model
from knuckle.view.charts import write_figure

DATA = ("eval-dev", "synthetic")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights",
        action="append",
        default=None,
        help="a one-hand model's name, an .onnx or a .safetensors file; repeatable; default: all that are installed",
    )
    parser.add_argument(
        "--data",
        action="append",
        default=None,
        help="eval-dev, synthetic or a folder of single hands; repeatable; default: the first two",
    )
    parser.add_argument("--limit", type=int, default=None, help="hands of each benchmark")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--plot", type=Path, default=None)
    parser.add_argument("--worst", type=int, default=0, help="how many of the worst hands are listed")
    parser.add_argument("--sheet", type=Path, default=None, help="where they are drawn (.jpg or .png)")
    parser.add_argument("--mirrored", action="store_true", help="score mirrored photographs too")
    options = parser.parse_args()
    if options.sheet and options.worst < 1:
        parser.error("--sheet: expected --worst N beside it")
    try:
        report(options)
    except KnuckleError as error:
        raise SystemExit(f"error: {error}") from error


def report(options: argparse.Namespace) -> None:
    """Score, print and write what was asked for."""
    names = options.weights or [name for name in weights.available() if weights.resolve(name)[1].hands == 1]
    models, console = [open_model(name) for name in names], Console(width=160, highlight=False)
    if several := [model.name for model in models if model.hands != 1]:
        raise KnuckleError(f"weights: expected one-hand models, got {', '.join(several)}")
    every: list[Scored] = []
    worst = []
    for benchmark in _benchmarks(options):
        scored = [score(benchmark, model) for model in models]
        with_peer = [*scored, score_peer(benchmark, scored[0].truth)]
        every += with_peer
        if scored[0].is_small:
            continue
        for metric in ("pa_mm", "box_percent"):
            console.print(hand_table(with_peer, metric), "")
        console.print(joint_table(with_peer), "")
        for model, found in zip(models, scored, strict=True) if options.worst else ():
            rows = found.worst(options.worst)
            captions = [_caption(row) for row in rows]
            worst += rows
            console.print(f"{found.model}, {found.benchmark}: the worst {len(rows)}", *captions, sep="\n  ")
            if options.sheet:
                path = options.sheet.with_stem(f"{options.sheet.stem}-{found.model}-{benchmark.slug}")
                indices = [row["index"] for row in rows]
                write_image(path, worst_sheet.sheet(benchmark, model, indices, captions))
    small, large = ([f for f in every if f.is_small == is_small] for is_small in (True, False))
    if small:
        console.print(small_table(small), "")
    if options.mirrored:
        console.print(mirrored_photos.table(names, options.limit))
    if options.plot and large:
        write_figure(options.plot, plot(large))
    if options.json:
        write_json(options.json, every, worst)


def _benchmarks(options: argparse.Namespace) -> list[Benchmark]:
    data = options.data or [name for name in DATA if name != "eval-dev" or os.environ.get("KNUCKLE_DATA")]
    found = [benchmark for name in data for benchmark in open_benchmarks(name, limit=options.limit)]
    return [benchmark for benchmark in found if isinstance(benchmark, Benchmark)]


def _caption(row: dict) -> str:
    errors = ("" if row["pa_mm"] is None else f"{row['pa_mm']:.1f} mm ") + f"{row['box_percent']:.1f} %"
    return f"{row['name']} {row['pose']}, {row['view']}, {errors}, {row['worst_joints']}"


if __name__ == "__main__":
    main()
