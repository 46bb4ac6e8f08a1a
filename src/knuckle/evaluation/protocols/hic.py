"""HIC's protocols: joints as DFL scores them, meshes as InterWild does (Moon 2023)."""

import math

import numpy as np

from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics.joints import keypoint_mean, sample_means
from knuckle.evaluation.metrics.two_hands import (
    mesh_errors,
    mrrpe,
    right_root_errors,
    with_root_depth,
    wrist_errors,
)
from knuckle.evaluation.protocols.common import MM, pck_3d, share_score
from knuckle.evaluation.report import Report, Score
from knuckle.skeleton import WRIST

NAME = "HIC"

PROTOCOL = (
    "Crop: the box of the true meshes in the picture, made square, 1.25 times as large. MPJPE (DFL): the 2.5D answer"
    " lifted at the true depth of each wrist, each hand after its own wrist, not scaled; the mean over pictures of each"
    " of the 42 joints, then over joints; single: pictures of one hand, two: of interacting ones, all: both pooled. own"
    " depth: as the model places the hands. True joints: those of the data set's MANO fits. MPVPE (InterWild): mean"
    " distance of a hand's vertices after its wrist, the mean over hands. RRVE: of both hands' vertices after the right"
    " wrist. MRRPE: left wrist seen from the right one. Both over interacting pictures with both meshes."
)


def report(
    truth: TwoHandTruth,
    predictions: TwoHandPredictions,
    *,
    model: str,
    benchmark: str = NAME,
    shown: str = "",
    notes: tuple[str, ...] = (),
) -> Report:
    """Scores of a model's answers to pictures of HIC.

    Args:
        truth: labels of N pictures, `kinds` as in the list, `is_hand` where there is a mesh.
        predictions: the model's answers; vertices are scored where they are MANO's.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        shown: how the model is shown the pictures, where that is not what the protocol says.
        notes: what a reader must know to judge the figures.

    Raises KnuckleError for predictions that are not finite.
    """
    own, is_hand = predictions.joints_m, truth.is_hand
    depth_m = np.nan_to_num(truth.joints_m[..., WRIST, 2])
    at_truth = with_root_depth(predictions.joints_px, own, truth.camera, depth_m)
    two = np.array([kind == "interacting" for kind in truth.kinds])
    subsets = {"single": ~two, "two": two, "all": np.ones_like(two)}
    errors = wrist_errors(truth.joints_m, at_truth, is_hand)
    values = {
        f"MPJPE {kind}": keypoint_mean(errors[rows]) * MM for kind, rows in subsets.items() if rows.any()
    }
    own_errors = wrist_errors(truth.joints_m, own, is_hand)
    values |= {
        f"MPJPE {kind} own depth": keypoint_mean(own_errors[rows]) * MM
        for kind, rows in subsets.items()
        if rows.any()
    }
    both = is_hand & two[:, None]
    values["MRRPE"] = mrrpe(truth.joints_m, own, both)
    values |= _meshes(truth, predictions, subsets, both)
    curve = pck_3d(errors)
    scores = tuple(
        Score(name, value, "mm", "lower") for name, value in values.items() if math.isfinite(value)
    )
    result = Report(
        benchmark,
        f"{PROTOCOL} {shown}".strip(),
        model,
        len(truth),
        (*scores, share_score("AUC 0-50 mm", curve.area)),
        curves={"PCK 3D root-relative": curve},
        names=truth.names,
        notes=notes + _why_no_meshes(truth, predictions),
        counted="picture",
    )
    result.samples["mpjpe_mm"] = (sample_means(errors) * MM).tolist()
    return result


def _meshes(
    truth: TwoHandTruth, predictions: TwoHandPredictions, subsets: dict[str, np.ndarray], both: np.ndarray
) -> dict[str, float]:
    true_m, found_m = truth.vertices_m, predictions.vertices_m
    if true_m is None or found_m is None or true_m.shape != found_m.shape:
        return {}
    joints_m = predictions.joints_m if predictions.mesh_joints_m is None else predictions.mesh_joints_m
    given = (true_m, found_m, truth.joints_m, joints_m)
    of_hands = mesh_errors(*given, truth.is_hand)
    values = {f"MPVPE {kind}": _mean(of_hands[rows]) * MM for kind, rows in subsets.items()}
    return values | {"RRVE": _mean(right_root_errors(*given, both)) * MM}


def _mean(values: np.ndarray) -> float:
    labelled = values[np.isfinite(values)]
    return float(labelled.mean()) if labelled.size else math.nan


def _why_no_meshes(truth: TwoHandTruth, predictions: TwoHandPredictions) -> tuple[str, ...]:
    true_m, found_m = truth.vertices_m, predictions.vertices_m
    if true_m is None or (found_m is not None and found_m.shape == true_m.shape):
        return ()
    count = "none" if found_m is None else f"one of {found_m.shape[2]} vertices"
    return (
        f"no vertex scores: they need MANO's mesh of {true_m.shape[2]} vertices, the model gives {count}",
    )
