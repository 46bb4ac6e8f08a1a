"""Anatomical joint angles: how they relate to a pose, and how far each joint goes.

Angles are (twist, splay, bend) in radians about the rig's axes, 0 = straight finger parallel to the middle
one; bend is positive in flexion, splay positive towards the thumb's side. A joint's rotation is R_bend
R_splay R_twist of the angles less those of the rest pose: it twists about the bone, swings sideways, then
flexes about the axis fixed in its parent, the order of the ISB joint coordinate systems (Wu et al. 2005).
Exact both ways while |splay| < 90 degrees.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import cross, matrix_to_axis_angle, rodrigues
from knuckle.skeleton import COMMON_TO_MANO16

Angles = Float[np.ndarray, "*batch 16 3"]

# Degrees (low, high) of twist, splay, bend. Fingers: DIP and PIP are hinges; the thumb's pronation comes with
# its opposition at the CMC joint. Sources: clinical ranges of motion (AAOS) less the extremes nobody shows a
# camera.
_WRIST = ((-5, 5), (-35, 20), (-70, 75))
_INDEX_MCP = ((-6, 6), (-12, 22), (-20, 90))
_MIDDLE_MCP = ((-6, 6), (-14, 8), (-20, 90))
_RING_MCP = ((-6, 6), (-24, 6), (-20, 90))
_PINKY_MCP = ((-6, 6), (-36, 8), (-20, 90))
_PIP = ((0, 0), (0, 0), (-2, 105))
_DIP = ((0, 0), (0, 0), (-5, 78))
_THUMB_CMC = ((-14, 28), (-32, 22), (-30, 44))
_THUMB_MCP = ((-8, 6), (-10, 10), (-10, 58))
_THUMB_IP = ((0, 0), (0, 0), (-14, 82))
_LIMITS_DEGREES = np.array(
    [
        _WRIST,
        *(_INDEX_MCP, _PIP, _DIP),
        *(_MIDDLE_MCP, _PIP, _DIP),
        *(_PINKY_MCP, _PIP, _DIP),
        *(_RING_MCP, _PIP, _DIP),
        *(_THUMB_CMC, _THUMB_MCP, _THUMB_IP),
    ]
)
_MCP_JOINTS = np.array([1, 4, 7, 10])
_SMALL_STEP = 1e-3


def joint_limits() -> tuple[Float[np.ndarray, "16 3"], Float[np.ndarray, "16 3"]]:
    """Lowest and highest anatomical angle (radians) of every joint's twist, splay and bend, in MANO16 order.

    The same for every rig and side. Splay of the fingers shrinks with flexion on top of this: see
    `clamp_angles`.
    """
    limits = np.deg2rad(_LIMITS_DEGREES.astype(np.float64))
    return limits[..., 0], limits[..., 1]


def clamp_angles(rig: HandRig, angles: Angles) -> Angles:
    """Nearest angles within the limits; the more a finger bends at its MCP joint, the less it may splay.

    Bent by 90 degrees it keeps the splay of the rest pose, which makes bent fingers converge towards the
    wrist, as collateral ligaments do.
    """
    low, high = joint_limits()
    clamped = np.clip(angles, low, high)
    rest = np.clip(basis(rig)[1], low, high)[_MCP_JOINTS, 1]
    room = splay_room(clamped)
    clamped[..., _MCP_JOINTS, 1] = np.clip(
        clamped[..., _MCP_JOINTS, 1],
        rest + room * (low[_MCP_JOINTS, 1] - rest),
        rest + room * (high[_MCP_JOINTS, 1] - rest),
    )
    return clamped


def stay_within_limits(rig: HandRig, angles: Angles, direction: Angles) -> Bool[np.ndarray, "*batch 16 3"]:
    """Which angles a small step in a direction (its signs count) would not push beyond their limits."""
    return np.abs(clamp_angles(rig, angles + _SMALL_STEP * np.sign(direction)) - angles) > 1e-9


def converge_fingers(rig: HandRig, angles: Angles) -> Angles:
    """Angles with the fingers' splay drawn towards the rest pose's as far as their MCP joints are bent."""
    angles = np.array(angles)
    rest = basis(rig)[1][_MCP_JOINTS, 1]
    angles[..., _MCP_JOINTS, 1] = rest + splay_room(angles) * (angles[..., _MCP_JOINTS, 1] - rest)
    return angles


def splay_room(angles: Angles) -> Float[np.ndarray, "*batch 4"]:
    """Share of its range of splay a finger has left: 1 straight, 0 from 90 degrees at the MCP joint."""
    return np.clip(1 - angles[..., _MCP_JOINTS, 2] / (np.pi / 2), 0, 1)


def angles_to_matrices(rig: HandRig, angles: Angles) -> Float[np.ndarray, "*batch 16 3 3"]:
    """Rotation matrices (relative to the parent, rest axes) of anatomical angles."""
    angles = _checked(angles, "angles")
    axes, rest, _ = basis(rig)
    turns = rodrigues((angles - rest)[..., None] * axes)
    return turns[..., 2, :, :] @ turns[..., 1, :, :] @ turns[..., 0, :, :]


def angles_to_pose(rig: HandRig, angles: Angles) -> Float[np.ndarray, "*batch 16 3"]:
    """Axis-angle pose of anatomical angles."""
    return matrix_to_axis_angle(angles_to_matrices(rig, angles)) - rig.pose_mean


def pose_to_angles(rig: HandRig, pose: Float[np.ndarray, "*batch 16 3"]) -> Angles:
    """Anatomical angles of an axis-angle pose; the wrist's are those of its global rotation."""
    return matrices_to_angles(rig, rodrigues(_checked(pose, "pose") + rig.pose_mean))


