"""A standing run's learning as one picture, drawn from its record alone."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.standing.score import PHOTOGRAPHS, RENDERED
from knuckle.standing.state import State
from knuckle.view.plot import Line, LineChart, draw_sheet

_HELD_OUT = {
    "pa_mpjpe_mm": ("Held-out hands of the run: PA-MPJPE", "mm"),
    "projected_percent_of_patch": ("Held-out hands of the run: 2D error", "% of the patch"),
}
_BENCHMARKS = {PHOTOGRAPHS: "Photographs (hand-graph)", RENDERED: "Frozen rendered hands"}
_MEASURES = {"mm": ("PA-MPJPE", "mm"), "percent": ("2D error", "% of the box")}

Points = Sequence[tuple[float, float]]
"""(samples seen in thousands, score)."""


def draw_learning(state: State) -> UInt8[np.ndarray, "H W 3"]:
    """Scores against samples seen over all stretches, of this run and of those before it.

    Held-out hands: a line at the constant rate, dots where the rate had fallen. Photographs and frozen rendered hands:
    a dot a scoring, and a line for what ships. Raises KnuckleError where the record holds no score yet.
    """
    curve, scorings = (
        sorted([*state.earlier.get(name, []), *own], key=lambda entry: entry["samples"])
        for name, own in (("curve", state.curve), ("scorings", state.scorings))
    )
    seen = [point["samples"] / 1e3 for point in [*curve, *scorings]]
    if not seen:
        raise KnuckleError("expected a record with scores to draw, got one without")
    x_range = (min(seen), max(max(seen), min(seen) + 1))
    charts = []
    for score, (title, unit) in _HELD_OUT.items():
        charts.append(_held_out(curve, score, title, unit, x_range))
    for measure, (name, unit) in _MEASURES.items():
        for benchmark, of in _BENCHMARKS.items():
            charts.append(_scored(scorings, benchmark, measure, f"{of}: {name}", unit, x_range))
    # A row a measure: mm above, % below.
    mm, percent = (
        [c for c in charts if c is not None and (c.y_label == "mm") == above] for above in (True, False)
    )
    sets = len(state.earlier.get("stretches", [])) + len(state.stretches)
    model = f"{state.model['system']} {state.model['preset']}, {state.model['size']} px"
    return draw_sheet(
        [*mm, *percent],
        columns=len(mm),
        title="The standing run",
        subtitle=f"{model}: {sets} sets of fresh crops, {max(seen) * 1e3:,.0f} samples seen",
        panel=(460, 320),
    )


def _held_out(
    curve: Sequence[dict[str, Any]], score: str, title: str, unit: str, x_range: tuple[float, float]
) -> LineChart | None:
    def points(cooled: bool) -> Points:
        return [
            (p["samples"] / 1e3, p["scores"][score])
            for p in curve
            if p["cooled"] == cooled and score in p["scores"]
        ]

    return _chart(
        title, unit, x_range, [(points(False), "constant rate", False), (points(True), "rate fallen", True)]
    )


def _scored(
    scorings: Sequence[dict[str, Any]],
    benchmark: str,
    measure: str,
    title: str,
    unit: str,
    x_range: tuple[float, float],
) -> LineChart | None:
    found = [s for s in scorings if benchmark in s["scores"]]

    def value(which: str) -> Callable[[dict[str, Any]], float]:
        return lambda scoring: scoring["scores"][benchmark][which][measure]

    new, today = value("new"), value("today")
    dots = [(s["samples"] / 1e3, new(s)) for s in found]
    # What ships changes from scoring to scoring at most.
    level = [(s["samples"] / 1e3, today(s)) for s in found]
    if level:
        level = [(x_range[0], level[0][1]), *level, (x_range[1], level[-1][1])]
    name = found[-1]["against"]["name"] if found else ""
    return _chart(title, unit, x_range, [(dots, "new weights", True), (level, f"ships: {name}", False)])


def _chart(
    title: str, unit: str, x_range: tuple[float, float], lines: Sequence[tuple[Points, str, bool]]
) -> LineChart | None:
    """None where there is nothing to draw."""
    drawn = [
        Line([x for x, _ in points], [y for _, y in points], name, dots=dots)
        for points, name, dots in lines
        if points
    ]
    if not drawn:
        return None
    low, high = (edge([edge(line.y) for line in drawn]) for edge in (min, max))
    room = max(high - low, 0.02 * high, 1e-6)
    # The legend lies at the bottom.
    return LineChart(
        title, "samples seen (thousands)", unit, drawn, x_range, (low - 0.5 * room, high + 0.15 * room)
    )
