"""A report as a picture: PCK curves, errors by joint class, and the confidence's ROC."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from knuckle.evaluation.report import Curve, Report
from knuckle.files import write_image
from knuckle.view.plot import BarChart, Line, LineChart, draw_sheet

_CLASSES = {"W": "wrist", "M": "base", "P": "second", "D": "third", "T": "tip"}


def draw_report(report: Report) -> UInt8[np.ndarray, "H W 3"]:
    """The curves and classes a report holds as one RGB sheet; what it lacks is left out."""
    charts: list[LineChart | BarChart] = []
    joints_3d = {n: c for n, c in report.curves.items() if n.startswith("PCK") and c.x_label.endswith("(mm)")}
    if joints_3d:
        lines = [
            Line(c.x, c.y, f"{n.removeprefix('PCK ').removeprefix('3D ')}  AUC {c.area:.3f}")
            for n, c in joints_3d.items()
        ]
        charts.append(LineChart("3D: share of joints within", "threshold (mm)", "PCK", lines, (0, 50)))
    if "PCK 2D" in report.curves:
        curve = report.curves["PCK 2D"]
        line = Line(curve.x, curve.y, f"2D  mean {report['2D error']:.1f} %")
        charts.append(LineChart("2D: share of joints within", "threshold (% of box)", "PCK", [line], (0, 25)))
    charts += [
        _bars(metric, row) for metric, row in report.by_class.items() if not metric.startswith("MPJPE")
    ]
    if "ROC" in report.curves:
        charts.append(_roc(report.curves["ROC"]))
    subtitle = f"{report.count} hands · {report.model}"
    columns = 3 if len(charts) > 4 else 2
    return draw_sheet(charts, columns=columns, title=report.benchmark, subtitle=subtitle.replace("·", "-"))


def write_report_plot(path: str | Path, report: Report) -> None:
    """Write `draw_report`'s picture, whole or not at all."""
    write_image(path, draw_report(report))


def _bars(metric: str, row: dict[str, float]) -> BarChart:
    name, _, unit = metric.rstrip(")").partition(" (")
    return BarChart(
        f"{name} by joint class", unit, [_CLASSES.get(c, c) for c in row], {name: list(row.values())}
    )


def _roc(curve: Curve) -> LineChart:
    line = Line(curve.x, curve.y, f"AUC {curve.area:.4f}")
    return LineChart(
        "Confidence: hands against none", curve.x_label, curve.y_label, [line], (0, 1), diagonal=True
    )
