"""The learning curves of a standing run as one picture, drawn from its record."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from knuckle.errors import KnuckleError
from knuckle.standing.score import PHOTOGRAPHS, RENDERED
from knuckle.standing.state import State
from knuckle.view.charts import chart_sheet, chart_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HELD_OUT = {
    "pa_mpjpe_mm": ("mm", "Held-out hands of the run: PA-MPJPE", "mm"),
    "projected_percent_of_patch": ("percent", "Held-out hands of the run: 2D error", "% of the patch"),
}
_BENCHMARKS = {PHOTOGRAPHS: "Photographs (hand-graph)", RENDERED: "Frozen rendered hands"}
_MEASURES = {"mm": ("PA-MPJPE", "mm"), "percent": ("2D error", "% of the box")}

Line = tuple[str, str, list[float], list[float]]
"""Name in the legend, matplotlib's format, samples seen in thousands, scores."""


@chart_style()
def draw_learning(state: State) -> "Figure":
    """Draw scores over samples seen, for this run and the runs before it.

    Held-out hands: a line at the constant learning rate, a dot after each cool-down. Photographs and frozen rendered
    hands: a dot for each scoring, and a line for the shipped model. Raises KnuckleError if the record has no score
    yet, and without matplotlib.
    """
    curve, scorings = (
        sorted([*state.earlier.get(name, []), *own], key=lambda entry: entry["samples"])
        for name, own in (("curve", state.curve), ("scorings", state.scorings))
    )
    seen = [point["samples"] / 1e3 for point in [*curve, *scorings]]
    if not seen:
        raise KnuckleError("expected a record with scores to draw, got one without")
    ends = (min(seen), max(max(seen), min(seen) + 1))
    # One row of charts for each measure: mm above, % below.
    rows: dict[str, list[tuple[str, str, list[Line]]]] = {"mm": [], "percent": []}
    for score, (measure, title, unit) in _HELD_OUT.items():
        rows[measure].append((title, unit, _held_out_lines(curve, score)))
    for measure, (name, unit) in _MEASURES.items():
        for benchmark, of in _BENCHMARKS.items():
            rows[measure].append(
                (f"{of}: {name}", unit, _benchmark_lines(scorings, benchmark, measure, ends))
            )
    drawn = {measure: [chart for chart in row if chart[2]] for measure, row in rows.items()}
    sets = len(state.earlier.get("stretches", [])) + len(state.stretches)
    model = f"{state.model['system']} {state.model['preset']}, {state.model['size']} px"
    figure, sheet = chart_sheet(
        sum(map(len, drawn.values())),
        columns=len(drawn["mm"]),
        title="The standing run",
        subtitle=f"{model}: {sets} sets of fresh crops, {max(seen) * 1e3:,.0f} samples seen",
    )
    for axes, chart in zip(sheet, [chart for row in drawn.values() for chart in row], strict=True):
        _draw_chart(axes, *chart, ends)
    return figure


def _held_out_lines(curve: Sequence[dict[str, Any]], score: str) -> list[Line]:
    lines = []
    for name, form, cooled in (("constant rate", "-", False), ("rate fallen", "o", True)):
        points = [p for p in curve if p["cooled"] == cooled and score in p["scores"]]
        lines.append((name, form, [p["samples"] / 1e3 for p in points], [p["scores"][score] for p in points]))
    return [line for line in lines if line[2]]


def _benchmark_lines(
    scorings: Sequence[dict[str, Any]], benchmark: str, measure: str, ends: tuple[float, float]
) -> list[Line]:
    found = [s for s in scorings if benchmark in s["scores"]]
    if not found:
        return []
    seen = [s["samples"] / 1e3 for s in found]
    new, today = ([s["scores"][benchmark][which][measure] for s in found] for which in ("new", "today"))
    # The shipped model may change from one scoring to the next.
    level = ([ends[0], *seen, ends[1]], [today[0], *today, today[-1]])
    return [("new weights", "o", seen, new), (f"ships: {found[-1]['against']['name']}", "-", *level)]


def _draw_chart(
    axes: "Axes", title: str, unit: str, lines: Sequence[Line], ends: tuple[float, float]
) -> None:
    for name, form, x, y in lines:
        axes.plot(x, y, form, label=name)
    low, high = (edge(edge(line[3]) for line in lines) for edge in (min, max))
    room = max(high - low, 0.02 * high, 1e-6)
    side = 0.03 * (ends[1] - ends[0])
    axes.set(title=title, xlabel="samples seen (thousands)", ylabel=unit)
    # Leave room below for the legend.
    axes.set(xlim=(ends[0] - side, ends[1] + side), ylim=(low - 0.5 * room, high + 0.15 * room))
    axes.legend(loc="lower right")
