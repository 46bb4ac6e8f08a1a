"""A hand as a mechanism: joints by anatomical angles, and how they move when an angle does."""

import numpy as np
from jaxtyping import Float

from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import angles_to_matrices, basis
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import COMMON_TO_MANO16, MANO16_PARENTS

FINGER_JOINTS = np.array([[13, 14, 15], [1, 2, 3], [4, 5, 6], [10, 11, 12], [7, 8, 9]])
"""MANO16 joints of thumb, index, middle, ring and pinky, each from its base out."""
_PARENTS = np.array(MANO16_PARENTS[1:])


def joints_by_angles(
    rig: HandRig,
    angles: Float[np.ndarray, "*batch 16 3"],
    shape: Float[np.ndarray, "*batch 10"] | None = None,
) -> tuple[Float[np.ndarray, "*batch 21 3"], Float[np.ndarray, "*batch 16 3 3"]]:
    """The 21 joints (metres, common order, wrist unturned) and world rotations at anatomical angles;
    float32."""
    rotations = angles_to_matrices(rig, angles).astype(np.float32)
    rotations[..., 0, :, :] = np.eye(3, dtype=np.float32)
    return rig.posed_joints(rotations, shape)


def turning_axes(
    rig: HandRig,
    angles: Float[np.ndarray, "*batch 16 3"],
    world_rotations: Float[np.ndarray, "*batch 16 3 3"],
) -> Float[np.ndarray, "*batch 15 3 3"]:
    """World axes about which the angles (twist, splay, bend: rows) of the 15 finger joints turn what hangs on
    them.

    Bend turns about its axis as the parent carries it, splay about its axis after bending, twist about the
    bone.
    """
    axes, rest, _ = basis(rig)
    delta = angles[..., 1:, :] - rest[1:]
    parents = world_rotations[..., _PARENTS, :, :]
    bent = parents @ rodrigues(delta[..., 2, None] * axes[1:, 2])
    splay = (bent @ axes[1:, 1, :, None])[..., 0]
    bend = (parents @ axes[1:, 2, :, None])[..., 0]
    twist = (world_rotations[..., 1:, :, :] @ axes[1:, 0, :, None])[..., 0]
    return np.stack([twist, splay, bend], -2)


def pivots(joints_m: Float[np.ndarray, "*batch 21 3"]) -> Float[np.ndarray, "*batch 15 3"]:
    """Positions of the 15 finger joints in MANO order."""
    return joints_m[..., list(COMMON_TO_MANO16[1:]), :]
