"""Scores most benchmarks share."""

import math

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.joints import (
    absolute_errors,
    box_errors,
    class_means,
    keypoint_mean,
    procrustes_errors,
    root_relative_errors,
    sample_means,
)
from knuckle.evaluation.report import RELATIVE, Better, Curve, Report, Score

MM = 1e3
PERCENT = 1e2
BOX_FRACTIONS = np.linspace(0.0, 0.25, 101)
PCK_2D = (0.05, 0.1, 0.2)

PA = "PA-MPJPE"
PA_RIGID = "PA-MPJPE reflection-free"
PA_MESH = "PA-MPJPE of the mesh head"
BOX = "2D error"
ROUGH = "rough mesh: "
"""What the rows of the mesh before a model's refinement begin with."""
AUC = "AUC 0-50 mm aligned"
EPE = "EPE"
EPE_BRANCH = "EPE of the 2D branch"


def joint_report(
    truth: Truth,
    predictions: Predictions,
    *,
    benchmark: str,
    protocol: str,
    model: str,
    notes: tuple[str, ...] = (),
    with_epe: bool = True,
) -> Report:
    """3D joint errors where the truth has 3D, and 2D errors.

    Args:
        truth: labels of N hands.
        predictions: the model's answers.
        benchmark: what the report calls the benchmark.
        protocol: where boxes and sides come from, and what is aligned.
        model: what the report calls the model.
        notes: what a reader must know to judge the figures.
        with_epe: whether 2D errors are given in px of the frame too, beside those in % of the box.
    """
    report = Report(benchmark, protocol, model, len(truth), (), names=truth.names, notes=notes)
    if truth.has_3d:
        report = _add_3d(report, truth, predictions)
    return _add_2d(report, truth, predictions, with_epe=with_epe)


def error_score(name: str, errors: Float[np.ndarray, "N K"], unit: str, scale: float) -> Score:
    """Mean (keypoints first, as FreiHAND's script) and median over samples of an error."""
    return Score(
        name, keypoint_mean(errors) * scale, unit, "lower", float(np.nanmedian(sample_means(errors))) * scale
    )


def share_score(name: str, value: float, *, better: Better = "higher") -> Score:
    """A figure between 0 and 1."""
    return Score(name, value, "", better)


def pck_3d(errors: Float[np.ndarray, "N K"]) -> Curve:
    """PCK over FreiHAND's thresholds, 0 to 50 mm."""
    return make_curve(curves.PCK_3D_M * MM, curves.pck_curve(errors), "threshold (mm)", "PCK")


def make_curve(
    x: np.ndarray, y: np.ndarray, x_label: str, y_label: str, *, area: float | None = None
) -> Curve:
    """A Curve of arrays; its area by the trapezoid rule over the span of x unless given."""
    size = curves.area(x, y) if area is None else area
    return Curve(tuple(float(v) for v in x), tuple(float(v) for v in y), x_label, y_label, size)


def _add_3d(report: Report, truth: Truth, predictions: Predictions) -> Report:
    official = procrustes_errors(truth.joints_m, predictions.joints_m)
    rigid = procrustes_errors(truth.joints_m, predictions.joints_m, reflection="forbidden")
    rooted = root_relative_errors(truth.joints_m, predictions.joints_m)
    found = {"PCK 3D aligned": pck_3d(official), "PCK 3D root-relative": pck_3d(rooted)}
    scores = (
        error_score(PA, official, "mm", MM),
        error_score(PA_RIGID, rigid, "mm", MM),
        error_score("MPJPE", rooted, "mm", MM),
        share_score(AUC, found["PCK 3D aligned"].area),
        share_score("AUC 0-50 mm root-relative", found["PCK 3D root-relative"].area),
    )
    if predictions.mesh_joints_m is not None:
        of_mesh = procrustes_errors(truth.joints_m, predictions.mesh_joints_m)
        scores += (error_score(PA_MESH, of_mesh, "mm", MM),)
    if predictions.rough_joints_m is not None:
        of_rough = procrustes_errors(truth.joints_m, predictions.rough_joints_m)
        scores += (
            error_score(ROUGH + PA, of_rough, "mm", MM),
            share_score(ROUGH + AUC, pck_3d(of_rough).area),
        )
    report = report.with_scores(scores, curves=found)
    report.by_class.update(_class_rows(PA, "mm", class_means(official), MM))
    report.by_class["MPJPE (mm)"] = _scaled(class_means(rooted), MM)
    report.samples["pa_mpjpe_mm"] = (sample_means(official) * MM).tolist()
    return report


def _add_2d(report: Report, truth: Truth, predictions: Predictions, *, with_epe: bool) -> Report:
    relative = box_errors(truth.joints_px, predictions.joints_px)
    scores = [error_score(BOX, relative, "% of box", PERCENT)]
    if predictions.joints_2d_px is not None:
        branch = box_errors(truth.joints_px, predictions.joints_2d_px)
        scores.append(error_score("2D error of the 2D branch", branch, "% of box", PERCENT))
    if with_epe:
        scores.append(error_score(EPE, absolute_errors(truth.joints_px, predictions.joints_px), "px", 1.0))
        if predictions.joints_2d_px is not None:
            of_branch = absolute_errors(truth.joints_px, predictions.joints_2d_px)
            scores.append(error_score(EPE_BRANCH, of_branch, "px", 1.0))
    shares = curves.pck_curve(relative, np.array(PCK_2D))
    scores += [share_score(f"PCK @{t:g} of box", float(v)) for t, v in zip(PCK_2D, shares, strict=True)]
    curve = make_curve(
        BOX_FRACTIONS * PERCENT, curves.pck_curve(relative, BOX_FRACTIONS), "threshold (% of box)", "PCK"
    )
    report = report.with_scores(tuple(scores), curves={"PCK 2D": curve})
    report.by_class.update(_class_rows("2D", "% of box", class_means(relative), PERCENT))
    report.samples["error_2d_percent"] = (sample_means(relative) * PERCENT).tolist()
    return report


def _class_rows(name: str, unit: str, row: dict[str, float], factor: float) -> dict[str, dict[str, float]]:
    """Errors by joint class as they are, and in % of the tips' error (EHPE, Fig. 1)."""
    relative = {c: PERCENT * value / row["T"] if row["T"] > 0 else math.nan for c, value in row.items()}
    return {f"{name} ({unit})": _scaled(row, factor), f"{name} {RELATIVE}": relative}


def _scaled(row: dict[str, float], factor: float) -> dict[str, float]:
    return {name: value * factor for name, value in row.items()}
