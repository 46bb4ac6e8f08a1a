"""Errors of two hands by group as Markdown tables."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from benchmarks.shared.tables import markdown_table

from knuckle.evaluation.arrays import TwoHandTruth
from knuckle.evaluation.breakdown.two_hand_errors import TwoHandJointErrors

Groups = Mapping[str, np.ndarray]


def error_table(errors: Mapping[str, TwoHandJointErrors], groups: Groups) -> str:
    """A row a group, a column a model: MPJPE (mm) / 2D error (% of box) / MRRPE (mm), "-" where nothing counts."""
    rows = []
    for name, chosen in groups.items():
        found = [model.of_hands(chosen) for model in errors.values()]
        cells = (f"{_n(f.mpjpe_mm)} / {_n(f.box_percent)} / {_n(f.mrrpe_mm)}" for f in found)
        rows.append([name, str(found[0].hands), *cells])
    heads = [f"{model}: MPJPE / 2D / MRRPE" for model in errors]
    return markdown_table(["hands", "number", *heads], rows)


def source_table(errors: TwoHandJointErrors, groups: Groups) -> str:
    """A row a group: MPJPE, the same with true depths and with true places, the wrists' error along each axis, and
    the share of hands drawn nearer to the other hand than to their own.
    """
    rows = []
    for name, chosen in groups.items():
        found = errors.of_hands(chosen)
        x, y, z = (_n(value) for value in found.between_mm)
        parts = (found.mpjpe_mm, found.true_depth_mm, found.true_2d_mm)
        rows.append([name, *(_n(p) for p in parts), f"{x} / {y} / {z}", _n(found.elsewhere_percent)])
    heads = [
        "hands",
        "MPJPE (mm)",
        "true depths",
        "true 2D",
        "wrist to wrist x / y / z (mm)",
        "on the other hand (%)",
    ]
    return markdown_table(heads, rows)


def worst_table(errors: TwoHandJointErrors, truth: TwoHandTruth, worst: Sequence[int]) -> str:
    """A row a crop: its name, what it shows, and its errors."""
    rows = []
    for i in worst:
        row = worst_row(errors, truth, i)
        rows.append([row["crop"], row["kind"], row["mpjpe"], row["2d"], row["mrrpe"]])
    heads = ["crop", "kind", "MPJPE right, left (mm)", "2D right, left (%)", "MRRPE (mm)"]
    return markdown_table(heads, rows)


def worst_row(errors: TwoHandJointErrors, truth: TwoHandTruth, index: int) -> dict[str, str]:
    """One crop as text: crop, kind, mpjpe and 2d of the right and the left hand, mrrpe; "-" for absent hands."""
    there = truth.is_hand[index]

    def means(values: np.ndarray) -> str:
        return ", ".join(f"{v.mean():.0f}" if t else "-" for v, t in zip(values[index], there, strict=True))

    place = f"{np.linalg.norm(errors.between_mm[index]):.0f}" if there.all() else "-"
    return {
        "crop": truth.names[index],
        "kind": truth.kinds[index],
        "mpjpe": means(errors.mpjpe_mm),
        "2d": means(errors.box_percent),
        "mrrpe": place,
    }


def _n(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "-"
