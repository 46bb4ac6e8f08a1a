"""What trained weights score on a set that several runs share."""

import json
from pathlib import Path

from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.breakdown.class_errors import ALL, JointErrors, hand_groups
from knuckle.evaluation.report import file_name
from knuckle.evaluation.run import evaluate, run_patches
from knuckle.open_model import open_model

PA, BOX = "PA-MPJPE (mm)", "2D (% of box)"
_TWO_HANDS = {
    "MPJPE single": "single (mm)",
    "MPJPE two": "two (mm)",
    "MPJPE all": "MPJPE (mm)",
    "MRRPE": "MRRPE (mm)",
    "PA-MPJPE": PA,
    "2D error": BOX,
}


def common_scores(weights: Path, data: str, *, limit: int | None = None) -> dict[str, dict[str, float]]:
    """Group of hands -> score -> value, of the network alone; read where an earlier call left it beside the weights.

    data: what `knuckle evaluate --data` takes; of photographs the largest source. Groups are the classes of
    knuckle.evaluation.breakdown.class_errors for a one-hand system on single hands, else "all".
    """
    path = weights.with_name(f"common-{file_name(data)}-{limit or ALL}.json")
    if not path.exists():
        path.write_text(json.dumps(_score(weights, data, limit)))
    return json.loads(path.read_text())


def _score(weights: Path, data: str, limit: int | None) -> dict[str, dict[str, float]]:
    benchmark, model = open_benchmarks(data, limit=limit)[0], open_model(str(weights))
    if isinstance(benchmark, Benchmark) and model.hands == 1:
        truth, predictions = run_patches(model.predict, benchmark.patches(model.size, model.expand))
        groups = JointErrors.of(truth, predictions).by_group(hand_groups(truth.joints_m))
        return {name: {PA: g.pa_mm, BOX: g.box_percent} for name, g in groups.items() if g.hands}
    report = evaluate(model, benchmark)
    return {ALL: {_TWO_HANDS[s.name]: s.value for s in report.scores if s.name in _TWO_HANDS}}
