"""Joint errors in 3D and 2D, and how they are averaged.

Every function returns one error a joint, (..., 21), in the unit of its input; a joint whose truth is NaN (not
labelled) has error NaN and takes no part in a mean. A prediction with NaN is refused with a KnuckleError: it
never hides among the unlabelled.
"""

import warnings
from typing import Literal

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.checks import check_pair
from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.skeleton import JOINT_CLASSES, MIDDLE_MCP, WRIST

Reflection = Literal["allowed", "forbidden"]


def procrustes_errors(
    truth_m: Float[np.ndarray, "*batch K 3"],
    predicted_m: Float[np.ndarray, "*batch K 3"],
    *,
    reflection: Reflection = "allowed",
) -> Float[np.ndarray, "*batch K"]:
    """Distance a joint after similarity alignment: PA-MPJPE's terms, FreiHAND's by default."""
    if reflection not in ("allowed", "forbidden"):
        raise KnuckleError(f'reflection: expected "allowed" or "forbidden", got {reflection!r}')
    aligned = align_similarity(truth_m, predicted_m, reflection=reflection == "allowed")
    return np.linalg.norm(aligned - truth_m, axis=-1)


def root_relative_errors(
    truth_m: Float[np.ndarray, "*batch 21 3"],
    predicted_m: Float[np.ndarray, "*batch 21 3"],
    *,
    root: int = WRIST,
) -> Float[np.ndarray, "*batch 21"]:
    """Distance a joint with the roots laid together, neither turned nor scaled: MPJPE's terms."""
    check_pair(truth_m, predicted_m, name="joints_m", last=3)
    difference = predicted_m - truth_m
    return np.linalg.norm(difference - difference[..., root : root + 1, :], axis=-1)


def absolute_errors(
    truth: Float[np.ndarray, "*batch K d"], predicted: Float[np.ndarray, "*batch K d"]
) -> Float[np.ndarray, "*batch K"]:
    """Distance a joint with no alignment at all: in px the EPE's terms, in metres the camera-space error."""
    check_pair(truth, predicted, name="joints", last=truth.shape[-1] if truth.ndim else 0)
    return np.linalg.norm(predicted - truth, axis=-1)


def scale_translation_errors(
    truth_m: Float[np.ndarray, "*batch 21 3"],
    predicted_m: Float[np.ndarray, "*batch 21 3"],
    *,
    root: int = WRIST,
) -> Float[np.ndarray, "*batch 21"]:
    """HO-3D's error after "scale and translation alignment" (its `align_sc_tr`), which is not least squares.

    The scale makes the bone wrist - middle MCP as long as the true one, then the roots (HO-3D: wrists) are laid
    together. Joints in the common order. Raises KnuckleError where the predicted bone has no length (the official
    script gives NaN).
    """
    check_pair(truth_m, predicted_m, name="joints_m", last=3)
    length = np.linalg.norm(predicted_m[..., MIDDLE_MCP, :] - predicted_m[..., WRIST, :], axis=-1)
    if (length == 0).any():
        raise KnuckleError(
            "joints_m: expected a bone wrist - middle MCP of some length,"
            f" got 0 in {int((length == 0).sum())} samples"
        )
    scale = np.linalg.norm(truth_m[..., MIDDLE_MCP, :] - truth_m[..., WRIST, :], axis=-1) / length
    aligned = predicted_m * scale[..., None, None]
    aligned = aligned + (truth_m - aligned)[..., root : root + 1, :]
    return np.linalg.norm(aligned - truth_m, axis=-1)


def centroid_errors(
    truth_m: Float[np.ndarray, "*batch K 3"],
    predicted_m: Float[np.ndarray, "*batch K 3"],
    *,
    scaled: bool = False,
) -> Float[np.ndarray, "*batch K"]:
    """Distance a joint with the middles of the labelled joints laid together, not turned: what is done where a data set
    has fingertips alone (Zhou et al. 2020).

    scaled: the predicted joints made as far from their middle, on average, as the true ones (Minimal-Hand's code).
    Hands with one labelled joint have error 0. Raises KnuckleError where predicted joints to be scaled lie in one
    point.
    """
    check_pair(truth_m, predicted_m, name="joints_m", last=3)
    known = np.isfinite(truth_m).all(-1, keepdims=True)
    count = np.maximum(known.sum(-2, keepdims=True), 1)
    true, found = (
        np.where(known, points - np.where(known, points, 0).sum(-2, keepdims=True) / count, 0)
        for points in (truth_m, predicted_m)
    )
    if scaled:
        wide, own = (np.linalg.norm(points, axis=-1).sum(-1) for points in (true, found))
        if np.any((own == 0) & (wide > 0)):
            raise KnuckleError(
                "joints_m: expected predicted joints of some extent, got all of a hand in one point"
            )
        found = found * np.divide(wide, own, out=np.ones_like(own), where=own > 0)[..., None, None]
    return np.where(np.isfinite(truth_m).all(-1), np.linalg.norm(found - true, axis=-1), np.nan)


def box_side(truth_px: Float[np.ndarray, "*batch 21 2"]) -> Float[np.ndarray, "*batch"]:
    """Longer side of the tight box of the labelled joints, px."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a hand with no labelled joint has side NaN
        extent = np.nanmax(truth_px, axis=-2) - np.nanmin(truth_px, axis=-2)
    return extent.max(axis=-1)


def box_errors(
    truth_px: Float[np.ndarray, "*batch 21 2"], predicted_px: Float[np.ndarray, "*batch 21 2"]
) -> Float[np.ndarray, "*batch 21"]:
    """2D distance a joint as a fraction of the longer side of the tight box of the true joints.

    Raises KnuckleError for a hand whose true joints span no box.
    """
    side = box_side(truth_px)
    if (side <= 0).any():
        raise KnuckleError("joints_px: expected true joints that span a box, got all joints at one point")
    return absolute_errors(truth_px, predicted_px) / side[..., None]


def keypoint_mean(errors: Float[np.ndarray, "N K"]) -> float:
    """Mean over samples for each keypoint, then mean over keypoints (FreiHAND's order); NaN if nothing
    counts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a keypoint labelled nowhere: not in the mean
        return float(np.nanmean(np.nanmean(errors, axis=0)))


def sample_means(errors: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N"]:
    """Mean error of each sample over its labelled keypoints."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(errors, axis=-1)


def class_means(errors: Float[np.ndarray, "N 21"]) -> dict[str, float]:
    """`keypoint_mean` of each joint class: W wrist, M, P, D (the thumb by position) and T tips (EHPE)."""
    return {name: keypoint_mean(errors[:, list(joints)]) for name, joints in JOINT_CLASSES.items()}
