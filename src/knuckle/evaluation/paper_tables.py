"""The columns of the systems' papers, ours beside the paper's own: what a run on the papers' data is compared with."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from rich.table import Table

from knuckle.datasets.labelled import Patch
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import pair_patch
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.protocols.common import EPE, EPE_BRANCH, PA
from knuckle.evaluation.protocols.mesh import AUC_VERTICES, PA_VERTICES
from knuckle.evaluation.report import Report

FPS, PARAMETERS = "FPS", "parameters"
"""Columns that are of the model, not of its answers."""
_CM = 0.1
_FREIHAND = (("PJ mm", PA), ("PV mm", PA_VERTICES), ("F@5", "F@5 aligned"), ("F@15", "F@15 aligned"))


@dataclass(frozen=True)
class Column:
    """One column of a paper's table."""

    name: str
    """As the paper calls it, with its unit."""
    score: str
    """The report's score, FPS or PARAMETERS."""
    paper: float
    """Of the paper's own row."""
    factor: float = 1.0
    """From the score's unit to the paper's."""


def _freihand(*paper: float) -> tuple[Column, ...]:
    return tuple(Column(*names, value) for names, value in zip(_FREIHAND, paper, strict=True))


_DAHYF = {
    "Table 1, FreiHAND": _freihand(4.0, 4.7, 0.848, 0.998),
    "Table 4, ResNet-50": (
        Column("PA-MPJPE mm", PA, 7.88),
        Column("MPJPE mm", "MPJPE", 15.95),
        Column("EPE(J2d_proj) px", EPE, 6.05),
        Column("EPE(J2d) px", EPE_BRANCH, 7.83),
    ),
}
_EHPE = {
    "paper-resnet50": (5.7, 5.9, 0.788, 0.986, 28),
    "paper-hrnet": (5.6, 5.9, 0.787, 0.988, 20),
    "paper-fastvit": (5.6, 5.7, 0.793, 0.991, 59),
}
_EHPE_TWO_HANDS = {
    "Table 2, InterHand2.6M": (
        Column("MPJPE mm", "MPJPE scaled of the mesh", 5.73),
        Column("MPVPE mm", "MPVPE scaled", 5.87),
    )
}
_HANDAR = {
    "Table 1, w/ ObMan": (
        Column("ME cm", PA_VERTICES, 0.67, _CM),
        Column("PE cm", PA, 0.67, _CM),
        *_freihand(0, 0, 0.724, 0.981)[2:],
        Column("FPS", FPS, 39.1),
    ),
    # The numbers of Table 2 are lost in every copy at hand.
    "Table 2": (
        Column("mIoU hand %", "mIoU hand", math.nan),
        Column("HD hand px", "Hausdorff hand", math.nan),
        Column("mIoU fingers %", "mIoU fingers", math.nan),
        Column("HD fingers px", "Hausdorff fingers", math.nan),
    ),
    "Table 3": (
        Column("mesh AUC", AUC_VERTICES, 0.866),
        Column("pose AUC", "AUC 0-50 mm aligned", 0.868),
        Column("mIoU %", "mIoU hand", 92.95),
        Column("HD px", "Hausdorff hand", 4.70),
    ),
}
_DFL = {
    "Table 4, InterHand2.6M": (
        Column("Single mm", "MPJPE single", 7.35),
        Column("Two mm", "MPJPE two", 9.82),
        Column("All mm", "MPJPE all", 8.67),
        Column("FPS", FPS, 20.01),
        Column("parameters M", PARAMETERS, 42, 1e-6),
    )
}


_HO3D = {
    (11_524, "Table 2, HO-3D v2"): _freihand(8.0, 8.1, 0.612, 0.976),
    (20_137, "Table 3, HO-3D v3"): _freihand(7.5, 7.5, 0.637, 0.974),
}
"""By the frames of its evaluation split."""
_OF_DATA = {
    ("dfl", "HIC"): {"Table 5, HIC": (Column("MPJPE mm", "MPJPE all", 20.71),)},
    ("dfl", "InterHand2.6M test, the filtered set"): {
        "Table 4, InterHand2.6M, filtered": (
            Column("Two mm", "MPJPE two", 10.68),
            *_DFL["Table 4, InterHand2.6M"][3:],
        )
    },
}
"""System and benchmark -> the tables that are of that data alone."""


def tables_of(
    system: str, preset: str = "", *, hands: int = 1, benchmark: str = "", count: int = 0
) -> dict[str, tuple[Column, ...]]:
    """The columns of a system's tables by the tables' names; none for another system.

    hands: those of its crops. benchmark, count: what it is scored on, by name, and how many samples: tables of that
    data alone where the paper has some.
    """
    if (system, benchmark) in _OF_DATA:
        return _OF_DATA[system, benchmark]
    if (system, benchmark) == ("dahyf", "HO-3D"):
        # Part of a split does not say of which version it is.
        known = any(frames == count for frames, _ in _HO3D)
        return {title: columns for (n, title), columns in _HO3D.items() if not known or n == count}
    if system == "ehpe" and hands == 2:
        return _EHPE_TWO_HANDS
    if system == "ehpe":
        *freihand, fps = _EHPE.get(preset, _EHPE["paper-fastvit"])
        return {"Table 1, FreiHAND": (*_freihand(*freihand), Column("FPS", FPS, fps))}
    return {"dahyf": _DAHYF, "handar": _HANDAR, "dfl": _DFL}.get(system, {})


def paper_tables(model: EvaluatedModel, report: Report, *, fps: float = math.nan) -> list[Table]:
    """A report's figures under the columns of its system's paper, the paper's own row below.

    fps: crops a second, one at a time. A figure that the report does not have (silhouettes without --alignment,
    vertices of another mesh) is "-".
    """
    found = {score.name: score.value for score in report.scores}
    found |= {FPS: fps, PARAMETERS: math.nan if model.parameters is None else float(model.parameters)}
    result = []
    tables = tables_of(
        model.system, model.preset, hands=model.hands, benchmark=report.benchmark, count=report.count
    )
    for name, columns in tables.items():
        table = Table(title=f"{model.system}, {name}", title_justify="left")
        table.add_column("")
        for column in columns:
            table.add_column(column.name, justify="right")
        ours = (found.get(column.score, math.nan) * column.factor for column in columns)
        table.add_row("ours", *map(_text, ours))
        table.add_row("paper", *(_text(column.paper) for column in columns))
        result.append(table)
    return result


def frames_per_second(
    model: EvaluatedModel,
    benchmark: Benchmark | TwoHandBenchmark,
    *,
    count: int = 20,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Crops a second, one at a time, as the model answers them here: `count` of the benchmark's after the first."""
    patches = list(islice(patches_of(model, benchmark), count + 1))
    model.predict(patches[:1])
    start = clock()
    for patch in patches[1:]:
        model.predict([patch])
    taken = clock() - start
    return (len(patches) - 1) / taken if taken > 0 else math.nan


def patches_of(model: EvaluatedModel, benchmark: Benchmark | TwoHandBenchmark) -> Iterator[Patch]:
    """What a model is shown of a benchmark, hand by hand or frame by frame."""
    if isinstance(benchmark, Benchmark):
        yield from benchmark.patches(model.size, model.expand)
        return
    for frame in benchmark.frames():
        yield pair_patch(frame, size=model.size, expand=model.expand)


def _text(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
