"""How training went: scores on held-out crops against samples seen, as tables and a picture.

python -m benchmarks.training.learning_curves runs/A [runs/B ...] [--joined] [--out out/learning.png]. Each folder is a
run of `knuckle train`; --joined takes them as one, each going on from the last one's weights. Held-out crops are those
of each run's own set, and the scores those of the averaged weights.

python -m benchmarks.training.learning_curves weights/standing.json --out docs/learning.png draws the record of a
standing run (`knuckle standing`) and of those before it: held-out hands, photographs and frozen rendered hands, beside
what ships.
"""

from pathlib import Path

from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.shared.arguments import make_parser
from benchmarks.training.ablations import COLUMNS
from knuckle.standing.picture import draw_learning
from knuckle.standing.state import read_state
from knuckle.view.charts import chart_sheet, chart_style, write_figure
from knuckle.view.palette import chart_colour

Curve = list[tuple[int, float]]
"""(samples seen, score)."""


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--joined", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("out/learning.png"))
    options = parser.parse_args()
    if [run.suffix for run in options.runs] == [".json"]:
        draw_record(options.runs[0], options.out)
        return
    curves = {run.name: curves_of(run) for run in options.runs}
    if empty := [name for name, found in curves.items() if not found]:
        raise SystemExit(f"error: expected runs with held-out scores, got none in {', '.join(empty)}")
    if options.joined:
        curves = {", then ".join(curves): joined(list(curves.values()))}
    for name, found in curves.items():
        for score, curve in found.items():
            print(f"{name}: {COLUMNS[score]}: " + ", ".join(f"{x:,} {y:.2f}" for x, y in curve))
    write_figure(options.out, picture(curves))
    print(options.out)


def draw_record(record: Path, out: Path) -> None:
    """A standing run's scorings as lines, and its picture."""
    state = read_state(record)
    for scoring in [*state.earlier.get("scorings", []), *state.scorings]:
        print(f"{scoring['samples']:,} samples: {scoring['line']}")
    write_figure(out, draw_learning(state))
    print(out)


def curves_of(run: Path) -> dict[str, Curve]:
    """Every score a run was validated by."""
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found = {}
    for score in COLUMNS:
        if (tag := f"validation/{score}") in events.Tags()["scalars"]:
            # A run that was stopped and went on may have written a step twice: the later one counts.
            found[score] = sorted({event.step: event.value for event in events.Scalars(tag)}.items())
    return found


def joined(runs: list[dict[str, Curve]]) -> dict[str, Curve]:
    """Runs that went on from each other's weights as one."""
    whole: dict[str, Curve] = {}
    before = 0
    for run in runs:
        for score, curve in run.items():
            whole.setdefault(score, []).extend((before + seen, value) for seen, value in curve)
        before += max(seen for curve in run.values() for seen, _ in curve)
    return whole


@chart_style()
def picture(curves: dict[str, dict[str, Curve]]) -> Figure:
    """A chart for each score, a line for each run."""
    drawn = [score for score in COLUMNS if any(score in found for found in curves.values())]
    figure, sheet = chart_sheet(len(drawn), title="Scores on held-out crops", subtitle="averaged weights")
    for axes, score in zip(sheet, drawn, strict=True):
        for i, (name, found) in enumerate(curves.items()):
            if not (points := found.get(score)):
                continue
            # A run has the same colour in every chart.
            axes.plot([x / 1e3 for x, _ in points], [y for _, y in points], color=chart_colour(i), label=name)
        axes.set(title=COLUMNS[score], xlabel="samples seen (thousands)", ylabel=COLUMNS[score])
        axes.set(xlim=(0, None), ylim=(0, None))
        axes.legend(loc="lower right")
    return figure


if __name__ == "__main__":
    main()