def matrices_to_angles(rig: HandRig, rotations: Float[np.ndarray, "*batch 16 3 3"]) -> Angles:
    """Anatomical angles of rotation matrices, the inverse of `angles_to_matrices`."""
    axes, rest, handed = basis(rig)
    twist_axis, splay_axis, bend_axis = axes[:, 0], axes[:, 1], axes[:, 2]
    bone = (rotations @ twist_axis[..., None])[..., 0]
    splay, bend = swing_angles(bone, axes, handed)
    swing = rodrigues(bend[..., None] * bend_axis) @ rodrigues(splay[..., None] * splay_axis)
    turned = (swing.swapaxes(-1, -2) @ (rotations @ splay_axis[..., None]))[..., 0]
    twist = np.arctan2(handed * (turned * bend_axis).sum(-1), (turned * splay_axis).sum(-1))
    angles = np.stack([twist, splay, bend], -1) + rest
    return (angles + np.pi) % (2 * np.pi) - np.pi


def swing_angles(
    bone: Float[np.ndarray, "*batch j 3"], axes: Float[np.ndarray, "j 3 3"], handed: Float[np.ndarray, "j"]
) -> tuple[Float[np.ndarray, "*batch j"], Float[np.ndarray, "*batch j"]]:
    """Splay and bend, from rest, that turn each twist axis onto the given unit direction (R_bend R_splay
    twist)."""
    sideways = np.clip((bone * axes[:, 2]).sum(-1), -1, 1)
    forward, dorsal = (bone * axes[:, 0]).sum(-1), (bone * axes[:, 1]).sum(-1)
    return np.arcsin(-handed * sideways), np.arctan2(handed * dorsal, forward)


@lru_cache(maxsize=16)
def basis(
    rig: HandRig,
) -> tuple[Float[np.ndarray, "16 3 3"], Float[np.ndarray, "16 3"], Float[np.ndarray, "16"]]:
    """Orthonormal axes (float64), rest angles, and +1 or -1 for a right- or left-handed (twist, splay, bend).

    Whichever way a rig's splay axes point, here positive splay leads towards the thumb's side, and the thumb
    itself away from the fingers.
    """
    raw, rest = rig.axes.astype(np.float64), rig.rest_angles.astype(np.float64).copy()
    twist = raw[:, 0] / np.linalg.norm(raw[:, 0], axis=-1, keepdims=True)
    bend = raw[:, 2] - (raw[:, 2] * twist).sum(-1, keepdims=True) * twist
    bend /= np.linalg.norm(bend, axis=-1, keepdims=True)
    splay = cross(bend, twist)
    joints = rig.joints_rest_m.astype(np.float64)
    own = list(COMMON_TO_MANO16)
    radial = np.broadcast_to(joints[5] - joints[17], (16, 3)).copy()
    radial[13:] = joints[0] - joints[9]
    bones = np.concatenate([joints[9:10] - joints[:1], joints[np.array(own[1:]) + 1] - joints[own[1:]]])
    splay *= np.where((cross(splay, bones) * radial).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    rest[:, 1] *= np.where((splay * raw[:, 1]).sum(-1) < 0, -1.0, 1.0)
    handed = np.where((cross(twist, splay) * bend).sum(-1) < 0, -1.0, 1.0)
    return np.stack([twist, splay, bend], 1), rest, handed


def _checked(value: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(value, np.float64)
    if array.shape[-2:] != (16, 3):
        raise KnuckleError(f"{name}: expected (..., 16, 3) in radians, got {array.shape}")
    return array
