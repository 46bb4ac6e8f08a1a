"""Errors of hands and of joints by class: how much worse the worst kinds are than an open hand seen from its palm."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.breakdown.pose_classes import POSES, VIEWS, pose_classes, view_classes
from knuckle.evaluation.metrics.joints import box_errors, keypoint_mean, procrustes_errors, sample_means
from knuckle.skeleton import FINGERS, JOINT_CLASSES

ALL, REFERENCE = "all", "open, palm"
"""The groups of every hand, and of those that others are measured against."""

JOINT_GROUPS: dict[str, tuple[int, ...]] = {
    "wrist": JOINT_CLASSES["W"],
    "CMC, MCP": JOINT_CLASSES["M"],
    "PIP, thumb MCP": JOINT_CLASSES["P"],
    "DIP, thumb IP": JOINT_CLASSES["D"],
    "tip": JOINT_CLASSES["T"],
    **{finger: tuple(range(4 * i + 1, 4 * i + 5)) for i, finger in enumerate(FINGERS)},
}
"""Joints by their place along the finger, and by finger."""


@dataclass(frozen=True)
class GroupError:
    """Mean errors of a group of hands or joints: PA-MPJPE (mm) and 2D (% of the true joints' box); NaN of none."""

    hands: int
    pa_mm: float
    box_percent: float

    def over(self, other: "GroupError") -> tuple[float, float]:
        """Both errors as multiples of another group's."""
        return self.pa_mm / other.pa_mm, self.box_percent / other.box_percent


@dataclass(frozen=True, eq=False)
class JointErrors:
    """One error a joint of N hands: after similarity alignment (mm; NaN without 3D truth), in 2D (% of the box)."""

    pa_mm: Float[np.ndarray, "N 21"]
    box_percent: Float[np.ndarray, "N 21"]

    @classmethod
    def of(cls, truth: Truth, predictions: Predictions) -> "JointErrors":
        """By the protocols' definitions; raises KnuckleError as the metrics do."""
        relative = 100 * box_errors(truth.joints_px, predictions.joints_px)
        if not truth.has_3d:
            return cls(np.full(relative.shape, np.nan), relative)
        return cls(1e3 * procrustes_errors(truth.joints_m, predictions.joints_m), relative)

    def of_hands(self, chosen: Bool[np.ndarray, "N"]) -> GroupError:
        """Of some of the hands."""
        count = int(chosen.sum())
        if not count:
            return GroupError(0, np.nan, np.nan)
        return GroupError(count, keypoint_mean(self.pa_mm[chosen]), keypoint_mean(self.box_percent[chosen]))

    def of_joints(self, joints: tuple[int, ...]) -> GroupError:
        """Of some joints of every hand."""
        means = (keypoint_mean(errors[:, list(joints)]) for errors in (self.pa_mm, self.box_percent))
        return GroupError(len(self.pa_mm), *means)

    def by_group(self, groups: Mapping[str, Bool[np.ndarray, "N"]]) -> dict[str, GroupError]:
        """`of_hands` for each group."""
        return {name: self.of_hands(chosen) for name, chosen in groups.items()}

    def by_joint(self) -> dict[str, GroupError]:
        """`of_joints` for each of JOINT_GROUPS."""
        return {name: self.of_joints(joints) for name, joints in JOINT_GROUPS.items()}

    def worst(self, count: int) -> list[int]:
        """Indices of the hands with the largest PA-MPJPE, or 2D error where no hand has a 3D one, worst first."""
        means = sample_means(self.pa_mm)
        means = means if np.isfinite(means).any() else sample_means(self.box_percent)
        return np.argsort(-np.nan_to_num(means, nan=-1.0), kind="stable")[:count].tolist()


def hand_groups(joints_m: Float[np.ndarray, "N 21 3"]) -> dict[str, Bool[np.ndarray, "N"]]:
    """Which of N right hands belong to each group: all; open and seen from the palm; each pose; each view.

    Hands without 3D truth can only be in "all", the one group there is then.
    """
    everyone = np.ones(len(joints_m), dtype=bool)
    if not np.isfinite(joints_m).all():
        return {ALL: everyone}
    poses, views = np.array(pose_classes(joints_m)), np.array(view_classes(joints_m))
    return {
        ALL: everyone,
        REFERENCE: (poses == "open") & (views == "palm"),
        **{pose: poses == pose for pose in POSES},
        **{view: views == view for view in VIEWS},
    }
