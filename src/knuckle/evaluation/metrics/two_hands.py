"""Errors of two hands: each after its own wrist, their places to each other, and the papers' variants.

Arrays have an axis of hands, the right one first; joints in the common order, camera frame, metres. Joints whose truth
is NaN (not labelled) and hands that are not there take no part; predictions with NaN are refused, those of absent
hands included. Every mean is in mm, NaN where no sample counts.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.checks import check_finite
from knuckle.evaluation.metrics.joints import keypoint_mean, root_relative_errors, scale_translation_errors
from knuckle.geometry.projection import lift
from knuckle.skeleton import JOINT_COUNT, MIDDLE_MCP, WRIST

_MM = 1e3


class MpjpeBySubset(NamedTuple):
    """MPJPE, mm: over samples with one hand, over those with both, and over all of them."""

    single_mm: float
    two_mm: float
    all_mm: float


def mpjpe(
    truth_m: Float[np.ndarray, "N 2 21 3"],
    predicted_m: Float[np.ndarray, "N 2 21 3"],
    is_hand: Bool[np.ndarray, "N 2"],
) -> MpjpeBySubset:
    """InterHand2.6M's error (Moon et al. 2020, Section 6): each hand's own wrists laid together, then the mean over
    samples of each of the 42 joints, and the mean of these.

    Raises KnuckleError for wrong shapes and predictions that are not finite.
    """
    errors = wrist_errors(truth_m, predicted_m, is_hand)
    hands = np.asarray(is_hand).sum(axis=1)
    return MpjpeBySubset(
        *(keypoint_mean(errors[hands_in]) * _MM for hands_in in (hands == 1, hands == 2, hands > 0))
    )


def wrist_errors(
    truth_m: Float[np.ndarray, "N 2 21 3"],
    predicted_m: Float[np.ndarray, "N 2 21 3"],
    is_hand: Bool[np.ndarray, "N 2"],
) -> Float[np.ndarray, "N 42"]:
    """Distance a joint (m), each hand's own wrists laid together; NaN for absent hands and unlabelled joints."""
    check_two_hands(truth_m, predicted_m, is_hand)
    errors = root_relative_errors(truth_m, predicted_m, root=WRIST)
    return np.where(is_hand[..., None], errors, np.nan).reshape(len(errors), -1)


def mrrpe(
    truth_m: Float[np.ndarray, "N 2 21 3"],
    predicted_m: Float[np.ndarray, "N 2 21 3"],
    is_hand: Bool[np.ndarray, "N 2"],
) -> float:
    """Mean relative-root position error, mm: how far the left wrist is from where it should be, seen from the right
    one, over samples with both hands (Moon et al. 2020, Section 6).

    Raises KnuckleError as `mpjpe`.
    """
    check_two_hands(truth_m, predicted_m, is_hand)
    both = np.asarray(is_hand).all(axis=1)
    true, found = (joints[both, 1, WRIST] - joints[both, 0, WRIST] for joints in (truth_m, predicted_m))
    return _mean(np.linalg.norm(found - true, axis=-1))


def scaled_mpjpe(
    truth_m: Float[np.ndarray, "N 2 21 3"],
    predicted_m: Float[np.ndarray, "N 2 21 3"],
    is_hand: Bool[np.ndarray, "N 2"],
) -> float:
    """The error of IntagHand (Li et al. 2022), DIR, EANet and EHPE, mm: samples with both hands; each hand made as
    long as the true one between wrist and middle MCP, middle MCPs laid together; right and left hands averaged.

    Raises KnuckleError as `mpjpe`, and where a predicted palm has no length.
    """
    check_two_hands(truth_m, predicted_m, is_hand)
    both = np.asarray(is_hand).all(axis=1)
    errors = scale_translation_errors(truth_m[both], predicted_m[both], root=MIDDLE_MCP)
    return float(np.mean([keypoint_mean(errors[:, hand]) for hand in (0, 1)])) * _MM


