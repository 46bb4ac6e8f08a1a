"""Which hands the installed one-hand models get wrong: errors by pose, view and joint, MediaPipe beside.

python -m benchmarks.accuracy.by_class [--weights dahyf ...] [--no-evidence] [--data eval-dev ...] [--limit N]
[--json FILE] [--plot FILE] [--worst 24 --sheet FILE] [--mirrored].

Each model as `knuckle estimate` runs it, boxes and sides from the ground truth; --no-evidence: without the landmark
network's joints. Classes are those of the true joints (knuckle.evaluation.breakdown.pose_classes); in brackets the
error as a multiple of that of open hands seen from the palm. Sources of a few photographs have one row each. --worst
prints the worst hands of each model and larger benchmark, --sheet also draws them, in FILE with model and benchmark
added to its name; real photographs are licensed for research only, and so are their sheets: keep them to yourself (out/
is not under version control). --mirrored also scores the mirror images of the photographs.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.shared import worst_sheet
from benchmarks.shared.arguments import add_weights, add_worst, make_parser, one_line_errors, parse
from benchmarks.shared.class_scores import Scored, score, score_peer
from benchmarks.shared.class_tables import hand_table, joint_table, plot, small_table, write_json
from benchmarks.shared.photographs import EVAL_DEV, hand_graph_photographs, have_photographs, mirrored
from benchmarks.shared.tables import plain_table
from knuckle import weights
from knuckle.datasets.labelled import LabelledHand
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.metrics.joints import box_errors, keypoint_mean, procrustes_errors
from knuckle.evaluation.report import file_name
from knuckle.files import write_image
from knuckle.geometry.mirror import MIRROR_POINT
from knuckle.hands import HandPredictor
from knuckle.inference.auto import open_predictor
from knuckle.open_model import open_model
from knuckle.view.charts import write_figure

DATA = (EVAL_DEV, "synthetic")
MIRRORED_HEADINGS = (
    "model",
    "hands",
    "PA-MPJPE (mm)",
    "mirrored",
    "difference",
    "2D (% of box)",
    "mirrored",
    "largest change of a joint (mm)",
)


def main() -> None:
    parser = make_parser(__doc__)
    add_weights(parser, what="a one-hand model's name", default="all that are installed")
    parser.add_argument(
        "--data",
        action="append",
        default=None,
        help="eval-dev, synthetic or a folder of single hands; repeatable; default: the first two",
    )
    parser.add_argument("--limit", type=int, default=None, help="hands of each benchmark")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--plot", type=Path, default=None)
    add_worst(parser, "hands")
    parser.add_argument("--mirrored", action="store_true", help="score mirrored photographs too")
    options = parse(parser)
    with one_line_errors():
        report(options)


def report(options: argparse.Namespace) -> None:
    """Score, print and write what was asked for."""
    names = options.weights or [name for name in weights.available() if weights.resolve(name)[1].hands == 1]
    models = [open_model(name, evidence=options.evidence) for name in names]
    console = Console(width=160, highlight=False)
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
                path = options.sheet.with_stem(
                    f"{options.sheet.stem}-{found.model}-{file_name(benchmark.name)}"
                )
                indices = [row["index"] for row in rows]
                write_image(path, worst_sheet.sheet(benchmark, model, indices, captions))
    small, large = ([f for f in every if f.is_small == is_small] for is_small in (True, False))
    if small:
        console.print(small_table(small), "")
    if options.mirrored:
        console.print(mirrored_table(names, options.limit, evidence=options.evidence))
    if options.plot and large:
        write_figure(options.plot, plot(large))
    if options.json:
        write_json(options.json, every, worst)


def _benchmarks(options: argparse.Namespace) -> list[Benchmark]:
    data = options.data or [name for name in DATA if name != EVAL_DEV or have_photographs()]
    found = [benchmark for name in data for benchmark in open_benchmarks(name, limit=options.limit)]
    return [benchmark for benchmark in found if isinstance(benchmark, Benchmark)]


def _caption(row: dict) -> str:
    errors = ("" if row["pa_mm"] is None else f"{row['pa_mm']:.1f} mm ") + f"{row['box_percent']:.1f} %"
    return f"{row['name']} {row['pose']}, {row['view']}, {errors}, {row['worst_joints']}"


@dataclass(frozen=True)
class Errors:
    """PA-MPJPE (mm) and 2D error (% of the box) of a model on some photographs, and its joints of each hand."""

    pa_mm: float
    box_percent: float
    joints_m: np.ndarray


def mirrored_table(names: list[str], limit: int | None, *, evidence: bool = True) -> Table:
    """A row a model: its errors on the hand-graph photographs and on their mirror images, as `knuckle estimate` runs
    it, and the farthest that a joint moved.
    """
    hands = hand_graph_photographs()[:limit]
    result = plain_table(MIRRORED_HEADINGS, title="hand-graph and its mirror image")
    for name in names:
        predictor = open_predictor(name, threads=1, evidence=evidence)
        plain, turned = errors(predictor, hands), errors(predictor, [mirrored(hand) for hand in hands])
        moved = 1e3 * np.linalg.norm(turned.joints_m * MIRROR_POINT - plain.joints_m, axis=-1).max()
        figures = (plain.pa_mm, turned.pa_mm, turned.pa_mm - plain.pa_mm)
        row = (*(f"{v:.3f}" for v in figures), f"{plain.box_percent:.3f}", f"{turned.box_percent:.3f}")
        result.add_row(name, str(len(hands)), *row, f"{moved:.3f}")
    return result


def errors(predictor: HandPredictor, hands: Sequence[LabelledHand]) -> Errors:
    """The model's errors on labelled hands, one photograph at a time."""
    found = [predictor(h.read(), h.box_px[None], (h.side,), h.camera) for h in hands]
    joints_m, joints_px = (np.concatenate([getattr(f, n) for f in found]) for n in ("joints_m", "joints_px"))
    truth_m, truth_px = (np.stack([getattr(hand, n) for hand in hands]) for n in ("joints_m", "joints_px"))
    return Errors(
        1e3 * keypoint_mean(procrustes_errors(truth_m, joints_m)),
        1e2 * keypoint_mean(box_errors(truth_px, joints_px)),
        joints_m,
    )


if __name__ == "__main__":
    main()
