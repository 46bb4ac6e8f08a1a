"""DexYCB's hand pose task, as its toolkit scores it (Chao et al. 2021)."""

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics.joints import absolute_errors
from knuckle.evaluation.protocols.common import MM, error_score, joint_report, pck_3d, share_score
from knuckle.evaluation.report import Report

NAME = "DexYCB"
PROTOCOL = (
    "DexYCB's hand pose task: every frame of the test split with a labelled hand; MPJPE, and AUC over 100 thresholds"
    " from 0 to 50 mm, in the camera's frame as they are (its 'absolute'; here camera space), with the wrists laid"
    " together (its 'root-relative'; here MPJPE, AUC root-relative) and after a similarity fit, reflections allowed"
    " (its 'procrustes'; here PA, AUC aligned); the mean over hands of each joint, then over joints."
)
CROP = "Box: tight around the true joints; side given; left hands mirrored."


def report(
    truth: Truth,
    predictions: Predictions,
    *,
    model: str,
    benchmark: str = NAME,
    shown: str = CROP,
    notes: tuple[str, ...] = (),
) -> Report:
    """The three rows of the toolkit's table, and the errors in the picture.

    Args:
        truth: labels of N hands.
        predictions: the model's answers.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        shown: how the model was shown the pictures.
        notes: what a reader must know to judge the figures.
    """
    errors = absolute_errors(truth.joints_m, predictions.joints_m)
    curve = pck_3d(errors)
    result = joint_report(
        truth, predictions, benchmark=benchmark, protocol=f"{PROTOCOL} {shown}", model=model, notes=notes
    )
    scores = (
        error_score("MPJPE camera space", errors, "mm", MM),
        share_score("AUC 0-50 mm camera space", curve.area),
    )
    return result.with_scores(scores, curves={"PCK 3D camera space": curve})
