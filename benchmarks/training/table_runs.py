"""A row of a paper's ablation table, trained stage by stage and scored; what a call before it did is read, not done
again.

Every stage has a folder of its own, named by its recipe, the switches it depends on and its seed, so that rows that
differ in a later stage alone share the earlier ones. A row's scores are those of its last stage's weights.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from benchmarks.shared.paper_tables import PaperTable, Row, Stage
from benchmarks.shared.row_order import PARAMETERS
from benchmarks.shared.timing import medians
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.metrics.joints import absolute_errors, keypoint_mean
from knuckle.evaluation.metrics.silhouettes import LabelledFaces
from knuckle.evaluation.paper_tables import patches_of
from knuckle.evaluation.protocols.alignment import add_alignment
from knuckle.evaluation.protocols.common import EPE, EPE_BRANCH
from knuckle.evaluation.run import evaluate, run_patches
from knuckle.files import atomic_path
from knuckle.models import create_model
from knuckle.open_model import open_model
from knuckle.training.loop import WEIGHTS, Trainer
from knuckle.training.recipe import Recipe, read_recipe

CROP_PX = 224
"""Rendered crops have no resolution of their own: their 2D errors are told in px of a crop of this side, FreiHAND's."""

Scores = dict[str, float]


@dataclass(frozen=True)
class Scoring:
    """What a trained row is scored on."""

    data: str
    """As `knuckle evaluate --data`; of a set only the hands that no stage was trained on."""
    meshes: Sequence[LabelledFaces] = ()
    """Triangles of the meshes, where silhouettes are compared."""
    limit: int | None = None
    """Hands, or crops of two."""
    mano: Path | None = None
    """The user's MANO_RIGHT.pkl, for sets of its poses."""


def train_row(
    table: PaperTable, row: Row, out: Path, *, seed: int, changes: Mapping[str, Any] | None = None
) -> Path:
    """The weights of a row, after all its stages.

    changes: fields of every stage's recipe that are others (the set, the number of samples). Raises KnuckleError for a
    folder that holds a run of another recipe.
    """
    before: Path | None = None
    for stage in table.stages:
        if not stage.belongs_to(row):
            continue
        recipe = with_own_parts(recipe_of(stage, row, seed=seed, changes=changes))
        folder = out / slug(recipe, stage, row)
        if before is not None:
            recipe = _started_from(recipe, stage, before)
        before = _train(recipe, folder)
    if before is None:
        raise KnuckleError(f"{table.name}: {row.name}: expected at least one stage, got none")
    return before


def recipe_of(stage: Stage, row: Row, *, seed: int, changes: Mapping[str, Any] | None = None) -> Recipe:
    """A stage's recipe with a row's switches; those that the recipe states itself win in an earlier stage."""
    base = read_recipe(stage.recipe)
    own = stage.switches_of(row)
    switches = {**base.switches, **own} if stage.reads is None else {**own, **base.switches}
    return replace(base, switches=switches, seed=seed, **(changes or {}))


def with_own_parts(recipe: Recipe) -> Recipe:
    """The recipe without the parts to load or to freeze that its switches leave out: a row without a stage lacks its
    modules."""
    own = create_model(recipe.system, preset=recipe.preset, **recipe.switches).state_dict()
    loaded = tuple(part for part in recipe.init_parts if any(name.startswith(part) for name in own))
    frozen = tuple(part for part in recipe.frozen if any(name.startswith(f"{part}.") for name in own))
    if recipe.init_parts and not loaded:
        raise KnuckleError(f"recipe {recipe.name}: init_parts: expected some of its network's, got none")
    return replace(recipe, init_parts=loaded, frozen=frozen)


def slug(recipe: Recipe, stage: Stage, row: Row) -> str:
    """Folder of a stage's run."""
    parts = [f"{name}-{value}".lower() for name, value in stage.switches_of(row).items()]
    return "-".join([recipe.name, *(parts or ["full"]), str(recipe.seed)])


