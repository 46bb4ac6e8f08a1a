"""How exact the installed weights are: on the frozen synthetic benchmarks of one and of two hands and on real
photographs, MediaPipe beside.

python -m benchmarks.accuracy.scores [--weights dahyf --weights dfl ...] [--data synthetic-two ...] [--limit N] [--json
FILE]. Every installed model unless some are named: as `knuckle estimate` runs it (but two-hand systems, which look
once and, of two hands, know no boxes here), and the network alone where that differs. --no-evidence: without the
landmark network's share. On two hands, one-hand systems see each hand in a crop of its own; on single hands, a
two-hand system may see a ghost partner. "auto" is given the hands that are there by their true boxes and sides, as its
user gives them: lone ones go to the one-hand system, so there are no ghosts to count; on benchmarks of single hands it
is that system. Real photographs, and MediaPipe on them, only where KNUCKLE_DATA names the folder that holds
`eval-dev`. Boxes and sides come from the ground truth; the protocols are those of `knuckle evaluate`.

--turn: instead, the hand-graph photographs as they are and turned clockwise by one, two and three quarters, and how
many times the error of the photographs as they are the worst of these is.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.shared import boxed_peer
from benchmarks.shared.arguments import add_weights, make_parser, parse
from benchmarks.shared.photographs import EVAL_DEV, QUARTERS, hand_graph_photographs, have_photographs, turned
from benchmarks.shared.tables import plain_table
from knuckle import weights
from knuckle.evaluation.benchmarks.catalogue import NAMES, open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark, photographed_hands
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.protocols import handgraph
from knuckle.evaluation.report import Report, write_reports
from knuckle.evaluation.run import evaluate
from knuckle.open_model import open_model
from knuckle.progress import show_progress
from knuckle.weights import AUTO

PEER = "MediaPipe 0.10.21, box given"
COLUMNS = {
    "PA-MPJPE": "PA-MPJPE (mm)",
    "PA-MPJPE reflection-free": "no reflection",
    "MPJPE": "MPJPE (mm)",
    "PA-MPVPE": "PA-MPVPE (mm)",
    "2D error": "2D (% of box)",
    "2D error of the 2D branch": "2D branch",
    "PCK @0.05 of box": "PCK .05",
    "PCK @0.1 of box": ".1",
    "PCK @0.2 of box": ".2",
    "confidence ROC-AUC": "ROC-AUC",
    "ghost partners": "ghosts (%)",
}

TWO_HAND_COLUMNS = {
    "MPJPE single": "MPJPE single (mm)",
    "MPJPE two": "two",
    "MPJPE all": "all",
    "MPJPE all own depth": "own depth",
    "AUC 0-50 mm": "AUC",
    "MRRPE": "MRRPE (mm)",
    "MRRPE right depth given": "right given",
    "MPJPE scaled": "scaled (mm)",
    "2D error": "2D (% of box)",
    "penetration": "inside (cm³)",
    "ghost partners": "ghosts (%)",
    "missed hands": "missed (%)",
    "handedness": "side (%)",
}


def main() -> None:
    parser = make_parser(__doc__)
    add_weights(parser, default="all that are installed")
    parser.add_argument(
        "--data", action="append", choices=NAMES, default=None, help="repeatable; default: all"
    )
    parser.add_argument("--limit", type=int, default=None, help="hands, or crops of two, of each benchmark")
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--turn", action="store_true", help="photographs turned by quarters")
    options = parse(parser)
    models = open_all(options.weights or list(weights.available()), evidence=options.evidence)
    if options.turn:
        Console(width=200).print(turned_table(models, options.limit))
        return
    reports = []
    for data in options.data or NAMES:
        if data == EVAL_DEV and not have_photographs():
            print("real photographs skipped: KNUCKLE_DATA does not name a folder with eval-dev")
            continue
        benchmarks = open_benchmarks(data, limit=options.limit)
        reports += [score(benchmark, model) for model in models for benchmark in benchmarks]
        if data == EVAL_DEV:
            reports.append(mediapipe_report(options.limit))
    console, samples = Console(width=250), {model.name: model.samples_seen for model in models}
    one, two = ([r for r in reports if r.counted == counted] for counted in ("hand", "crop"))
    if one:
        console.print(table(one, COLUMNS, samples), "")
    if two:
        console.print(table(two, TWO_HAND_COLUMNS, samples))
    if options.json:
        write_reports(options.json, reports)


def open_all(names: Sequence[str], *, evidence: bool = True) -> list[EvaluatedModel]:
    """Each model as `knuckle estimate` runs it, and its network alone ("auto" is two, so it has none); a checkpoint is
    scored as it is.
    """
    models = []
    for name in names:
        models.append(open_model(name, evidence=evidence))
        if name != AUTO and not name.endswith(".safetensors"):
            models.append(open_model(name, refine=False))
    return models


def score(benchmark: Benchmark | TwoHandBenchmark, model: EvaluatedModel) -> Report:
    """The model's report on a benchmark."""
    with show_progress(benchmark.name, len(benchmark) + benchmark.other_count) as advance:
        return evaluate(model, benchmark, progress=advance)


