"""Random hands: poses as people hold them, orientations as a camera sees them, shapes."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.poses.contact import open_fingers
from knuckle.poses.gestures import gesture_angles, natural_angles, uniform_angles
from knuckle.poses.hard_poses import HARD_KINDS
from knuckle.poses.penetration import joints_penetration
from knuckle.poses.touch import pinch_angles
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import (
    angles_to_pose,
    clamp_angles,
    converge_fingers,
)
from knuckle.rig.rotations import rodrigues

PoseKind: TypeAlias = Literal["natural", "gesture", "uniform", "pinch"]
"""The kinds of everyday mixes; HARD_KINDS names more."""
KIND_SHARES: dict[PoseKind, float] = {"natural": 0.33, "gesture": 0.37, "uniform": 0.12, "pinch": 0.18}

MAX_PENETRATION_M = 0.005
"""Capsules may overlap this much: flesh that touches flattens."""
SMALLEST_HAND, LARGEST_HAND = 0.62, 1.15
"""Lengths, in those of the rig's mean hand: about a child of three years, and a very large man."""
_CHUNK = 2048
_MAX_ROUNDS = 40


def sample_poses(
    rig: HandRig,
    count: int,
    rng: np.random.Generator,
    *,
    kinds: Mapping[PoseKind, float] | Mapping[str, float] | None = None,
    max_penetration_m: float | None = MAX_PENETRATION_M,
) -> Float[np.ndarray, "n 16 3"]:
    """Random poses (axis-angle radians, float32) within the joint limits, the global rotation zero.

    A mix of natural postures, gestures, angles uniform within the limits and solved pinches, in shuffled
    order; `kinds` gives other shares, of these or of HARD_KINDS. Fingers that run into each other or the palm
    are opened; poses whose capsules still overlap by more than `max_penetration_m` are drawn again (None keeps
    all as drawn). The same generator state gives the same poses. Raises KnuckleError for an unknown kind or a
    negative count.
    """
    shares = {str(kind): share for kind, share in (KIND_SHARES if kinds is None else kinds).items()}
    if unknown := set(shares) - set(KIND_SHARES) - set(HARD_KINDS):
        known = ", ".join([*KIND_SHARES, *HARD_KINDS])
        raise KnuckleError(f"kinds: expected some of {known}, got {', '.join(sorted(unknown))}")
    if count < 0 or sum(shares.values()) <= 0:
        raise KnuckleError(f"sample_poses: expected a count >= 0 and shares > 0, got {count} and {shares}")
    names = list(shares)
    odds = np.array([shares[name] for name in names], np.float64)
    drawn = np.bincount(rng.choice(len(names), count, p=odds / odds.sum()), minlength=len(names))
    poses = [
        _accepted(rig, name, int(number), rng, max_penetration_m)
        for name, number in zip(names, drawn, strict=True)
    ]
    return rng.permutation(np.concatenate(poses)) if count else np.zeros((0, 16, 3), np.float32)


def _accepted(
    rig: HandRig, kind: str, count: int, rng: np.random.Generator, limit: float | None
) -> Float[np.ndarray, "n 16 3"]:
    kept, have = [np.zeros((0, 16, 3), np.float32)], 0
    for _ in range(_MAX_ROUNDS + count // _CHUNK):
        if have >= count:
            break
        angles = clamp_angles(rig, _draw(rig, kind, min(_CHUNK, int(1.3 * (count - have)) + 16), rng))
        if limit is not None:
            angles = open_fingers(rig, angles, limit_m=0.8 * limit)
            joints, _ = joints_by_angles(rig, angles)
            angles = angles[joints_penetration(rig, joints) <= limit]
        pose = angles_to_pose(rig, angles).astype(np.float32)
        pose[:, 0] = 0
        kept.append(pose)
        have += len(pose)
    if have < count:
        raise KnuckleError(f"sample_poses: nearly every {kind} pose of rig {rig.name!r} runs through itself")
    return np.concatenate(kept)[:count]


def _draw(rig: HandRig, kind: str, count: int, rng: np.random.Generator) -> Float[np.ndarray, "n 16 3"]:
    if kind in HARD_KINDS:
        return HARD_KINDS[kind][0](rig, count, rng)
    if kind == "natural":
        return converge_fingers(rig, natural_angles(count, rng))
    if kind == "gesture":
        return converge_fingers(rig, gesture_angles(count, rng))
    if kind == "uniform":
        return uniform_angles(count, rng)
    # The other fingers are out of the way or hang loosely beside the pinching one.
    others = natural_angles(count, rng)
    others[..., 2] *= rng.uniform(0, 0.7, (count, 1))
    return pinch_angles(rig, rng, converge_fingers(rig, others))


def sample_orientations(count: int, rng: np.random.Generator) -> Float[np.ndarray, "n 3 3"]:
    """Random camera_from_hand rotations for the open rig (identity: fingers up, palm to the camera); float32.
    30 % uniform over all rotations; 70 % fingers up or so, showing the palm, the back or a side about equally
    often.
    """
    uniform = _uniform_rotations(count, rng)
    facing = rng.choice(4, count, p=[0.32, 0.32, 0.18, 0.18])
    yaw = np.array([0, np.pi, np.pi / 2, -np.pi / 2])[facing] + np.deg2rad(25) * rng.standard_normal(count)
    pitch = np.deg2rad(28) * rng.standard_normal(count)
    roll = np.deg2rad(38) * rng.standard_normal(count)
    zero = np.zeros(count)
    turns = [
        rodrigues(np.stack(axis, -1)) for axis in ((zero, zero, roll), (pitch, zero, zero), (zero, yaw, zero))
    ]
    upright = turns[0] @ turns[1] @ turns[2]
    chosen = rng.random(count) < 0.3
    return np.where(chosen[:, None, None], uniform, upright).astype(np.float32)


def sample_shapes(count: int, rng: np.random.Generator) -> Float[np.ndarray, "n 10"]:
    """Random shape coefficients, unit normal cut off at 2.5; float32."""
    shape = rng.standard_normal((count, 10))
    return np.clip(shape, -2.5, 2.5).astype(np.float32)


def _uniform_rotations(count: int, rng: np.random.Generator) -> Float[np.ndarray, "n 3 3"]:
    """Uniform (Haar) rotations from unit quaternions."""
    quaternion = rng.standard_normal((count, 4))
    length = np.linalg.norm(quaternion[:, 1:], axis=1)
    angle = 2 * np.arctan2(length, quaternion[:, 0])
    return rodrigues(quaternion[:, 1:] * (angle / np.maximum(length, 1e-12))[:, None])
