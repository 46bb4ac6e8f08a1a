"""Our rows beside a paper's: means over the seeds, how far the seeds spread, and whether rows stand in the same order.

Spread of a column: the standard deviation over the seeds of one row, pooled over the rows (the root of the mean
variance). Two rows count as different where their means lie further apart than that; pairs that the paper has equal, or
for which it has no figure, are not counted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from rich.table import Table

from benchmarks.shared.paper_tables import Column, PaperTable
from benchmarks.shared.tables import markdown_table, plain_table

Found = Mapping[str, Sequence[Mapping[str, float]]]
"""Row -> the scores of each seed."""
Speeds = Mapping[str, float]
"""Row -> its speed over the full row's."""

PARAMETERS = "parameters"
_MILLION = 1e-6


@dataclass(frozen=True)
class Order:
    """Pairs of rows of one column."""

    column: str
    spread: float
    """NaN with one seed."""
    apart: int
    """Pairs further apart than the spread."""
    agree: int
    """Those of them in the paper's order."""
    against: tuple[tuple[str, str], ...]
    """The others: (the row that is lower with us, the row that is lower in the paper)."""


def values_of(found: Found, row: str, column: Column) -> np.ndarray:
    """A column of a row, a number a seed; empty where it has none."""
    runs = (run.get(column.score, math.nan) * column.factor for run in found.get(row, ()))
    return np.array([value for value in runs if math.isfinite(value)])


def spread_of(found: Found, table: PaperTable, column: Column) -> float:
    """The pooled standard deviation over the seeds; NaN where no row has two."""
    rows = [values_of(found, row.name, column) for row in table.rows]
    variances = [values.var(ddof=1) for values in rows if len(values) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else math.nan


def order_of(found: Found, table: PaperTable, number: int) -> Order:
    """The pairs of rows of one of the paper's columns. Without a spread (one seed) every two rows count as apart."""
    column = table.columns[number]
    spread = spread_of(found, table, column)
    least = 0.0 if math.isnan(spread) else spread
    apart, against = 0, []
    for one, other in combinations(table.rows, 2):
        ours = [values_of(found, row.name, column) for row in (one, other)]
        if not all(map(len, ours)):
            continue
        difference = ours[0].mean() - ours[1].mean()
        theirs = one.paper[number] - other.paper[number]
        if abs(difference) <= least or not abs(theirs) > 0:
            continue
        apart += 1
        if (difference > 0) != (theirs > 0):
            against.append((one.name, other.name) if difference < 0 else (other.name, one.name))
    return Order(column.name, spread, apart, apart - len(against), tuple(against))


def order_lines(found: Found, table: PaperTable) -> list[str]:
    """The orders of all the paper's columns as sentences, the total last."""
    orders = [order_of(found, table, number) for number in range(len(table.columns))]
    lines = []
    for order in orders:
        spread = "not known (one seed)" if math.isnan(order.spread) else _text(order.spread)
        line = f"{order.column}: seeds' spread {spread}; {_pairs(order.apart, order.agree, order.spread)}"
        named = "; ".join(f"{lower} below {other}" for lower, other in order.against)
        lines.append(line + (f"; not: {named}" if named else ""))
    apart, agree = sum(o.apart for o in orders), sum(o.agree for o in orders)
    share = f" ({100 * agree / apart:.0f} %)" if apart else ""
    spreads = [order.spread for order in orders if not math.isnan(order.spread)]
    total = _pairs(apart, agree, max(spreads, default=math.nan))
    return [*lines, f"all columns: {total}{share}"]


def _pairs(apart: int, agree: int, spread: float) -> str:
    noun = "pair" if apart == 1 else "pairs"
    differ = "that differ at all" if math.isnan(spread) else "further apart than the spread"
    return f"{apart} {noun} of rows {differ}, {agree} in the paper's order"


def rows_of(
    found: Found, table: PaperTable, *, reasons: Mapping[str, str], speeds: Speeds
) -> tuple[list[str], list[list[str]]]:
    """Headings and cells: ours (mean and standard deviation) and the paper's figure under each of its columns, our
    further columns, parameters, speed, and the reason."""
    further = [c for c in table.also if any(len(values_of(found, row.name, c)) for row in table.rows)]
    headings = ["row", "seeds"]
    for column in table.columns:
        headings += [column.name, "paper"]
    headings += [*(column.name for column in further), "parameters (M)"]
    headings += (["speed, full = 1"] if speeds else []) + ["why"]
    lines = []
    for row in table.rows:
        cells = [row.name, str(len(found.get(row.name, ())))]
        for column, paper in zip(table.columns, row.paper, strict=True):
            cells += [_cell(values_of(found, row.name, column)), _text(paper)]
        cells += [_cell(values_of(found, row.name, column)) for column in further]
        size = values_of(found, row.name, Column(PARAMETERS, PARAMETERS, _MILLION))
        cells.append(f"{size.mean():.2f}" if len(size) else "-")
        cells += ([_text(speeds.get(row.name, math.nan))] if speeds else []) + [reasons.get(row.name, "-")]
        lines.append(cells)
    return headings, lines


def printed(headings: list[str], rows: list[list[str]], title: str) -> Table:
    """For the terminal."""
    # A heading stands once in a table of rich's: the paper's figures stand under one of the same name.
    table = plain_table(headings, title=title, left=("why",))
    for cells in rows:
        table.add_row(*cells)
    return table


def markdown(headings: list[str], rows: list[list[str]]) -> str:
    """For a document."""
    return markdown_table(headings, rows)


def _cell(values: np.ndarray) -> str:
    if not len(values):
        return "-"
    spread = f" ± {_text(values.std(ddof=1), like=values.mean())}" if len(values) > 1 else ""
    return _text(float(values.mean())) + spread


def _text(value: float, *, like: float | None = None) -> str:
    """Three decimals below one, two from there on. like: the number whose decimals it gets."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.3f}" if abs(value if like is None else like) < 1 else f"{value:.2f}"
