"""The scores that the record of weights keeps, with the command that measured them."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from knuckle.evaluation.report import Report
from knuckle.files import atomic_path
from knuckle.weights import read_record

KEYS = {
    "PA-MPJPE": "pa_mpjpe_mm",
    "MPJPE": "mpjpe_mm",
    "2D error": "error_2d_percent_of_box",
    "PA-MPVPE": "pa_mpvpe_mm",
    "confidence ROC-AUC": "confidence_roc_auc",
    "MPJPE all": "mpjpe_all_mm",
    "MPJPE single": "mpjpe_single_mm",
    "MPJPE two": "mpjpe_two_mm",
    "MRRPE": "mrrpe_mm",
    "ghost partners": "ghost_percent",
    "missed hands": "missed_percent",
    "penetration": "penetration_cm3",
}
"""A report's scores that a record keeps, by the names they have there."""


def recorded_scores(report: Report, *, command: str) -> dict[str, Any]:
    """The report's means as a record keeps them, what is not finite left out; then what was counted, and the
    command.
    """
    scores = {
        KEYS[s.name]: round(s.value, 3) for s in report.scores if s.name in KEYS and math.isfinite(s.value)
    }
    return {**scores, f"{report.counted}s": report.count, "command": command}


def record_report(path: Path, report: Report, *, model: str, command: str) -> None:
    """Put a report's scores into a record, whole or not at all, as those of "BENCHMARK, MODEL".

    Scores of other benchmarks and of other ways of running the weights stay; earlier ones of this one are replaced.

    Args:
        path: the record.
        report: of its weights.
        model: how they were run.
        command: what measured the scores.

    Raises KnuckleError where the record cannot be read or written.
    """
    record = read_record(path)
    scores = {**record.scores, f"{report.benchmark}, {model}": recorded_scores(report, command=command)}
    with atomic_path(path) as temporary:
        replace(record, scores=scores).write(temporary)
