"""A hand's pose as a track keeps it: few numbers that joints, mesh and their projection all follow from.

What is filtered is this, never joints and mesh by themselves: a hand that is posed again from it keeps its bones'
lengths, and joints, mesh, rotations and px agree.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.hands import Hand
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.quaternions import axis_angle_to_quaternion, turned
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues
from knuckle.skeleton import COMMON_TO_MANO16, MIDDLE_MCP, WRIST

_MIDDLE_ROW = COMMON_TO_MANO16.index(MIDDLE_MCP)
NEAREST_M = 1e-2
"""Hands nearer than this, or behind the camera, have no direction."""
_FASTEST_M_S, _LONGEST_STEP_S, _SLACK_M = 4.0, 0.08, 0.03
"""The fastest hands, across the line of sight; for how long; how far off a frame of little confidence places them."""
_TAILS = {"root_m": (3,), "pose_rad": (16, 3), "shape": (10,)}


class HandPose(NamedTuple):
    """One hand, or with leading dimensions many: frames of a track."""

    root_m: Float[np.ndarray, "*batch 3"]
    """The wrist in the camera frame, metres."""
    pose_rad: Float[np.ndarray, "*batch 16 3"]
    """Axis-angle in MANO order, as `Hands.pose_rad`."""
    shape: Float[np.ndarray, "*batch 10"]
    """Coefficients of the rig."""

    @classmethod
    def of(cls, hand: Hand) -> "HandPose":
        """That of a hand as a predictor gives it."""
        return cls(hand.joints_m[WRIST], hand.pose_rad, hand.shape)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "HandPose":
        """Inverse of `to_dict`. Raises KnuckleError naming what is missing or malformed."""
        try:
            values = {name: np.array(data[name], dtype=float) for name in _TAILS}
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(
                f"pose of a track: expected the keys {', '.join(_TAILS)}, got {error!r}"
            ) from error
        for name, tail in _TAILS.items():
            if values[name].shape[-len(tail) :] != tail:
                raise KnuckleError(
                    f"pose of a track: expected {name} (..., {', '.join(map(str, tail))}), got"
                    f" {values[name].shape}"
                )
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists of numbers."""
        return {name: np.asarray(getattr(self, name)).tolist() for name in _TAILS}

    def rows(self, chosen: Any) -> "HandPose":
        """Some of many hands, by an index, a mask or a slice of the first dimension."""
        return HandPose(*(value[chosen] for value in self))


class PlacedHand(NamedTuple):
    """A hand's joints and mesh in the camera frame, metres."""

    joints_m: Float[np.ndarray, "*batch 21 3"]
    vertices_m: Float[np.ndarray, "*batch v 3"]


def place(rig: HandRig, pose: HandPose) -> PlacedHand:
    """The rig in a pose, its wrist at the pose's root; `Camera.project` gives the px. The rig is one of the hand's
    side."""
    posed = rig.posed(pose.pose_rad, pose.shape)
    move = (pose.root_m - posed.joints[..., WRIST, :])[..., None, :]
    return PlacedHand(posed.joints + move, posed.vertices + move)


def place_joints(rig: HandRig, pose: HandPose) -> Float[np.ndarray, "*batch 21 3"]:
    """The joints of `place` alone, which takes a fraction of its time."""
    rotations = rodrigues(pose.pose_rad + rig.pose_mean.astype(pose.pose_rad.dtype))
    joints, _ = rig.posed_joints(rotations, pose.shape)
    return joints + (pose.root_m - joints[..., WRIST, :])[..., None, :]


def palm_length_m(rig: HandRig, shape: Float[np.ndarray, "*batch 10"]) -> Float[np.ndarray, "*batch"]:
    """From the wrist to the middle finger's knuckle, metres: the size of hands of those shapes."""
    arrays = rig.arrays(np.float64, tips_only=True)
    wrist, middle = (slice(3 * row, 3 * row + 3) for row in (WRIST, _MIDDLE_ROW))
    bone = arrays.joint_template[middle] - arrays.joint_template[wrist]
    bones = bone + shape @ (arrays.joint_basis[:, middle] - arrays.joint_basis[:, wrist])
    return np.asarray(np.linalg.norm(bones, axis=-1))


def between(first: HandPose, second: HandPose, share: Any) -> HandPose:
    """The pose that is `share` of the way from one to another (0: the first): rotations along the shortest turn."""
    share = np.asarray(share, dtype=float)
    one, other = rodrigues(first.pose_rad), rodrigues(second.pose_rad)
    turned = one @ rodrigues(share[..., None, None] * matrix_to_axis_angle(one.swapaxes(-1, -2) @ other))
    return HandPose(
        first.root_m + share[..., None] * (second.root_m - first.root_m),
        matrix_to_axis_angle(turned),
        first.shape + share[..., None] * (second.shape - first.shape),
    )


def palm_middle(pose: HandPose, from_wrist_m: Float[np.ndarray, "3"]) -> Float[np.ndarray, "*batch 3"]:
    """The middle of the palm in the camera frame, metres; `from_wrist_m`: seen from the wrist, in the hand's axes."""
    return pose.root_m + turned(axis_angle_to_quaternion(pose.pose_rad[..., 0, :]), from_wrist_m)


def seen_at(
    pose: HandPose, other: HandPose, from_wrist_m: Float[np.ndarray, "3"], *, within_m: float
) -> HandPose | None:
    """A hand at its own distance, moved to the direction in which the middle of another's palm is seen (`palm_middle`).

    None where that is more than `within_m` away, or the other is not in front of the camera.
    """
    own, there = palm_middle(pose, from_wrist_m), palm_middle(other, from_wrist_m)
    if min(own[2], there[2]) < NEAREST_M:
        return None
    move = there * (own[2] / there[2]) - own
    return pose._replace(root_m=pose.root_m + move) if np.linalg.norm(move) <= within_m else None


def reach_m(step_s: float) -> float:
    """How far a hand may move across in that time, and at most: what is beyond is another thing."""
    return _SLACK_M + _FASTEST_M_S * min(step_s, _LONGEST_STEP_S)
