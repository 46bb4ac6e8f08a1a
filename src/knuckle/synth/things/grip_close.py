"""Fingers closed round a solid until they touch it, as an adaptive gripper does; or opened until they are free."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.poses.contact import FINGER_JOINTS
from knuckle.poses.penetration import finger_overlap, finger_penetration, hand_capsules
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import clamp_angles
from knuckle.synth.things.solid import Solids, clearance

TOUCH_M = 0.001
"""Skins this far apart count as touching."""
_STEP, _SMALLEST_STEP = 1 / 7, 1 / 48
_MOST_OVERLAP_M, _OWN_OVERLAP_M = 0.002, 0.004
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


def closed_on(
    rig: HandRig,
    start: Float[np.ndarray, "n 16 3"],
    goal: Float[np.ndarray, "n 16 3"],
    shape: Float[np.ndarray, "n 10"],
    held: Held,
    fingers: Bool[np.ndarray, "n 5"],
    *,
    rounds: int = 16,
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles at which fingers that went from `start` towards `goal` touch the solid.

    A joint stops when a link beyond it touches; the joints further out go on, so that fingers wrap. Fingers stop
    before they run into their own hand.
    """
    start, goal = clamp_angles(rig, start), clamp_angles(rig, goal)
    share, step = np.zeros((len(start), 5, 3)), np.full((len(start), 5), _STEP)
    stopped = np.repeat(~fingers[..., None], 3, 2)
    for round_ in range(rounds):
        waiting = stopped.copy()
        # The thumb comes last and lies on top of the fingers.
        waiting[:, 0] |= round_ < rounds // 3
        busy = np.flatnonzero(~waiting.all((1, 2)))
        if not len(busy):
            continue
        trial = np.where(waiting, share, np.minimum(share + step[..., None], 1))[busy]
        joints, _ = joints_by_angles(rig, _bent(rig, start[busy], goal[busy], trial), shape[busy])
        depth, _ = depth_in(rig, joints, held.rows(busy))
        moving = (~waiting[busy]).any(2)
        folded = finger_penetration(rig, joints) > _OWN_OVERLAP_M
        too_far = moving & ((depth.max(2) > _MOST_OVERLAP_M) | folded)
        share[busy] = np.where(too_far[..., None], share[busy], trial)
        step[busy] = np.where(too_far, step[busy] / 2, step[busy])
        touched = np.maximum.accumulate((depth > -0.5 * TOUCH_M)[..., ::-1], axis=2)[..., ::-1]
        stopped[busy] |= touched & np.expand_dims(moving & ~too_far, 2)
        stopped = stopped | (step < _SMALLEST_STEP)[..., None] | (share >= 1)
    return _bent(rig, start, goal, share)


def cleared(
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
        here = _bent(rig, angles[busy], away[busy], np.repeat(share[busy][..., None], 3, 2))
        joints, _ = joints_by_angles(rig, here, shape[busy])
        inside = depth_in(rig, joints, held.rows(busy))[0].max(2) > _MOST_OVERLAP_M
        inside = (inside | (finger_overlap(rig, joints) > _OWN_OVERLAP_M)) & fingers[busy]
        busy, inside = busy[inside.any(1)], inside[inside.any(1)]
        if not len(busy):
            break
        share[busy] += inside / rounds
    return _bent(rig, angles, away, np.repeat(share[..., None], 3, 2))


def _bent(rig: HandRig, start: np.ndarray, goal: np.ndarray, share: Float[np.ndarray, "n 5 3"]) -> np.ndarray:
    angles = start.copy()
    angles[:, FINGER_JOINTS] += share[..., None] * (goal - start)[:, FINGER_JOINTS]
    return clamp_angles(rig, angles)
