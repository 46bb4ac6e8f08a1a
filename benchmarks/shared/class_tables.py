"""Errors by class as tables for the terminal, as a plot and as JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, Literal

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.shared.class_scores import Scored
from benchmarks.shared.tables import plain_table
from knuckle.evaluation.breakdown.class_errors import ALL, REFERENCE, GroupError
from knuckle.files import atomic_path
from knuckle.view.charts import chart_sheet, chart_style, draw_bars

Metric = Literal["pa_mm", "box_percent"]
TITLES: dict[Metric, str] = {"pa_mm": "PA-MPJPE (mm)", "box_percent": "2D error (% of box)"}
PANEL = (8.6, 3.4)


def hand_table(scored: Sequence[Scored], metric: Metric) -> Table:
    """Models on one benchmark, a row a class of hands; in brackets the multiple of open hands seen from the palm."""
    columns = [found.by_hands() for found in scored]
    table = _table(f"{scored[0].benchmark}: {TITLES[metric]}", ["class", "hands"], scored)
    for name, group in columns[0].items():
        cells = [_cell(column[name], metric, column.get(REFERENCE)) for column in columns]
        table.add_row(name, str(group.hands), *cells)
    return table


def joint_table(scored: Sequence[Scored]) -> Table:
    """Models on one benchmark, a row a class of joints: PA-MPJPE (mm) / 2D error (% of box)."""
    columns = [found.errors.by_joint() for found in scored]
    title = f"{scored[0].benchmark}: PA-MPJPE (mm) / 2D error (% of box) by joint"
    table = _table(title, ["joints"], scored)
    for name in columns[0]:
        table.add_row(name, *(_both(column[name]) for column in columns))
    return table


def small_table(scored: Sequence[Scored]) -> Table:
    """Benchmarks of a few hands, a row each: PA-MPJPE (mm) / 2D error (% of box)."""
    models = list(dict.fromkeys(found.model for found in scored))
    names = dict.fromkeys(found.benchmark for found in scored)
    cells = {(found.benchmark, found.model): found.by_hands()[ALL] for found in scored}
    first = [next(found for found in scored if found.model == model) for model in models]
    table = _table("sources of a few hands: PA-MPJPE (mm) / 2D error (% of box)", ["source", "hands"], first)
    for name in names:
        table.add_row(
            name, str(cells[name, models[0]].hands), *(_both(cells[name, model]) for model in models)
        )
    return table


@chart_style()
def plot(scored: Sequence[Scored]) -> Figure:
    """Both errors by class of hands, a chart a benchmark and error, a bar a model."""
    benchmarks, models = (
        list(dict.fromkeys(getattr(found, what) for found in scored)) for what in ("benchmark", "model")
    )
    figure, sheet = chart_sheet(
        len(benchmarks) * len(TITLES), title="Errors by pose and view", series=models, columns=1, panel=PANEL
    )
    for axes, (benchmark, (metric, title)) in zip(sheet, product(benchmarks, TITLES.items()), strict=True):
        chosen = {found.model: found.by_hands() for found in scored if found.benchmark == benchmark}
        groups = list(next(iter(chosen.values())))
        # A model that was not scored here keeps its colour and place.
        series = {
            m: [getattr(chosen[m][n], metric) if m in chosen else math.nan for n in groups] for m in models
        }
        name, _, unit = title.rstrip(")").partition(" (")
        axes.set_title(f"{benchmark}: {name}")
        draw_bars(axes, groups, series, unit=unit)
    return figure


def write_json(path: Path, scored: Sequence[Scored], worst: Sequence[dict[str, Any]]) -> None:
    """{"hands": rows by class of hands, "joints": rows by class of joints, "worst": the worst hands}."""
    parts = {
        "hands": [row for found in scored for row in _rows(found, found.by_hands())],
        "joints": [row for found in scored for row in _rows(found, found.errors.by_joint())],
        "worst": list(worst),
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(parts, indent=1, allow_nan=False) + "\n")


def _rows(found: Scored, groups: dict[str, GroupError]) -> list[dict[str, Any]]:
    return [
        {"benchmark": found.benchmark, "model": found.model, "class": name}
        | {k: v if math.isfinite(v) else None for k, v in asdict(group).items()}
        for name, group in groups.items()
    ]


def _table(title: str, first: Sequence[str], scored: Sequence[Scored]) -> Table:
    return plain_table((*first, *(found.model for found in scored)), title=title)


def _cell(group: GroupError, metric: Metric, reference: GroupError | None) -> str:
    value = getattr(group, metric)
    if not math.isfinite(value):
        return "-"
    if reference is None or not reference.hands:
        return f"{value:.2f}"
    return f"{value:.2f} ({value / getattr(reference, metric):.2f})"


def _both(group: GroupError) -> str:
    values = (group.pa_mm, group.box_percent)
    return " / ".join(f"{value:.2f}" if math.isfinite(value) else "-" for value in values)
