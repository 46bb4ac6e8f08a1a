"""HOT3D by the pose track of the Multiview Egocentric Hand Tracking Challenge, as its toolkit scores it."""

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.joints import absolute_errors
from knuckle.evaluation.protocols.common import MM, error_score, joint_report, make_curve, share_score
from knuckle.evaluation.report import Curve, Report, Score
from knuckle.skeleton import JOINT_CLASSES, JOINT_COUNT, WRIST

NAME = "HOT3D"
THRESHOLDS_M = np.linspace(0.0, 0.05, 101)
SCORED = tuple(joint for joint in range(JOINT_COUNT) if joint not in (WRIST, WRIST + 1))
"""Without the wrist, whose place differs between MANO and UmeTrack, and the thumb's CMC, which UmeTrack has not."""
TIPS = JOINT_CLASSES["T"]
PROTOCOL = (
    "Pose track of the Multiview Egocentric Hand Tracking Challenge: 19 joints, all but the wrist and the thumb's CMC,"
    " nothing aligned; challenge MPJPE: the mean over hands and joints; challenge AUC: area under the share of joints"
    " nearer than 101 thresholds from 0 to 50 mm, of all 19 and of the fingertips. There a system sees all cameras of"
    " the headset and is given the true shape of the hand; here it sees one picture and is given nothing but box and"
    " side. So beside it, of all joints: with the wrists laid together, and PA. Picture: what a pinhole camera in the"
    " same place sees; left hands mirrored."
)

POSE = (
    "Pose track of the Multiview Egocentric Hand Tracking Challenge: MANO's hands by the file's pose and wrist and the"
    " true shape against UmeTrack's landmarks, of the world, nothing aligned; 19 joints, all but the wrist and the"
    " thumb's CMC. challenge MPJPE: the mean over hands and joints; challenge AUC: area under the share of joints"
    " nearer than 101 thresholds from 0 to 50 mm (the challenge prints it times 100), of all 19 and of the fingertips."
)
SHAPE = (
    "Shape track of the Multiview Egocentric Hand Tracking Challenge: MANO's left hand, its file mended, in its mean"
    " pose, by the true and by the predicted shape; nothing aligned. challenge MPVPE: the mean distance of its 778"
    " vertices, then the mean over clips."
)
_CURVE = "PCK 3D, challenge"


def report(
    truth: Truth, predictions: Predictions, *, model: str, benchmark: str = NAME, notes: tuple[str, ...] = ()
) -> Report:
    """The challenge's three figures, and those of a single picture.

    Args:
        truth: labels of N hands.
        predictions: the model's answers.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        notes: what a reader must know to judge the figures.
    """
    result = joint_report(
        truth, predictions, benchmark=benchmark, protocol=PROTOCOL, model=model, notes=notes
    )
    scores, curve = _pose_scores(absolute_errors(truth.joints_m, predictions.joints_m))
    return result.with_scores(scores, curves={_CURVE: curve})


def pose_report(
    truth_m: Float[np.ndarray, "N 21 3"],
    predicted_m: Float[np.ndarray, "N 21 3"],
    *,
    model: str,
    names: tuple[str, ...],
    notes: tuple[str, ...] = (),
) -> Report:
    """The challenge's figures of its own files: hands of the world, with the true shape. Raises KnuckleError for
    predictions that are not finite."""
    errors = absolute_errors(truth_m, predicted_m)
    scores, curve = _pose_scores(errors)
    result = Report(
        f"{NAME} pose track",
        POSE,
        model,
        len(errors),
        scores,
        curves={_CURVE: curve},
        names=names,
        notes=notes,
    )
    result.samples["mpjpe_mm"] = (np.nanmean(errors[:, list(SCORED)], axis=1) * MM).tolist()
    return result


def shape_report(
    truth_m: Float[np.ndarray, "N V 3"],
    predicted_m: Float[np.ndarray, "N V 3"],
    *,
    model: str,
    names: tuple[str, ...],
    notes: tuple[str, ...] = (),
) -> Report:
    """MPVPE of MANO's meshes of the true and the predicted shape in one pose, a mesh a clip."""
    of_clips = np.linalg.norm(predicted_m - truth_m, axis=-1).mean(-1) * MM
    score = Score("challenge MPVPE", float(of_clips.mean()), "mm", "lower", float(np.median(of_clips)))
    result = Report(
        f"{NAME} shape track", SHAPE, model, len(of_clips), (score,), names=names, notes=notes, counted="clip"
    )
    result.samples["mpvpe_mm"] = of_clips.tolist()
    return result


def _pose_scores(errors: Float[np.ndarray, "N 21"]) -> tuple[tuple[Score, ...], Curve]:
    scored = errors[:, list(SCORED)]
    whole, tips = (
        make_curve(THRESHOLDS_M * MM, curves.pck_curve(part, THRESHOLDS_M), "threshold (mm)", "PCK")
        for part in (scored, errors[:, list(TIPS)])
    )
    scores = (
        error_score("challenge MPJPE", scored, "mm", MM),
        share_score("challenge AUC", whole.area),
        share_score("challenge AUC fingertips", tips.area),
    )
    return scores, whole
