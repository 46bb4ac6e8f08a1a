"""Fingers folded until they meet the palm, the thumb or each other: the way back from `contact.opened`."""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import clamp_angles
from knuckle.rig.penetration import finger_overlap
from knuckle.rig.rig import HandRig

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