def mesh_errors(
    truth_m: Float[np.ndarray, "N 2 V 3"],
    predicted_m: Float[np.ndarray, "N 2 V 3"],
    truth_joints_m: Float[np.ndarray, "N 2 21 3"],
    predicted_joints_m: Float[np.ndarray, "N 2 21 3"],
    is_hand: Bool[np.ndarray, "N 2"],
    *,
    scaled: bool = False,
) -> Float[np.ndarray, "N 2"]:
    """Mean distance of each hand's vertices, m; NaN for absent hands and where the joints that it needs are unlabelled.

    Neither turned nor, by default, made larger: the wrists are laid together. scaled: IntagHand's, as `scaled_mpjpe`.
    Raises KnuckleError for predicted vertices that are not finite.
    """
    check_two_hands(truth_joints_m, predicted_joints_m, is_hand)
    check_finite(predicted_m, name="vertices_m")
    root = MIDDLE_MCP if scaled else WRIST
    true, found = (
        vertices - joints[:, :, root : root + 1]
        for vertices, joints in ((truth_m, truth_joints_m), (predicted_m, predicted_joints_m))
    )
    if scaled:
        palms = [
            np.linalg.norm(joints[:, :, MIDDLE_MCP] - joints[:, :, WRIST], axis=-1)
            for joints in (truth_joints_m, predicted_joints_m)
        ]
        found = found * np.divide(*palms, where=palms[1] > 0, out=np.ones_like(palms[1]))[..., None, None]
    return np.where(is_hand, np.linalg.norm(found - true, axis=-1).mean(-1), np.nan)


def right_root_errors(
    truth_m: Float[np.ndarray, "N 2 V 3"],
    predicted_m: Float[np.ndarray, "N 2 V 3"],
    truth_joints_m: Float[np.ndarray, "N 2 21 3"],
    predicted_joints_m: Float[np.ndarray, "N 2 21 3"],
    is_hand: Bool[np.ndarray, "N 2"],
) -> Float[np.ndarray, "N"]:
    """Mean distance of both hands' vertices with the right wrists laid together, m (InterWild's RRVE); NaN where one of
    the hands is absent. Raises KnuckleError as `mesh_errors`."""
    check_two_hands(truth_joints_m, predicted_joints_m, is_hand)
    check_finite(predicted_m, name="vertices_m")
    true, found = (
        vertices - joints[:, :1, WRIST : WRIST + 1]
        for vertices, joints in ((truth_m, truth_joints_m), (predicted_m, predicted_joints_m))
    )
    both = np.asarray(is_hand).all(axis=1)
    return np.where(both, np.linalg.norm(found - true, axis=-1).mean((1, 2)), np.nan)


def with_root_depth(
    joints_px: Float[np.ndarray, "N 2 21 2"],
    joints_m: Float[np.ndarray, "N 2 21 3"],
    camera: Float[np.ndarray, "N 4"],
    root_depth_m: Float[np.ndarray, "N 2"],
) -> Float[np.ndarray, "N 2 21 3"]:
    """The same 2.5D answer (pixels, and depths from the own wrist) with each wrist at a given depth.

    At the true depths of the wrists it is what A2J-Transformer and DFL score.

    Args:
        joints_px: px of the frame.
        joints_m: camera frame; only depths from the own wrist count.
        camera: fx, fy, cx, cy, px of the frame.
        root_depth_m: of each wrist.
    """
    relative = joints_m[..., 2] - joints_m[..., WRIST : WRIST + 1, 2]
    return lift(joints_px, root_depth_m[..., None] + relative, camera[:, None, None])


def check_two_hands(truth_m: np.ndarray, predicted_m: np.ndarray, is_hand: np.ndarray) -> None:
    """Raise KnuckleError unless both are (N, 2, 21, 3), is_hand (N, 2) bool, and the prediction finite."""
    shape = (len(truth_m), 2, JOINT_COUNT, 3)
    for name, value in (("ground truth", truth_m), ("predictions", predicted_m)):
        if value.shape != shape:
            raise KnuckleError(f"joints_m: expected {name} shaped {shape}, got {value.shape}")
    if is_hand.shape != shape[:2] or is_hand.dtype != bool:
        raise KnuckleError(f"is_hand: expected bool {shape[:2]}, got {is_hand.dtype} {is_hand.shape}")
    check_finite(predicted_m, name="joints_m")


def _mean(values_m: np.ndarray) -> float:
    labelled = values_m[np.isfinite(values_m)]
    return float(labelled.mean()) * _MM if len(labelled) else float("nan")
