"""Fingers against the hand itself: opened until they are free of it, or folded until they touch it."""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.poses.penetration import finger_overlap, finger_penetration
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import basis, clamp_angles

_MANO_FINGERS = np.array([[13, 14, 15], [1, 2, 3], [4, 5, 6], [10, 11, 12], [7, 8, 9]])
"""Joints of thumb, index, middle, ring and pinky."""
_FULL_STEP_M = 0.06
_STEPS = (0.04, 0.25)


def opened(
    rig: HandRig, angles: Float[np.ndarray, "n 16 3"], *, limit_m: float, rounds: int = 8
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles with every finger that overlaps by more than `limit_m` moved towards the rest pose.

    A curled finger thus stops where its tip meets the palm, as in a fist, instead of being thrown away. Some
    hands may still overlap after the rounds; test them with `joints_penetration`.
    """
    angles = clamp_angles(rig, angles)
    rest = clamp_angles(rig, basis(rig)[1])
    busy = np.arange(len(angles))
    for _ in range(rounds):
        if not len(busy):
            break
        joints, _ = joints_by_angles(rig, angles[busy])
        depth = finger_penetration(rig, joints)
        hit = (depth > limit_m).any(1)
        busy, depth = busy[hit], depth[hit]
        step = np.where(depth > limit_m, np.clip(depth / _FULL_STEP_M, *_STEPS), 0)
        for finger, joint in enumerate(_MANO_FINGERS):
            here = np.ix_(busy, joint)
            angles[here] += step[:, finger, None, None] * (rest[joint] - angles[here])
    return angles


FINGER_JOINTS = np.array([[13, 14, 15], [1, 2, 3], [4, 5, 6], [10, 11, 12], [7, 8, 9]])
"""MANO16 joints of thumb, index, middle, ring and pinky, each from its base out."""
_STEP, _SMALLEST_STEP = 1 / 6, 1 / 64
_DEPTH_M = 0.003


def folded(
    rig: HandRig,
    start: Float[np.ndarray, "n 16 3"],
    goal: Float[np.ndarray, "n 16 3"],
    fingers: Bool[np.ndarray, "n 5"],
    *,
    rounds: int = 14,
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles with some fingers (thumb first) moved from `start` towards `goal` until they touch
    anything of the hand; the others keep `start`.

    A finger that touches at the start stays there. Contact is an overlap of up to 3 mm of the capsules.
    """
    start, goal = clamp_angles(rig, start), clamp_angles(rig, goal)
    share = np.zeros((len(start), 5))
    step = np.where(fingers, _STEP, 0.0)
    for _ in range(rounds):
        trial = np.minimum(share + step, 1.0)
        joints, _ = joints_by_angles(rig, _between(start, goal, trial))
        hit = finger_overlap(rig, joints) > _DEPTH_M
        # Two that move into each other both step back; the next, smaller step finds out which one was free.
        share = np.where(hit, share, trial)
        step = np.where(hit, step / 2, step)
        step[(step < _SMALLEST_STEP) | (share >= 1)] = 0
        if not step.any():
            break
    return _between(start, goal, share)


def _between(start: np.ndarray, goal: np.ndarray, share: Float[np.ndarray, "n 5"]) -> np.ndarray:
    angles = start.copy()
    angles[:, FINGER_JOINTS] += share[:, :, None, None] * (goal - start)[:, FINGER_JOINTS]
    return angles
