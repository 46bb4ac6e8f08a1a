"""Scoring: a run's weights as onnx beside what ships today, on rendered hands and on photographs, both as `estimate`
runs them."""

import os
import shlex
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from knuckle import weights as store
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import DATA_VARIABLE, Benchmark
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.run import evaluate
from knuckle.export.ship import ship
from knuckle.files import atomic_path
from knuckle.open_model import open_model
from knuckle.standing.recipe import StandingRecipe
from knuckle.standing.state import STATE, State
from knuckle.standing.trainer import COOLED
from knuckle.standing.verdict import Pair, Scores, Verdict, judge
from knuckle.training.checkpoint import read_metadata
from knuckle.training.loop import WEIGHTS

SCORED = "scored"
PICTURE = "learning.png"
PHOTOGRAPHS, RENDERED = "photographs", "rendered"


def check_against(name: str) -> None:
    """Raise KnuckleError unless `name` is a one-hand model that is there."""
    _, record = store.resolve(name)
    if record.hands != 1:
        raise KnuckleError(f"score against: expected a one-hand model, got {record.name}")


def newest_weights(folder: Path) -> Path:
    """The weights that saw most: those a falling rate led to, or those of the constant rate since. Raises KnuckleError
    where there are none yet."""
    found = [path for path in (folder / WEIGHTS, folder / COOLED) if path.exists()]
    if not found:
        raise KnuckleError(f"{folder}: expected weights to score, got none; train first")
    # Of two that saw as much the later one.
    return max(found, key=lambda path: (int(read_metadata(path).get("samples_seen", 0)), path.name == COOLED))


def score_weights(
    folder: Path, recipe: StandingRecipe, state: State, *, held_out: Path, commit: str
) -> Verdict:
    """Score the folder's newest weights beside what ships, and add the scores to the state, which is not written here.

    A copy of the weights lies in the folder's `scored` afterwards, with their onnx file and record.

    Args:
        folder: of the run.
        recipe: of the run; names what the weights are scored beside.
        state: of the run.
        held_out: the set that sets the confidence threshold.
        commit: of the code, for the record.
    """
    chosen, out = newest_weights(folder), folder / SCORED
    with atomic_path(out / WEIGHTS) as temporary:
        shutil.copyfile(chosen, temporary)
    record = ship(
        out / WEIGHTS,
        out,
        name=recipe.name,
        validation_set=held_out,
        trained_on=trained_on(recipe, state),
        commit=commit,
        validation=recipe.render.held_out,
    )
    print(f"scoring weights of {record.samples_seen:,} samples beside {recipe.score.against}", flush=True)
    models = {"today": open_model(recipe.score.against), "new": open_model(str(out / f"{recipe.name}.onnx"))}
    measured = {
        name: Pair(**{which: _measure(model, benchmark) for which, model in models.items()})
        for name, benchmark in benchmarks(recipe.score.limit or None).items()
    }
    verdict = judge(photographs=measured.get(PHOTOGRAPHS), rendered=measured[RENDERED], margins=recipe.score)
    scoring = {
        "samples": record.samples_seen,
        "cooled": chosen.name == COOLED,
        "commit": commit,
        "against": {"name": models["today"].name, "samples": models["today"].samples_seen},
        "scores": {
            name: {which: scores._asdict() for which, scores in pair._asdict().items()}
            for name, pair in measured.items()
        },
        "margins": {k: v for k, v in asdict(recipe.score).items() if k.endswith(("_mm", "_percent"))},
        "verdict": verdict.word,
        "line": verdict.line,
    }
    others = [
        s for s in state.scorings if (s["samples"], s["cooled"]) != (scoring["samples"], scoring["cooled"])
    ]
    state.scorings = [*others, scoring]
    return verdict


def benchmarks(limit: int | None) -> dict[str, Benchmark]:
    """The frozen rendered hands, and hand-graph-cnn's photographs where $KNUCKLE_DATA has them."""
    found: dict[str, Any] = {RENDERED: open_benchmarks("synthetic", limit=limit)[0]}
    root = os.environ.get(DATA_VARIABLE)
    if root and (Path(root) / "eval-dev").is_dir():
        photographs = [b for b in open_benchmarks("eval-dev", limit=limit) if b.name == "hand-graph"]
        if photographs:
            found = {PHOTOGRAPHS: photographs[0], **found}
    return found


def to_table(scoring: dict[str, Any]) -> Table:
    """A scoring as the state keeps it, for the terminal: what ships today and the new weights side by side."""
    table = Table()
    for heading in ("benchmark", "hands", "score", f"ships: {scoring['against']['name']}", "new weights"):
        table.add_column(heading, justify="left" if heading in ("benchmark", "score") else "right")
    for name, pair in scoring["scores"].items():
        today, new = pair["today"], pair["new"]
        for key, title in (("mm", "PA-MPJPE (mm)"), ("percent", "2D error (% of box)")):
            table.add_row(name, str(new["hands"]), title, f"{today[key]:.2f}", f"{new[key]:.2f}")
    return table


def _measure(model: EvaluatedModel, benchmark: Benchmark) -> Scores:
    report = evaluate(model, benchmark)
    return Scores(report["PA-MPJPE"], report["2D error"], report.count)


def trained_on(recipe: StandingRecipe, state: State) -> str:
    """What a record says of this run's training data; that of the weights it began with is in their own record."""
    crops = sum(stretch.render["count"] for stretch in state.stretches)
    seeds = " to ".join(dict.fromkeys(str(s.seed) for s in (state.stretches[0], state.stretches[-1])))
    extras = "".join(f", --extra {name}" for name in recipe.render.options.extras)
    text = f"{crops:,} crops rendered by knuckle standing (seeds {seeds}{extras})"
    if share := recipe.photos.share:
        text += f", {share:.0%} of the hands permissive photographs ({recipe.photos.folder}) that a teacher labelled"
    if recipe.start.weights:
        text += f"; on from {Path(recipe.start.weights).stem} of {state.start['samples']:,} samples"
    return text


def shipping_commands(
    folder: Path, recipe: StandingRecipe, state: State, *, held_out: Path, commit: str
) -> list[str]:
    """What to type to ship the scored weights under the name of what ships today, with the record of the run."""
    name = store.resolve(recipe.score.against)[1].name
    scored = folder / SCORED / WEIGHTS
    export = [
        *("knuckle", "ship", str(scored), "--name", name, "--data", str(held_out)),
        *("--held-out", str(recipe.render.held_out), "--out", "src/knuckle/assets/weights"),
        *("--trained-on", trained_on(recipe, state), "--commit", commit or "unknown"),
    ]
    return [
        shlex.join(export),
        shlex.join(["cp", str(scored), f"weights/{name}.safetensors"]),
        shlex.join(["cp", str(folder / STATE), f"weights/{STATE}"]),
        shlex.join(["cp", str(folder / PICTURE), f"docs/{PICTURE}"]),
    ]
