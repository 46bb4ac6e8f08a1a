"""A hand as robots take it: the 21 joints in the wrist's frame, and the wrist's pose with its covariance."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.hands import Hand
from knuckle.rig import load_rig
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import MIDDLE_MCP, WRIST

_KNUCKLES = (5, 9, 13, 17)
_RADII_A_DEVIATION = 1.872
"""A sphere that holds 68 % of an even spread in space has this radius in standard deviations along one axis."""


class RobotHand(NamedTuple):
    """One hand. The wrist's frame: x out of the palm, z to the middle knuckle, y = z cross x (to the thumb's side of a
    right hand, to the little finger's of a left one), as dex-retargeting and its robots have it. Metres."""

    joints_m: Float[np.ndarray, "21 3"]
    """In the wrist's frame, common order: the first is 0."""
    camera_from_wrist: Float[np.ndarray, "4 4"]
    """Camera frame: x right, y down, z forward."""
    covariance: Float[np.ndarray, "6 6"]
    """Of the wrist's place (m^2), then of its rotation (rad^2, small turns about the camera's axes); NaN where not
    known. The two are taken as independent."""


def wrist_axes(rig: HandRig) -> Float[np.ndarray, "3 3"]:
    """The wrist's x, y and z as columns, in the rest frame of a rig of either side."""
    joints = rig.joints_rest_m.astype(float)
    z = _unit(joints[MIDDLE_MCP] - joints[WRIST])
    palmar = np.cross(joints[5] - joints[0], joints[17] - joints[0]) * (1 if rig.side == "right" else -1)
    x = _unit(palmar - palmar @ z * z)
    return np.stack([x, np.cross(z, x), z], -1)


def robot_hand(hand: Hand, *, rig: str = "open") -> RobotHand:
    """A hand of a picture or frame; whose pose it has is `rig`, as `load_rig` takes it.

    The axes are those of the hand's pose, which is fitted to all joints and filtered in videos, not of three joints
    alone.
    """
    of_side = load_rig(rig, side=hand.side)
    turn = rodrigues(hand.pose_rad[0] + of_side.pose_mean[0].astype(float)) @ wrist_axes(of_side)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, hand.joints_m[WRIST]
    joints = (hand.joints_m - hand.joints_m[WRIST]) @ turn
    covariance = np.full((6, 6), np.nan)
    covariance[:3, 3:] = covariance[3:, :3] = 0
    covariance[:3, :3] = hand.root_covariance_m2
    covariance[3:, 3:] = _turn_covariance(hand)
    return RobotHand(joints, pose, covariance)


def _turn_covariance(hand: Hand) -> Float[np.ndarray, "3 3"]:
    """Of the wrist's rotation, from how far off the knuckles may be. Their errors go together, so that four knuckles
    tell no more than one in the mean place of theirs would, seen from all of their directions."""
    radii = hand.joint_error_m[list(_KNUCKLES)]
    if np.isnan(radii).any() or (radii <= 0).any():
        return np.full((3, 3), np.nan)
    arms = hand.joints_m[list(_KNUCKLES)] - hand.joints_m[WRIST]
    deviations = radii / _RADII_A_DEVIATION
    # A turn by w moves an arm a by w x a; the information of all, their mean taken for one.
    squares = (arms * arms).sum(-1)[:, None, None] * np.eye(3) - arms[:, :, None] * arms[:, None, :]
    return np.linalg.inv((squares / deviations[:, None, None] ** 2).mean(0))


def _unit(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    return vector / np.linalg.norm(vector)
