"""ARCTIC's hands, as the authors' reconstruction task scores them (Fan et al. 2023); things are not scored."""

import math

import numpy as np

from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics.joints import sample_means
from knuckle.evaluation.metrics.two_hands import mrrpe, wrist_errors
from knuckle.evaluation.protocols.common import MM, pck_3d, share_score
from knuckle.evaluation.report import Report, Score
from knuckle.skeleton import JOINT_COUNT

NAME = "ARCTIC"
PROTOCOL = (
    "ARCTIC's hands in its reconstruction task. MPJPE: each hand after its own wrist, as the model places it, not"
    " scaled; the mean over a hand's joints, then over the hands of a picture that count, then over pictures. MRRPE:"
    " left wrist seen from the right one, pictures in which both hands count. A hand counts where the wrist and two"
    " more joints are in sight. The thing, contact and motion are not scored. Crop: a square round the true joints of"
    " the hands that count; the authors crop round the thing."
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
    """MPJPE and MRRPE of a model's answers to pictures of ARCTIC.

    Args:
        truth: labels of N pictures, `is_hand` where a hand counts.
        predictions: the model's answers.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        shown: how the model is shown the pictures, where that is not what the protocol says.
        notes: what a reader must know to judge the figures.

    Raises KnuckleError for predictions that are not finite.
    """
    found, is_hand = predictions.joints_m, truth.is_hand
    errors = wrist_errors(truth.joints_m, found, is_hand)
    of_hands = sample_means(errors.reshape(-1, JOINT_COUNT)).reshape(-1, 2) * MM
    of_pictures = sample_means(of_hands)
    counted = of_pictures[np.isfinite(of_pictures)]
    curve = pck_3d(errors)
    scores = [
        Score("MPJPE", float(counted.mean()), "mm", "lower", float(np.median(counted))),
        Score("MRRPE", mrrpe(truth.joints_m, found, is_hand), "mm", "lower"),
        share_score("AUC 0-50 mm", curve.area),
    ]
    for side, column in zip(("right", "left"), of_hands.T, strict=True):
        if np.isfinite(column).any():
            scores.append(Score(f"MPJPE {side}", float(np.nanmean(column)), "mm", "lower"))
    result = Report(
        benchmark,
        f"{PROTOCOL} {shown}".strip(),
        model,
        len(truth),
        tuple(score for score in scores if math.isfinite(score.value)),
        curves={"PCK 3D root-relative": curve},
        names=truth.names,
        notes=notes,
        counted="picture",
    )
    result.samples["mpjpe_mm"] = of_pictures.tolist()
    return result
