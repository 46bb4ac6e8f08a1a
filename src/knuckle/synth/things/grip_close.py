"""Fingers closed round a solid until they touch it, as an adaptive gripper does; or opened until they are free."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.poses.contact import Closing, close_round, move_joints
from knuckle.poses.penetration import finger_overlap, hand_capsules
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import clamp_angles
from knuckle.synth.things.solid import Solids, clearance

_MOST_OVERLAP_M, _OWN_OVERLAP_M = 0.002, 0.004
"""Most that a finger may overlap with the solid, and with its own hand."""
_CLOSING = Closing(touch_m=-0.0005, most_overlap_m=_MOST_OVERLAP_M, smallest_step=1 / 48, thumb_from=5)
_REACH = np.where((np.arange(19) % 3 == 2) & (np.arange(19) < 15), 0.8, 1.0)
"""How far along a capsule skin is looked for; the last one's round end would stick out of the fingertip."""


class Held(NamedTuple):
    """Solids that stand in hands' frames (wrist unturned): axes (columns x, y, z) and centre in m."""

    solids: Solids
    axes: Float[np.ndarray, "n 3 3"]
    centre: Float[np.ndarray, "n 3"]

    def rows(self, chosen: np.ndarray) -> "Held":
        """Some of them."""
        return Held(self.solids.rows(chosen), self.axes[chosen], self.centre[chosen])


def depth_in(
    rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"], held: Held, *, samples: int = 4
) -> tuple[Float[np.ndarray, "n 5 3"], Float[np.ndarray, "n 4"]]:
    """How deep (m, negative: how far off) the capsules of finger links, thumb first, and of the palm are in a solid.

    samples: how many points are looked at along every bone.
    """
    start, end, radii = hand_capsules(rig, joints_m.astype(np.float64))
    share = np.linspace(0.1, 1.0, samples)[:, None] * _REACH
    points = start[:, :, None] + share.T[..., None] * (end - start)[:, :, None]
    gap = clearance(held.solids, held.axes, held.centre, points.reshape(len(points), -1, 3))
    depth = (radii[:, :, None] - gap.reshape(points.shape[:3])).max(2)
    return depth[:, :15].reshape(-1, 5, 3), depth[:, 15:]


def close_on(
    rig: HandRig,
    start: Float[np.ndarray, "n 16 3"],
    goal: Float[np.ndarray, "n 16 3"],
    shape: Float[np.ndarray, "n 10"],
    held: Held,
    fingers: Bool[np.ndarray, "n 5"],
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles at which fingers that went from `start` towards `goal` touch the solid: see `close_round`."""

    def measure(angles: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        joints, _ = joints_by_angles(rig, angles, shape[rows])
        return joints, depth_in(rig, joints, held.rows(rows))[0]

    start, goal = clamp_angles(rig, start), clamp_angles(rig, goal)
    return close_round(rig, start, goal, measure, _CLOSING, fingers=fingers)


def clear_fingers(
    rig: HandRig,
    angles: Float[np.ndarray, "n 16 3"],
    away: Float[np.ndarray, "n 16 3"],
    shape: Float[np.ndarray, "n 10"],
    held: Held,
    fingers: Bool[np.ndarray, "n 5"],
    *,
    rounds: int = 6,
) -> Float[np.ndarray, "n 16 3"]:
    """Angles with the fingers that reach into the solid or the hand itself moved towards `away` until they are free,
    if ever."""
    share = np.zeros((len(angles), 5))
    busy = np.arange(len(angles))
    for _ in range(rounds):
        here = move_joints(rig, angles[busy], away[busy], np.repeat(share[busy][..., None], 3, 2))
        joints, _ = joints_by_angles(rig, here, shape[busy])
        inside = depth_in(rig, joints, held.rows(busy))[0].max(2) > _MOST_OVERLAP_M
        inside = (inside | (finger_overlap(rig, joints) > _OWN_OVERLAP_M)) & fingers[busy]
        busy, inside = busy[inside.any(1)], inside[inside.any(1)]
        if not len(busy):
            break
        share[busy] += inside / rounds
    return move_joints(rig, angles, away, np.repeat(share[..., None], 3, 2))
