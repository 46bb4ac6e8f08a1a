"""Reports of one benchmark as a picture: PCK curves, errors by joint class, and the confidence's ROC."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from knuckle.evaluation.report import RELATIVE, Curve, Report
from knuckle.view.charts import chart_sheet, chart_style, draw_bars, write_figure
from knuckle.view.palette import MUTED, chart_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLASSES = {"W": "wrist", "M": "base", "P": "second", "D": "third", "T": "tip"}

Lines = Sequence[tuple[Curve, str, str]]
"""Curves with their names for the legend and their colours: in every chart a model has the same one."""


@chart_style()
def draw_report(reports: Sequence[Report]) -> "Figure":
    """The curves and classes that reports on one benchmark hold as one figure, with a line or bar a model where there
    are several; what they lack is left out. Raises KnuckleError without matplotlib.
    """
    charts: list[Callable[[Axes], None]] = []
    title, lines = _pck_3d(reports)
    if lines:
        charts.append(lambda axes: _draw_curves(axes, title, lines, "threshold (mm)", 50))
    if flat := _lines(reports, "PCK 2D", lambda report, _: f"mean {report['2D error']:.1f} %"):
        heading = "2D: share of joints within"
        charts.append(lambda axes: _draw_curves(axes, heading, flat, "threshold (% of box)", 25))
    by_class = reports[0].by_class
    for metric in by_class:
        # Stay in the table: relative 2D errors, and errors without alignment where there are aligned ones.
        if metric != f"2D {RELATIVE}" and not (metric.startswith("MPJPE") and f"PA-{metric}" in by_class):
            charts.append(partial(_draw_classes, metric=metric, reports=reports))
    if roc := _lines(reports, "ROC", lambda _, curve: f"AUC {curve.area:.4f}"):
        charts.append(lambda axes: _draw_roc(axes, roc))
    models = [report.model for report in reports]
    counted = f"{reports[0].count} {reports[0].counted}s"
    figure, sheet = chart_sheet(
        len(charts),
        title=reports[0].benchmark,
        subtitle=counted if len(models) > 1 else f"{counted} · {models[0]}",
        series=models if len(models) > 1 else (),
        columns=3 if len(charts) > 4 else 2,
        panel=(4.4, 3.2) if len(reports) < 3 else (6.0, 3.6),
    )
    for draw, axes in zip(charts, sheet, strict=True):
        draw(axes)
    return figure


def write_report_plot(path: str | Path, reports: Sequence[Report]) -> None:
    """Write `draw_report`'s figure, whole or not at all."""
    write_figure(path, draw_report(reports))


def _pck_3d(reports: Sequence[Report]) -> tuple[str, Lines]:
    """Of one model every 3D curve, of several the aligned joints' alone, or the root-relative ones' without those."""
    if len(reports) > 1:
        name = next((n for n in ("PCK 3D aligned", "PCK 3D root-relative") if n in reports[0].curves), "")
        lines = _lines(reports, name, lambda _, curve: f"AUC {curve.area:.3f}")
        return f"{name.removeprefix('PCK ')}: share of joints within", lines
    curves = {n: c for n, c in reports[0].curves.items() if n.startswith("PCK") and "(mm)" in c.x_label}
    return "3D: share within", [
        (c, f"{n.removeprefix('PCK ').removeprefix('3D ')}  AUC {c.area:.3f}", chart_colour(i))
        for i, (n, c) in enumerate(curves.items())
    ]


def _lines(reports: Sequence[Report], name: str, caption: Callable[[Report, Curve], str]) -> Lines:
    """A curve of every report that has it."""
    found = [(i, report, report.curves[name]) for i, report in enumerate(reports) if name in report.curves]
    several = len(reports) > 1
    return [
        (
            curve,
            f"{report.model}  {caption(report, curve)}" if several else caption(report, curve),
            chart_colour(i),
        )
        for i, report, curve in found
    ]


def _draw_curves(axes: "Axes", title: str, lines: Lines, x_label: str, last: float) -> None:
    for curve, name, colour in lines:
        axes.plot(curve.x, curve.y, color=colour, label=name)
    axes.set(title=title, xlabel=x_label, ylabel="PCK", xlim=(0, last), ylim=(0, 1.02))
    axes.legend(loc="lower right")


def _draw_roc(axes: "Axes", lines: Lines) -> None:
    first = lines[0][0]
    _draw_curves(axes, "Confidence: hands against none", lines, first.x_label, 1)
    axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1, linestyle=":", zorder=1)
    axes.set(ylabel=first.y_label, xlim=(-0.01, 1))


def _draw_classes(axes: "Axes", *, metric: str, reports: Sequence[Report]) -> None:
    name, _, unit = metric.rstrip(")").partition(" (")
    classes = list(reports[0].by_class[metric])
    missing = dict.fromkeys(classes, math.nan)
    axes.set_title(f"{name} by joint class")
    draw_bars(
        axes,
        [_CLASSES.get(c, c) for c in classes],
        {report.model: list(report.by_class.get(metric, missing).values()) for report in reports},
        unit=unit,
        digits=0 if metric.endswith(RELATIVE) else 1,
    )
