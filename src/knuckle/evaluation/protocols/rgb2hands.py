"""RGB2Hands in the picture alone: its benchmark has no joint in 3D, and no published protocol of its joints in 2D."""

import numpy as np

from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.joints import absolute_errors, keypoint_mean, sample_means
from knuckle.evaluation.protocols.common import EPE, error_score, make_curve, share_score
from knuckle.evaluation.report import Report
from knuckle.skeleton import JOINT_COUNT

NAME = "RGB2Hands"
RANGE_PX = np.linspace(0.0, 30.0, 101)
SHARES_PX = (5.0, 10.0, 20.0)
PROTOCOL = (
    "2D alone, px of the picture, nothing aligned: distance of each labelled joint, hands with four labelled joints or"
    " more; the mean over pictures of each of the 42 joints, then over joints. Crop: a square round the labelled joints"
    " of both hands. This protocol is ours: the data set's authors print none of 2D, DFL shows pictures alone."
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
    """Distances in the picture, of all sequences and of each.

    Args:
        truth: labels of N pictures; `kinds` are their sequences.
        predictions: the model's answers.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        shown: how the model is shown the pictures, where that is not what the protocol says.
        notes: what a reader must know to judge the figures.
    """
    apart = absolute_errors(truth.joints_px, predictions.joints_px)
    errors = np.where(truth.is_hand[..., None], apart, np.nan).reshape(len(apart), 2 * JOINT_COUNT)
    curve = make_curve(RANGE_PX, curves.pck_curve(errors, RANGE_PX), "threshold (px)", "PCK")
    shares = curves.pck_curve(errors, np.array(SHARES_PX))
    result = Report(
        benchmark,
        f"{PROTOCOL} {shown}".strip(),
        model,
        len(truth),
        (
            error_score(EPE, errors, "px", 1.0),
            *(share_score(f"PCK @{t:g} px", float(v)) for t, v in zip(SHARES_PX, shares, strict=True)),
            share_score("AUC 0-30 px", curve.area),
        ),
        curves={"PCK 2D": curve},
        names=truth.names,
        notes=notes,
        counted="picture",
    )
    kinds = np.array(truth.kinds)
    result.by_kind["EPE (px)"] = {
        kind: keypoint_mean(errors[kinds == kind]) for kind in sorted(set(truth.kinds)) if kind
    }
    result.samples["epe_px"] = sample_means(errors).tolist()
    return result
