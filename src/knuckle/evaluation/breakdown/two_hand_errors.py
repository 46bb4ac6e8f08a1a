"""Errors of every joint of two hands, their means over groups of hands, and where they come from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics.joints import box_errors, keypoint_mean
from knuckle.evaluation.metrics.two_hands import with_root_depth, wrist_errors
from knuckle.skeleton import JOINT_COUNT, WRIST

_MM, _PERCENT = 1e3, 100


@dataclass(frozen=True)
class TwoHandGroup:
    """Means over a group of hands; NaN where nothing counts."""

    hands: int
    """How many."""
    mpjpe_mm: float
    """The 2.5D answer at the true depths of the wrists."""
    true_depth_mm: float
    """The same with the joints' true depths: what is left comes from their places in the picture."""
    true_2d_mm: float
    """The same with the joints' true places in the picture: what is left comes from their depths."""
    box_percent: float
    """2D error, % of the box."""
    elsewhere_percent: float
    """Hands of pairs whose joints lie, in the picture and on average, nearer to the other hand's than to their own."""
    mrrpe_mm: float
    """Error of the left wrist relative to the right one, at the model's own depths, where both are in the group."""
    between_mm: tuple[float, float, float]
    """The same along x, y and z: means of the absolute errors."""


@dataclass(frozen=True, eq=False)
class TwoHandJointErrors:
    """The terms of `TwoHandGroup`'s means for N crops; NaN for absent hands."""

    mpjpe_mm: Float[np.ndarray, "N 2 21"]
    true_depth_mm: Float[np.ndarray, "N 2 21"]
    true_2d_mm: Float[np.ndarray, "N 2 21"]
    box_percent: Float[np.ndarray, "N 2 21"]
    elsewhere: Float[np.ndarray, "N 2"]
    """1 or 0; NaN for lone hands."""
    between_mm: Float[np.ndarray, "N 3"]
    """x, y, z; NaN unless both hands are there."""

    @classmethod
    def of(cls, truth: TwoHandTruth, predictions: TwoHandPredictions) -> "TwoHandJointErrors":
        """By the protocol's definitions (`knuckle.evaluation.protocols.two_hands`). Raises KnuckleError as the metrics
        do, and where a joint of a hand is not labelled.
        """
        there = truth.is_hand
        _check_labelled(truth)
        true_px, true_m = (np.where(there[..., None, None], a, 0) for a in (truth.joints_px, truth.joints_m))

        def errors(px: np.ndarray, depth_of: np.ndarray) -> np.ndarray:
            lifted = with_root_depth(px, depth_of, truth.camera, true_m[..., WRIST, 2])
            return _MM * wrist_errors(true_m, lifted, there).reshape(len(truth), 2, JOINT_COUNT)

        box_percent = np.full(truth.joints_px.shape[:3], np.nan)
        box_percent[there] = _PERCENT * box_errors(truth.joints_px[there], predictions.joints_px[there])
        return cls(
            mpjpe_mm=errors(predictions.joints_px, predictions.joints_m),
            true_depth_mm=errors(predictions.joints_px, true_m),
            true_2d_mm=errors(true_px, predictions.joints_m),
            box_percent=box_percent,
            elsewhere=_elsewhere(truth, predictions),
            between_mm=_between(truth, predictions),
        )

    def of_hands(self, chosen: Bool[np.ndarray, "N 2"]) -> TwoHandGroup:
        """Of some of the hands."""
        both = chosen.all(axis=1)
        between = np.abs(self.between_mm[both])
        joints = (
            self._mean(errors, chosen) for errors in (self.mpjpe_mm, self.true_depth_mm, self.true_2d_mm)
        )
        return TwoHandGroup(
            int(chosen.sum()),
            *joints,
            box_percent=keypoint_mean(self.box_percent[chosen]) if chosen.any() else np.nan,
            elsewhere_percent=_PERCENT * _mean(self.elsewhere[chosen]),
            mrrpe_mm=_mean(np.linalg.norm(between, axis=-1)),
            between_mm=(_mean(between[:, 0]), _mean(between[:, 1]), _mean(between[:, 2])),
        )

    def worst(self, count: int) -> list[int]:
        """Indices of the crops with the largest mean error of all their joints, worst first."""
        means = [np.nanmean(joints) if np.isfinite(joints).any() else -1.0 for joints in self.mpjpe_mm]
        return np.argsort(-np.array(means), kind="stable")[:count].tolist()

    @staticmethod
    def _mean(errors: np.ndarray, chosen: np.ndarray) -> float:
        """The mean over crops for each of the 42 joints, then over joints."""
        return keypoint_mean(np.where(chosen[..., None], errors, np.nan).reshape(len(errors), -1))


def _check_labelled(truth: TwoHandTruth) -> None:
    for name in ("joints_px", "joints_m"):
        hands = getattr(truth, name)[truth.is_hand]
        if unlabelled := int((~np.isfinite(hands)).any(axis=(1, 2)).sum()):
            raise KnuckleError(
                f"{name}: expected every joint of every hand labelled, got {unlabelled} hands without"
            )


def _elsewhere(truth: TwoHandTruth, predictions: TwoHandPredictions) -> np.ndarray:
    own, other = (
        np.linalg.norm(predictions.joints_px - joints, axis=-1).mean(axis=-1)
        for joints in (truth.joints_px, truth.joints_px[:, ::-1])
    )
    return np.where(truth.is_hand.all(axis=1, keepdims=True), other < own, np.nan)


def _between(truth: TwoHandTruth, predictions: TwoHandPredictions) -> np.ndarray:
    true, found = (
        joints[:, 1, WRIST] - joints[:, 0, WRIST] for joints in (truth.joints_m, predictions.joints_m)
    )
    return np.where(truth.is_hand.all(axis=1, keepdims=True), _MM * (found - true), np.nan)


def _mean(values: np.ndarray) -> float:
    labelled = values[np.isfinite(values)]
    return float(labelled.mean()) if len(labelled) else float("nan")
