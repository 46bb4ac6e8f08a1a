"""Fingers over time: from pose to pose of the prior, by anatomical angles, so that all between is within the limits."""

from itertools import pairwise

import numpy as np
from jaxtyping import Float

from knuckle.poses.penetration import penetration
from knuckle.poses.prior import MAX_PENETRATION_M, sample_poses
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import angles_to_pose, clamp_angles, pose_to_angles
from knuckle.synth.clips.paths import Keys, Path

_KINDS = {"natural": 0.5, "gesture": 0.4, "pinch": 0.1}
_LOOKED_AT = np.linspace(0, 1, 9)
_POOL = 48


def flat_hand(
    rig: HandRig, rng: np.random.Generator, *, spread_deg: float = 2.0
) -> Float[np.ndarray, "16 3"]:
    """Anatomical angles (radians) of an open hand with its fingers almost straight and side by side."""
    angles = np.zeros((16, 3))
    angles[[1, 4, 7, 10], 2] = rng.normal(0.05, 0.03)
    angles[[2, 5, 8, 11], 2] = abs(rng.normal(0.06, 0.03))
    angles[[3, 6, 9, 12], 2] = abs(rng.normal(0.04, 0.02))
    angles[[1, 4, 7, 10], 1] = np.deg2rad(np.array([3.0, 0.0, -7.0, -3.5]) * spread_deg / 2)
    # The thumb beside the palm: before it, it would keep palms apart.
    angles[13] = np.deg2rad([rng.uniform(-14, 0), rng.uniform(0, 4), -30])
    angles[14:, 2] = np.deg2rad([-10, -14])
    return clamp_angles(rig, angles)


def fist(rig: HandRig, rng: np.random.Generator) -> Float[np.ndarray, "16 3"]:
    """Anatomical angles (radians) of a closed hand."""
    pose = sample_poses(rig, 1, rng, kinds={"fist": 1.0})
    return pose_to_angles(rig, pose[0])


def play(
    rig: HandRig,
    rng: np.random.Generator,
    times_s: np.ndarray,
    *,
    kinds: dict[str, float] | None = None,
    first: Float[np.ndarray, "16 3"] | None = None,
) -> Path:
    """Fingers that reach a new pose by each time, and hold it until half way to the next.

    Between two poses no finger runs deeper through another than the prior allows for a pose; where it would, another
    pose comes next.

    Args:
        rig: the open rig, right.
        rng: what poses are drawn from.
        times_s: when poses are reached, at least two.
        kinds: shares of the prior's kinds.
        first: the pose to start from, as anatomical angles.
    """
    pool = pose_to_angles(rig, sample_poses(rig, _POOL, rng, kinds=kinds or _KINDS))
    pool[:, 0] = 0
    at, row = (pool[0], 1) if first is None else (first, 0)
    times, values = [float(times_s[0])], [at]
    for before, time in pairwise(times_s.tolist()):
        for _ in range(_POOL):
            goal = pool[row % _POOL]
            row += 1
            between = at + _LOOKED_AT[:, None, None] * (goal - at)
            if penetration(rig, angles_to_pose(rig, between)).max() <= MAX_PENETRATION_M:
                break
        else:
            goal = at
        times += [(before + time) / 2, time]
        values += [at, goal]
        at = goal
    return Keys(times, np.stack(values))
