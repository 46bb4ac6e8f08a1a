"""Report: what one model scored on one benchmark under one protocol; as a table and as JSON."""

import json
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rich.console import Group
from rich.table import Table
from rich.text import Text

from knuckle.files import atomic_path

Better = Literal["lower", "higher"]

RELATIVE = "relative to tips (%)"
"""How the metrics of `Report.by_class` end that are in % of the tips' error."""

_HEADINGS = {"W": "W wrist", "M": "M base", "T": "T tip"}


@dataclass(frozen=True)
class Score:
    """One figure of a report."""

    name: str
    value: float
    """The mean over the hands."""
    unit: str
    better: Better
    """Which way is better."""
    median: float | None = None
    """Over the hands; None where it means nothing."""


@dataclass(frozen=True)
class Curve:
    """A curve for the plot: y against x."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_label: str
    y_label: str
    area: float
    """Under the curve, over the span of x."""


@dataclass(frozen=True)
class Report:
    """Scores of one model on one benchmark."""

    benchmark: str
    """Its name."""
    protocol: str
    """Where boxes and sides come from, and what is aligned."""
    model: str
    """Its name."""
    count: int
    """Hands scored, or crops: what `counted` says."""
    scores: tuple[Score, ...]
    by_class: dict[str, dict[str, float]] = field(default_factory=dict)
    """Metric (with its unit) -> joint class (W, M, P, D, T) -> value."""
    curves: dict[str, Curve] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    """Metric -> one value a sample, to find the worst."""
    names: tuple[str, ...] = ()
    """What each sample is called."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge the figures."""
    by_kind: dict[str, dict[str, float]] = field(default_factory=dict)
    """Metric -> what the sample shows -> value."""
    counted: str = "hand"
    """What `count` counts: "hand" or "crop"."""

    def __getitem__(self, name: str) -> float:
        """The value of one score by its name; KeyError if the report has no such score."""
        for score in self.scores:
            if score.name == name:
                return score.value
        raise KeyError(name)

    def with_scores(
        self,
        scores: tuple[Score, ...],
        *,
        curves: dict[str, Curve] | None = None,
        notes: tuple[str, ...] = (),
    ) -> "Report":
        """The same report with further scores, curves and notes."""
        return replace(
            self,
            scores=self.scores + scores,
            curves={**self.curves, **(curves or {})},
            notes=self.notes + notes,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers; what is not finite becomes null."""
        return {
            "benchmark": self.benchmark,
            "protocol": self.protocol,
            "model": self.model,
            "count": self.count,
            "counted": self.counted,
            "scores": {
                s.name: {
                    "value": _plain(s.value),
                    "median": None if s.median is None else _plain(s.median),
                    "unit": s.unit,
                    "better": s.better,
                }
                for s in self.scores
            },
            "by_class": _plain_rows(self.by_class),
            "by_kind": _plain_rows(self.by_kind),
            "curves": {
                name: {
                    "x": list(c.x),
                    "y": list(c.y),
                    "x_label": c.x_label,
                    "y_label": c.y_label,
                    "area": c.area,
                }
                for name, c in self.curves.items()
            },
            "samples": {"name": list(self.names)}
            | {m: [_plain(v) for v in vs] for m, vs in self.samples.items()},
            "notes": list(self.notes),
        }


def file_name(benchmark: str) -> str:
    """A benchmark's name as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", benchmark.lower()).strip("-")


def write_reports(path: str | Path, reports: list[Report]) -> None:
    """Write reports as one JSON file, whole or not at all: {"reports": [...]}."""
    text = json.dumps({"reports": [report.to_dict() for report in reports]}, indent=1, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n")


def to_table(report: Report, *, by_class: bool = False) -> Group:
    """The report for the terminal; print it with a rich console."""
    counted = f"{report.count} {report.counted}{'' if report.count == 1 else 's'}"
    title = f"{report.benchmark} · {counted} · {report.model}"
    table = Table(title=title, title_style="bold", title_justify="left")
    table.add_column("score")
    table.add_column("mean", justify="right")
    table.add_column("median", justify="right")
    table.add_column("better", justify="left")
    for score in report.scores:
        median = "" if score.median is None else _figure(score.median, score.unit)
        table.add_row(score.name, _figure(score.value, score.unit), median, score.better)
    parts: list[Table | Text] = [table]
    if by_class:
        groups = (("by joint class", report.by_class), ("by what is seen", report.by_kind))
        parts += [_group_table(heading, rows) for heading, rows in groups if any(rows.values())]
    parts += [Text(report.protocol, style="dim")] + [
        Text(f"Note: {note}", style="dim") for note in report.notes
    ]
    return Group(*parts)


def _group_table(heading: str, rows: dict[str, dict[str, float]]) -> Table:
    table = Table()
    table.add_column(heading)
    for name in next(iter(rows.values())):
        table.add_column(_HEADINGS.get(name, name.replace("_", " ")), justify="right")
    for metric, row in rows.items():
        digits = 0 if metric.endswith(RELATIVE) else 2
        table.add_row(
            metric, *(f"{value:.{digits}f}" if math.isfinite(value) else "-" for value in row.values())
        )
    return table


def _figure(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "-"
    digits = 3 if unit == "" and abs(value) <= 1 else 2
    return f"{value:.{digits}f}{' ' + unit if unit else ''}"


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _plain_rows(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    return {name: {key: _plain(value) for key, value in row.items()} for name, row in rows.items()}
