"""Scores of vertices, wherever truth and prediction share one mesh."""

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics.curves import PCK_3D_M, pck_curve
from knuckle.evaluation.metrics.meshes import f_scores
from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.evaluation.protocols.common import MM, ROUGH, error_score, make_curve, share_score
from knuckle.evaluation.report import Curve, Report, Score

PA_VERTICES = "PA-MPVPE"
AUC_VERTICES = "AUC 0-50 mm vertices aligned"

_CHUNK = 256


def add_mesh_scores(result: Report, truth: Truth, predictions: Predictions) -> Report:
    """PA-MPVPE, F@5, F@15 (aligned) and the vertices' AUC; PA-MPVPE and AUC of a rough mesh too, whose difference is
    what the refinement brings. Where the model's mesh is not the truth's, a note instead.
    """
    theirs, ours, rough = truth.vertices_m, predictions.vertices_m, predictions.rough_vertices_m
    if theirs is None or ours is None or ours.shape != theirs.shape:
        return result.with_scores((), notes=(_why_none(theirs, ours),))
    errors = np.zeros(ours.shape[:2])
    near = np.zeros((len(ours), 2))
    for part in _chunks(len(ours)):
        true, aligned = _aligned(theirs[part], ours[part])
        errors[part] = np.linalg.norm(aligned - true, axis=-1)
        near[part] = f_scores(true, aligned)
    mean, auc, curve = _error_scores(errors, "")
    f5, f15 = (
        share_score(name, float(value))
        for name, value in zip(("F@5 aligned", "F@15 aligned"), near.mean(axis=0), strict=True)
    )
    result = result.with_scores((mean, f5, f15, auc), curves={"PCK vertices aligned": curve})
    if rough is None or rough.shape != theirs.shape:
        return result
    for part in _chunks(len(ours)):
        true, aligned = _aligned(theirs[part], rough[part])
        errors[part] = np.linalg.norm(aligned - true, axis=-1)
    return result.with_scores(_error_scores(errors, ROUGH)[:2])


def _error_scores(errors: Float[np.ndarray, "N V"], prefix: str) -> tuple[Score, Score, Curve]:
    curve = make_curve(PCK_3D_M * MM, pck_curve(errors), "threshold (mm)", "PCK")
    mean = error_score(prefix + PA_VERTICES, errors, "mm", MM)
    return mean, share_score(prefix + AUC_VERTICES, curve.area), curve


def _aligned(true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The truth and the prediction laid onto it, in double precision: the fit sums over all vertices."""
    true = true.astype(float)
    return true, align_similarity(true, predicted.astype(float))


def _chunks(count: int) -> list[slice]:
    """A few hundred hands at a time: the alignment of thousands of meshes would take a gigabyte."""
    return [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]


def _why_none(theirs: np.ndarray | None, ours: np.ndarray | None) -> str:
    if theirs is None:
        return "no vertex scores: the data has no mesh"
    count = "none" if ours is None else f"one of {ours.shape[1]} vertices"
    return (
        f"no vertex scores: they need the data's mesh of {theirs.shape[1]} vertices, the model gives {count}"
    )