def _started_from(recipe: Recipe, stage: Stage, weights: Path) -> Recipe:
    """The recipe, taking from the stage before what both have of its `keeps`."""
    with safe_open(weights, framework="np") as file:
        stored = set(file.keys())
    own = create_model(recipe.system, preset=recipe.preset, **recipe.switches).state_dict()
    both = stored & own.keys()
    parts = tuple(part for part in stage.keeps if any(name.startswith(part) for name in both))
    if not parts:
        raise KnuckleError(f"{weights}: expected tensors of {', '.join(stage.keeps)}, got none of them")
    # A recipe that names the stage before as its start, all of it, starts from this one instead.
    init = recipe.init if recipe.init_parts else ""
    return replace(recipe, init=init, shared=str(weights), shared_parts=parts)


def _train(recipe: Recipe, folder: Path) -> Path:
    """The weights of a run, trained or, where an earlier call finished it, as they lie there."""
    # Through JSON, as the file has it.
    said = json.loads(json.dumps(asdict(recipe)))
    record = folder / "recipe.json"
    if record.exists() and json.loads(record.read_text()) != said:
        before = json.loads(record.read_text())
        other = sorted(name for name in said if said[name] != before.get(name))
        raise KnuckleError(
            f"{folder}: expected a run of the recipe {recipe.name} as it is, got one with other {', '.join(other)};"
            " name another --out"
        )
    if not (folder / WEIGHTS).exists():
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(record) as temporary:
            temporary.write_text(json.dumps(said, indent=1))
        torch.manual_seed(recipe.seed)
        Trainer(recipe, folder).run()
    return folder / WEIGHTS


def score_row(weights: Path, scoring: Scoring) -> Scores:
    """The report's scores by name, and the network's parameters; read where an earlier call left them beside the
    weights."""
    asked = f"{scoring.data} {scoring.limit} {scoring.mano} {bool(scoring.meshes)}"
    path = weights.with_name(f"scores-{hashlib.sha256(asked.encode()).hexdigest()[:8]}.json")
    if not path.exists():
        found = _score(weights, scoring)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(found, indent=1))
    return json.loads(path.read_text())


def _score(weights: Path, scoring: Scoring) -> Scores:
    model = open_model(str(weights))
    options = {"limit": scoring.limit, "mano": scoring.mano, "seen": model.trained_sets}
    benchmark = open_benchmarks(scoring.data, **options)[0]
    found: Scores = {}
    if isinstance(benchmark, Benchmark):
        truth, predictions = run_patches(
            model.for_single_hands(),
            benchmark.patches(model.size, model.expand),
            names=benchmark.names,
            keep_vertices=benchmark.vertex_count > 0,
        )
        report = benchmark.score(truth, predictions, model.name)
        if scoring.meshes:
            report = add_alignment(report, truth, predictions, scoring.meshes)
        found |= crop_errors(truth, predictions)
    else:
        report = evaluate(model, benchmark)
    found |= {score.name: score.value for score in report.scores}
    return {PARAMETERS: float(model.parameters or 0), **found}


def crop_errors(truth: Truth, predictions: Predictions) -> Scores:
    """EPE of the projected joints and of the 2D branch, px of a crop of `CROP_PX`."""
    assert truth.crop is not None
    scale = (CROP_PX / truth.crop[:, 2])[:, None]
    answers = {EPE: predictions.joints_px, EPE_BRANCH: predictions.joints_2d_px}
    return {
        name: float(keypoint_mean(absolute_errors(truth.joints_px, joints) * scale))
        for name, joints in answers.items()
        if joints is not None
    }


def speeds_of(weights: Mapping[str, Path], full: str, data: str, *, runs: int = 15) -> dict[str, float]:
    """How many times as fast as the full row each row answers one crop, all taking turns here."""
    models = {row: open_model(str(path)) for row, path in weights.items()}
    benchmark = open_benchmarks(data, limit=1)[0]
    # No switch of a table changes the size of the crops: one fits all rows.
    patch = next(patches_of(models[full], benchmark))
    calls = [lambda model=model: model.predict([patch]) for model in models.values()]
    times = dict(zip(models, medians(calls, runs=runs, budget_s=60), strict=True))
    return {row: float(np.float64(times[full]) / seconds) for row, seconds in times.items()}
