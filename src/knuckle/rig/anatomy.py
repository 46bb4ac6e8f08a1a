"""Axes of twist, splay and bend of every joint, read off a hand's rest joints, for rigs that bring none."""

import numpy as np
from jaxtyping import Float

from knuckle.geometry.mirror import mirror_axis_angle, mirror_points
from knuckle.skeleton import COMMON_TO_MANO16, MANO16_FINGER, Side

_THUMB_PRONATION = np.deg2rad(60)
"""The thumb's nail faces sideways: its bend axis is the fingers' one turned about the thumb by about this
much."""


def axes_from_rest_joints(
    joints_m: Float[np.ndarray, "21 3"], *, side: Side
) -> tuple[Float[np.ndarray, "16 3 3"], Float[np.ndarray, "16 3"]]:
    """Unit axes (rows twist, splay, bend) and anatomical rest angles (radians) of a rest pose, per MANO
    joint.

    Positive bend is flexion, positive splay turns a finger towards the thumb's side. The rest angles of splay
    are the fan of the fingers against the middle one; those of bend are measured between neighbouring bones.
    """
    joints = np.asarray(joints_m, np.float64)
    if side == "left":
        # As in HandRig.mirrored: axes of rotation are mirrored, angles keep their meaning.
        axes, rest = axes_from_rest_joints(mirror_points(joints), side="right")
        return mirror_axis_angle(axes), rest
    along = _unit(joints[9] - joints[0])
    palm_normal = _unit(np.cross(joints[5] - joints[0], joints[17] - joints[0]))
    axes, rest = np.zeros((16, 3, 3)), np.zeros((16, 3))
    axes[0] = _frame(along, np.cross(along, palm_normal))
    for joint in range(1, 16):
        common = COMMON_TO_MANO16[joint]
        twist = _unit(joints[common + 1] - joints[common])
        bend = np.cross(twist, palm_normal)
        if MANO16_FINGER[joint] == 1:
            bend = _turned(bend, twist, _THUMB_PRONATION)
        axes[joint] = _frame(twist, bend)
        if joint % 3 != 1:
            before = _unit(joints[common] - joints[common - 1])
            rest[joint, 2] = np.arcsin(np.clip(np.dot(np.cross(before, twist), axes[joint, 2]), -1, 1))
        elif MANO16_FINGER[joint] != 1:
            rest[joint, 1] = np.arcsin(np.clip(np.dot(np.cross(along, twist), axes[joint, 1]), -1, 1))
            rest[joint, 2] = np.arcsin(np.clip(np.dot(twist, palm_normal), -1, 1))
    return axes.astype(np.float32), rest.astype(np.float32)


def _frame(twist: np.ndarray, bend: np.ndarray) -> np.ndarray:
    bend = _unit(bend - np.dot(bend, twist) * twist)
    # Splay turns a right hand's bone towards the bend axis, which points to the fingers' radial side; the
    # thumb's points across the fingers, whichever way is settled in `limits.basis`.
    return np.stack([twist, np.cross(twist, bend), bend])


def _turned(vector: np.ndarray, axis: np.ndarray, angle: float) -> np.ndarray:
    return vector * np.cos(angle) + np.cross(axis, vector) * np.sin(angle)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