def turned_table(models: Sequence[EvaluatedModel], limit: int | None) -> Table:
    """PA-MPJPE (mm) and 2D error (% of the box) by how far the photographs are turned, and the worst over the first."""
    hands = hand_graph_photographs()[:limit]
    title = "hand-graph, PA-MPJPE (mm) / 2D (% of box)"
    result = plain_table((title, *(f"{90 * q}°" for q in QUARTERS), "worst / 0°"))
    turns = [turned(hands, quarters) for quarters in QUARTERS]
    for model in models:
        benchmarks = [photographed_hands(of_turn)[0] for of_turn in turns]
        alone = [replace(benchmark, others=None, other_count=0) for benchmark in benchmarks]
        result.add_row(model.name, *_by_turn([score(benchmark, model) for benchmark in alone]))
    peers = [handgraph.report(*boxed_peer.predict(of_turn), model=PEER) for of_turn in turns]
    result.add_row(PEER, *_by_turn(peers))
    return result


def _by_turn(reports: Sequence[Report]) -> list[str]:
    names = ("PA-MPJPE", "2D error")
    rows = [[next(s.value for s in report.scores if s.name == name) for name in names] for report in reports]
    worst = [max(values) / values[0] for values in zip(*rows, strict=True)]
    return [f"{mm:.2f} / {percent:.2f}" for mm, percent in rows] + [" / ".join(f"{w:.2f}" for w in worst)]


def mediapipe_report(limit: int | None) -> Report:
    """MediaPipe's landmark network on the hand-graph photographs, given the same boxes."""
    truth, predictions = boxed_peer.predict(hand_graph_photographs()[:limit])
    return handgraph.report(truth, predictions, model=PEER)


def table(
    reports: list[Report],
    columns: dict[str, str],
    samples: dict[str, int | None],
) -> Table:
    """A row a benchmark and model, a benchmark's models together. columns: score -> heading. samples: hands each model
    saw in training.
    """
    first = ("benchmark", "model", "samples seen", f"{reports[0].counted}s")
    result = plain_table((*first, *columns.values()), left=("model",))
    order = list(dict.fromkeys(report.benchmark for report in reports))
    for report in sorted(reports, key=lambda report: order.index(report.benchmark)):
        found = {s.name: s.value for s in report.scores}
        if report.model.startswith("MediaPipe"):
            # Its 3D joints are turned with the square it sees: a root-relative error means nothing.
            found.pop("MPJPE", None)
        seen = samples.get(report.model)
        row = (report.benchmark, report.model, "-" if seen is None else f"{seen:,}", str(report.count))
        result.add_row(*row, *(_cell(found, c) for c in columns))
    return result


def _cell(scores: dict[str, float], name: str) -> str:
    if name not in scores:
        return "-"
    return f"{scores[name]:.{3 if name.startswith(('PCK', 'AUC', 'confidence')) else 2}f}"


if __name__ == "__main__":
    main()
