"""HOT3D by the pose track of the Multiview Egocentric Hand Tracking Challenge, as its toolkit scores it."""

import numpy as np

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.joints import absolute_errors
from knuckle.evaluation.protocols.common import MM, error_score, joint_report, make_curve, share_score
from knuckle.evaluation.report import Report
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
    errors = absolute_errors(truth.joints_m, predictions.joints_m)
    scored = errors[:, list(SCORED)]
    whole, tips = (
        make_curve(THRESHOLDS_M * MM, curves.pck_curve(part, THRESHOLDS_M), "threshold (mm)", "PCK")
        for part in (scored, errors[:, list(TIPS)])
    )
    result = joint_report(
        truth, predictions, benchmark=benchmark, protocol=PROTOCOL, model=model, notes=notes
    )
    scores = (
        error_score("challenge MPJPE", scored, "mm", MM),
        share_score("challenge AUC", whole.area),
        share_score("challenge AUC fingertips", tips.area),
    )
    return result.with_scores(scores, curves={"PCK 3D, challenge": whole})
