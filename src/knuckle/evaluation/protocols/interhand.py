"""InterHand2.6M's protocol (Moon et al. 2020), with the variants that later papers print beside it.

Unlike `two_hands`, it takes hands whose wrist, or any joint, is not labelled: the kind of a frame is what the
annotation says that it shows, and what is not labelled does not count.
"""

import math

import numpy as np

from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics.joints import keypoint_mean, sample_means
from knuckle.evaluation.metrics.two_hands import (
    mesh_errors,
    mpjpe,
    mrrpe,
    scaled_mpjpe,
    with_root_depth,
    wrist_errors,
)
from knuckle.evaluation.protocols.common import MM
from knuckle.evaluation.report import Report, Score
from knuckle.skeleton import WRIST

NAME = "InterHand2.6M"

PROTOCOL = (
    "Crop: the annotated box of all hands, cut off at the picture, made square, 1.25 times as large. MPJPE: the 2.5D"
    " answer lifted at the true depth of each wrist, each hand after its own wrist; the mean over frames of each of the"
    " 42 joints, then over joints; a hand whose wrist is not labelled does not count. single: frames annotated as of"
    " one hand, two: as interacting, all: both pooled before the means. own depth: as the model places the hands."
    " MRRPE: left wrist seen from the right one, interacting frames with both wrists labelled; right depth given: the"
    " right wrist at its true depth, as InterNet and DIGIT have it. scaled: interacting frames, middle MCPs laid"
    " together, palms made as long as the true ones, the two hands averaged (IntagHand, DIR, EANet, EHPE, which take"
    " the joints of the true mesh: here they are the annotated ones)."
)
MESHES = (
    " With a MANO file: MPVPE, the mean distance of a hand's vertices to the fit's, after the wrist of each mesh,"
    " neither turned nor scaled; scaled, and MPJPE scaled of the mesh: interacting frames with both fits, middle MCPs"
    " of the meshes laid together, palms made as long as the fit's (IntagHand's, EHPE's Table 2). A hand without a fit"
    " does not count."
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
    """Scores of a model's answers to frames of InterHand2.6M.

    Args:
        truth: labels of N frames, `is_hand` as annotated.
        predictions: the model's answers.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        shown: how the model is shown the frames, where that is not what the protocol says.
        notes: what a reader must know to judge the figures.

    Raises KnuckleError for predictions that are not finite and for a palm without length.
    """
    own, is_hand = predictions.joints_m, truth.is_hand
    wrist_m = np.nan_to_num(truth.joints_m[..., WRIST, 2])
    between = np.diff(own[..., WRIST, 2], axis=1)
    right_given_m = np.concatenate([wrist_m[:, :1], wrist_m[:, :1] + between], axis=1)
    at_truth, right_given = (
        with_root_depth(predictions.joints_px, own, truth.camera, depth) for depth in (wrist_m, right_given_m)
    )
    values: dict[str, float] = {}
    for suffix, joints_m in (("", at_truth), (" own depth", own)):
        found = mpjpe(truth.joints_m, joints_m, is_hand)
        for kind, value in zip(("single", "two", "all"), found, strict=True):
            values[f"MPJPE {kind}{suffix}"] = value
    values["MRRPE"] = mrrpe(truth.joints_m, own, is_hand)
    values["MRRPE right depth given"] = mrrpe(truth.joints_m, right_given, is_hand)
    if is_hand.all(axis=1).any():
        values["MPJPE scaled"] = scaled_mpjpe(truth.joints_m, own, is_hand)
    meshes = _of_meshes(truth, predictions)
    values |= meshes
    result = Report(
        benchmark,
        f"{PROTOCOL}{MESHES if meshes else ''} {shown}".strip(),
        model,
        len(truth),
        tuple(Score(name, value, "mm", "lower") for name, value in values.items() if math.isfinite(value)),
        names=truth.names,
        notes=notes + _unlabelled(truth),
        counted="frame",
    )
    errors = wrist_errors(truth.joints_m, at_truth, is_hand) * MM
    kinds = np.array(truth.kinds)
    result.by_kind["MPJPE (mm)"] = {
        kind: keypoint_mean(errors[kinds == kind]) for kind in sorted(set(truth.kinds)) if kind
    }
    result.samples["mpjpe_mm"] = sample_means(errors).tolist()
    return result


def _of_meshes(truth: TwoHandTruth, predictions: TwoHandPredictions) -> dict[str, float]:
    """Errors of the meshes, where truth and model have some of one rig; none else."""
    true_m, found_m, true_joints_m = truth.vertices_m, predictions.vertices_m, truth.mesh_joints_m
    if true_m is None or found_m is None or true_joints_m is None or true_m.shape != found_m.shape:
        return {}
    joints_m = predictions.joints_m if predictions.mesh_joints_m is None else predictions.mesh_joints_m
    given = (true_m, found_m, true_joints_m, joints_m)
    hands = truth.is_hand.sum(axis=1)
    kinds = {"single": hands == 1, "two": hands == 2, "all": hands > 0}
    errors = mesh_errors(*given, truth.is_hand)
    found = {f"MPVPE {kind}": _mean_mm(errors[rows]) for kind, rows in kinds.items()}
    # A frame counts where both hands have a fit.
    fitted = np.asarray(np.isfinite(true_joints_m).all((-3, -2, -1)))
    both = truth.is_hand & (fitted & kinds["two"])[:, None]
    if both.any():
        found["MPVPE scaled"] = _mean_mm(mesh_errors(*given, both, scaled=True))
        found["MPJPE scaled of the mesh"] = scaled_mpjpe(true_joints_m, joints_m, both)
    return found


def _mean_mm(errors_m: np.ndarray) -> float:
    counted = errors_m[np.isfinite(errors_m)]
    return float(counted.mean()) * MM if len(counted) else math.nan


def _unlabelled(truth: TwoHandTruth) -> tuple[str, ...]:
    there = np.isfinite(truth.joints_m[..., WRIST, :]).all(-1)
    wrists = int((truth.is_hand & ~there).sum())
    if not wrists:
        return ()
    return (f"{wrists} of {int(truth.is_hand.sum())} hands do not count, as their wrist is not labelled",)
