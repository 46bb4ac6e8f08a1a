"""COCO-WholeBody's hands as pose libraries score them: joints in the picture, nothing in 3D."""

import numpy as np

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.joints import absolute_errors
from knuckle.evaluation.protocols.common import joint_report, make_curve, share_score
from knuckle.evaluation.report import Report

NAME = "COCO-WholeBody hands"
RANGE_PX = np.linspace(0.0, 30.0, 101)
_PROTOCOL = (
    "Valid hands with 11 joints labelled or more, 16 px or larger; the box of the labelled joints and the side given."
    " EPE: mean distance in px of the photograph. PCK: share of joints nearer than that part of the box's longer side"
    " (0.2 is what pose libraries print). AUC 0-30 px: area under the share of joints nearer than 0 to 30 px."
)


def report(truth: Truth, predictions: Predictions, *, model: str, notes: tuple[str, ...] = ()) -> Report:
    """Scores of a model's answers to hands of the validation split; notes: what a reader must know to judge them."""
    result = joint_report(truth, predictions, benchmark=NAME, protocol=_PROTOCOL, model=model, notes=notes)
    apart = absolute_errors(truth.joints_px, predictions.joints_px)
    curve = make_curve(RANGE_PX, curves.pck_curve(apart, RANGE_PX), "threshold (px)", "PCK")
    return result.with_scores((share_score("AUC 0-30 px", curve.area),), curves={"PCK 2D, px": curve})
