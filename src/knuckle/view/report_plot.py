"""Reports of one benchmark as a picture: PCK curves, errors by joint class, and the confidence's ROC."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from knuckle.evaluation.report import RELATIVE, Curve, Report
from knuckle.files import write_image
from knuckle.view.plot import BarChart, Line, LineChart, draw_sheet

_CLASSES = {"W": "wrist", "M": "base", "P": "second", "D": "third", "T": "tip"}


def draw_report(reports: Sequence[Report]) -> UInt8[np.ndarray, "H W 3"]:
    """The curves and classes that reports on one benchmark hold as one RGB sheet, with a line or bar a model where
    there are several; what they lack is left out.
    """
    charts = _pck_3d(reports)
    if lines := _lines(reports, "PCK 2D", lambda report, _: f"mean {report['2D error']:.1f} %"):
        charts.append(LineChart("2D: share of joints within", "threshold (% of box)", "PCK", lines, (0, 25)))
    by_class = reports[0].by_class
    for metric in by_class:
        # Stay in the table: relative 2D errors, and errors without alignment where there are aligned ones.
        if metric != f"2D {RELATIVE}" and not (metric.startswith("MPJPE") and f"PA-{metric}" in by_class):
            charts.append(_bars(metric, reports))
    if lines := _lines(reports, "ROC", lambda _, curve: f"AUC {curve.area:.4f}"):
        curve = next(r.curves["ROC"] for r in reports if "ROC" in r.curves)
        title = "Confidence: hands against none"
        charts.append(LineChart(title, curve.x_label, curve.y_label, lines, (0, 1), diagonal=True))
    counted = f"{reports[0].count} {reports[0].counted}s"
    subtitle = f"{counted} - {', '.join(report.model for report in reports)}"
    return draw_sheet(
        charts,
        columns=3 if len(charts) > 4 else 2,
        title=reports[0].benchmark,
        subtitle=subtitle,
        panel=(440, 320) if len(reports) < 3 else (600, 360),
    )


def write_report_plot(path: str | Path, reports: Sequence[Report]) -> None:
    """Write `draw_report`'s picture, whole or not at all."""
    write_image(path, draw_report(reports))


def _pck_3d(reports: Sequence[Report]) -> list[LineChart | BarChart]:
    """Of one model every 3D curve, of several the aligned joints' alone, or the root-relative ones' without those."""
    if len(reports) > 1:
        name = next((n for n in ("PCK 3D aligned", "PCK 3D root-relative") if n in reports[0].curves), "")
        lines = _lines(reports, name, lambda _, curve: f"AUC {curve.area:.3f}")
        title = f"{name.removeprefix('PCK ')}: share of joints within"
    else:
        curves = {n: c for n, c in reports[0].curves.items() if n.startswith("PCK") and "(mm)" in c.x_label}
        lines = [
            Line(c.x, c.y, f"{n.removeprefix('PCK ').removeprefix('3D ')}  AUC {c.area:.3f}")
            for n, c in curves.items()
        ]
        title = "3D: share within"
    return [LineChart(title, "threshold (mm)", "PCK", lines, (0, 50))] if lines else []


def _lines(reports: Sequence[Report], name: str, caption: Callable[[Report, Curve], str]) -> list[Line]:
    """A curve of every report that has it."""
    found = [(report, report.curves[name]) for report in reports if name in report.curves]
    several = len(reports) > 1
    return [
        Line(c.x, c.y, f"{report.model}  {caption(report, c)}" if several else caption(report, c))
        for report, c in found
    ]


def _bars(metric: str, reports: Sequence[Report]) -> BarChart:
    name, _, unit = metric.rstrip(")").partition(" (")
    classes = list(reports[0].by_class[metric])
    missing = dict.fromkeys(classes, math.nan)
    series = {report.model: list(report.by_class.get(metric, missing).values()) for report in reports}
    return BarChart(
        f"{name} by joint class",
        unit,
        [_CLASSES.get(c, c) for c in classes],
        series,
        digits=0 if metric.endswith(RELATIVE) else 1,
    )
