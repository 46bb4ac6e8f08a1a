"""Speed against accuracy (HandAR, Fig 5): every installed one-hand model, and beside them what the papers state.

python -m benchmarks.speed.speed_accuracy [--limit 100] [--runs 40] [--out docs/speed-accuracy.png]. Left: PA-MPJPE on
hand-graph's photographs (where KNUCKLE_DATA names the folder that holds `eval-dev`, else on rendered hands) against the
time of one crop on one CPU thread over that of MediaPipe's landmark network, all taking turns: the network alone, and
as `knuckle estimate` runs it, whose time is that of the network, of the landmark network for its evidence, and of the
rig's fit. MediaPipe's own error is of the same boxes. Right: the papers' own figures on FreiHAND against frames a
second on their machines, which do not compare with ours. Prints both as tables.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.accuracy.scores import mediapipe_report
from benchmarks.shared.arguments import make_parser, one_line_errors, parse
from benchmarks.shared.photographs import hand_graph_photographs, have_photographs
from benchmarks.shared.tables import plain_table
from benchmarks.shared.timing import medians
from benchmarks.speed.latency import FUSION, OURS, our_tasks
from knuckle import weights
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark, photographed_hands
from knuckle.evaluation.paper_tables import FPS, tables_of
from knuckle.evaluation.protocols.common import PA
from knuckle.evaluation.report import Score
from knuckle.evaluation.run import evaluate
from knuckle.inference.detection.landmarks import LANDMARK_PX, LandmarkNetwork
from knuckle.inference.onnx_model import OnnxModel
from knuckle.open_model import open_model
from knuckle.view.charts import chart_sheet, chart_style, write_figure
from knuckle.view.palette import MUTED, chart_colour

PEER = "MediaPipe's landmark network"
ALONE, AS_RUN = "network alone", "as it runs"
OTHERS = {"I2L-MeshNet": (33.3, 7.4)}
"""Frames a second and PA-MPJPE (mm) on FreiHAND that HandAR's Table 1 gives of others."""
_MM_OF_CM = 10.0


class Point(NamedTuple):
    """One mark of the chart."""

    name: str
    way: str
    speed: float
    error_mm: float


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--weights", action="append", default=None, help="one-hand models; repeatable")
    parser.add_argument("--limit", type=int, default=100, help="hands")
    parser.add_argument("--runs", type=int, default=40, help="rounds of the clock")
    parser.add_argument("--out", type=Path, default=Path("docs/speed-accuracy.png"))
    options = parse(parser)
    with one_line_errors():
        names = options.weights or [
            name for name, path in weights.available().items() if weights.read_record(path).hands == 1
        ]
        ours, data = our_points(names, limit=options.limit, runs=options.runs)
        papers = paper_points()
        table = plain_table(("model", "", "time over MediaPipe's", f"PA-MPJPE (mm), {data}"), left=("",))
        for point in ours:
            table.add_row(point.name, point.way, f"{point.speed:.2f}", f"{point.error_mm:.2f}")
        stated = plain_table(("paper", "frames a second", "PA-MPJPE (mm), FreiHAND"))
        for point in papers:
            stated.add_row(point.name, f"{point.speed:g}", f"{point.error_mm:.1f}")
        Console(width=160).print(table, "", stated)
        draw(options.out, ours, papers, data)
    print(f"wrote {options.out}")


def our_points(names: list[str], *, limit: int, runs: int) -> tuple[list[Point], str]:
    """The models and MediaPipe's network, and what they were measured on."""
    benchmark, data = hands(limit)
    times = relative_times(names, runs=runs)
    points = []
    for name in names:
        for way, refine in ((ALONE, False), (AS_RUN, True)):
            report = evaluate(open_model(name, refine=refine), benchmark)
            points.append(Point(name, way, times[name][refine], found(report.scores)))
    if have_photographs():
        points.append(Point(PEER, ALONE, 1.0, found(mediapipe_report(limit).scores)))
    return points, data


