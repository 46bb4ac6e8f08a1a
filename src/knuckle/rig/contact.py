"""Fingers that run into something give way: poses are opened until the hand is free of itself."""

import numpy as np
from jaxtyping import Float

from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import basis, clamp_angles
from knuckle.rig.penetration import finger_penetration
from knuckle.rig.rig import HandRig

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