def hands(limit: int) -> tuple[Benchmark, str]:
    """What is measured on."""
    if have_photographs():
        (benchmark,) = photographed_hands(hand_graph_photographs()[:limit])
        return benchmark, f"{len(benchmark)} photographs"
    benchmark = next(b for b in open_benchmarks("synthetic", limit=limit) if isinstance(b, Benchmark))
    return benchmark, f"{len(benchmark)} rendered hands"


def relative_times(names: list[str], *, runs: int) -> dict[str, tuple[float, float]]:
    """One crop by each network, and with evidence and fit, over MediaPipe's network, all taking turns."""
    picture = np.random.default_rng(1).integers(0, 256, (LANDMARK_PX, LANDMARK_PX, 3), dtype=np.uint8)
    calls = [partial(LandmarkNetwork(threads=1), picture)]
    for name in names:
        path, record = weights.resolve(name)
        tasks = our_tasks(OnnxModel(path, threads=1), record)
        calls += [tasks[OURS], tasks[FUSION]]
    peer, *rest = medians(calls, runs=runs, warm_up=3)
    pairs = zip(names, rest[::2], rest[1::2], strict=True)
    return {name: (network / peer, (network + peer + fit) / peer) for name, network, fit in pairs}


def paper_points() -> list[Point]:
    """What the papers state of themselves and of others."""
    points = [Point(name, "", *figures) for name, figures in OTHERS.items()]
    rows = {"HandAR": ("handar", "paper", "Table 1, w/ ObMan")}
    rows |= {
        f"EHPE, {shown}": ("ehpe", preset, "Table 1, FreiHAND")
        for shown, preset in (
            ("ResNet-50", "paper-resnet50"),
            ("HRNet", "paper-hrnet"),
            ("FastViT", "paper-fastvit"),
        )
    }
    for name, (system, preset, table) in rows.items():
        columns = {column.score: column for column in tables_of(system, preset)[table]}
        factor = _MM_OF_CM if columns[PA].name.endswith("cm") else 1.0
        points.append(Point(name, "", columns[FPS].paper, columns[PA].paper * factor))
    return points


def found(scores: Iterable[Score]) -> float:
    return next(score.value for score in scores if score.name == PA)


@chart_style()
def draw(path: Path, ours: list[Point], papers: list[Point], data: str) -> None:
    """Both charts; a line joins a model's two points."""
    names = list(dict.fromkeys(point.name for point in ours))
    figure, (left, right) = chart_sheet(
        2,
        title="Speed against accuracy",
        subtitle="left: hollow, the network alone; filled, as knuckle estimate runs it, evidence and fit included",
        series=names,
    )
    for i, name in enumerate(names):
        points = [point for point in ours if point.name == name]
        colour = chart_colour(i)
        left.plot([p.speed for p in points], [p.error_mm for p in points], color=colour, linewidth=1)
        for point in points:
            face = colour if point.way == AS_RUN else "white"
            left.plot(point.speed, point.error_mm, "o", color=colour, markerfacecolor=face)
    left.set_title(f"Ours: {data}")
    left.set_xlabel("time of one crop over MediaPipe's landmark network's")
    left.set_ylabel("PA-MPJPE (mm)")
    left.margins(x=0.1, y=0.15)
    for point in papers:
        right.plot(point.speed, point.error_mm, "o", color=MUTED)
        right.annotate(
            point.name,
            (point.speed, point.error_mm),
            xytext=(0, 6),
            textcoords="offset points",
            size=7.5,
            ha="center",
        )
    right.set_title("As the papers state it: FreiHAND")
    right.set_xlabel("frames a second, on their own machines")
    right.set_ylabel("PA-MPJPE (mm)")
    right.margins(x=0.3, y=0.15)
    write_figure(path, figure)


if __name__ == "__main__":
    main()
