"""Linear blend skinning of a hand with MANO's 16 joints, written once for numpy and torch.

Points are kept component by component (3, V) until the last step: each product is then one matrix product
over contiguous rows, which is what makes a single hand fast in numpy. SMPL, Loper et al. 2015, equations
2-11, with the pose correctives behind a low-rank map.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.geometry.array import Array, array_module

_CHAIN_COUNT = 5
_CHAIN_LENGTH = 3
_COMMON_CHAINS = (4, 0, 1, 3, 2)
"""MANO's finger chains are index, middle, pinky, ring, thumb; the common order begins with the thumb."""


class LbsArrays(NamedTuple):
    """What skinning N points needs, laid out for it (rest frame, metres).

    The template has the pose correctives of the identity subtracted, so that `articulate` may multiply them
    with the rotations themselves instead of R - I.
    """

    template: Float[Array, "3 n"]
    shape_basis: Float[Array, "10 3n"]
    pose_basis: Float[Array, "p 3n"]
    pose_map: Float[Array, "135 p"]
    skin_weights: Float[Array, "16 n"]
    joint_template: Float[Array, "48"]
    joint_basis: Float[Array, "10 48"]

    @classmethod
    def packed(
        cls,
        *,
        template: Float[np.ndarray, "n 3"],
        shape_basis: Float[np.ndarray, "n 3 10"],
        pose_basis: Float[np.ndarray, "n 3 p"],
        pose_map: Float[np.ndarray, "p 135"],
        skin_weights: Float[np.ndarray, "n 16"],
        joint_template: Float[np.ndarray, "16 3"],
        joint_basis: Float[np.ndarray, "16 3 10"],
        dtype: Any,
    ) -> "LbsArrays":
        """Lay out a rig's arrays, component by component and contiguous."""
        at_identity = pose_map.astype(np.float64) @ np.tile(np.eye(3).reshape(-1), 15)
        arrays = (
            (template - pose_basis.astype(np.float64) @ at_identity).T,
            shape_basis.transpose(2, 1, 0).reshape(10, -1),
            pose_basis.transpose(2, 1, 0).reshape(pose_basis.shape[2], 3 * len(pose_basis)),
            pose_map.T,
            skin_weights.T,
            joint_template.reshape(48),
            joint_basis.reshape(48, 10).T,
        )
        return cls(*(np.ascontiguousarray(array, dtype) for array in arrays))


def chain(
    rotations: Float[Array, "*batch 16 3 3"], joints_m: Float[Array, "*batch 16 3"]
) -> tuple[Float[Array, "*batch 16 3 3"], Float[Array, "*batch 16 3"]]:
    """Forward kinematics: rotations relative to the parent and rest joints -> world rotations and posed
    joints.

    The tree is walked by levels: the wrist, then the five first, second and third finger joints at once.
    """
    xp = array_module(rotations)
    lead = tuple(rotations.shape[:-3])
    wrist_rotation, wrist = rotations[..., :1, :, :], joints_m[..., :1, :]
    local = rotations[..., 1:, :, :].reshape((*lead, _CHAIN_COUNT, _CHAIN_LENGTH, 3, 3))
    rest = joints_m[..., 1:, :].reshape((*lead, _CHAIN_COUNT, _CHAIN_LENGTH, 3))
    rotation, position, parent_rest = wrist_rotation, wrist, wrist
    world_rotations, positions = [], []
    for level in range(_CHAIN_LENGTH):
        offset = rest[..., level, :] - parent_rest
        position = position + (rotation @ offset[..., None])[..., 0]
        rotation = rotation @ local[..., level, :, :]
        parent_rest = rest[..., level, :]
        world_rotations.append(rotation)
        positions.append(position)
    fingers = xp.stack(world_rotations, -3).reshape((*lead, 15, 3, 3))
    points = xp.stack(positions, -2).reshape((*lead, 15, 3))
    return xp.concatenate([wrist_rotation, fingers], -3), xp.concatenate([wrist, points], -2)


def skin(
    points: Float[Array, "*batch 3 n"],
    skin_weights: Float[Array, "16 n"],
    world_rotations: Float[Array, "*batch 16 3 3"],
    joints_rest_m: Float[Array, "*batch 16 3"],
    joints_m: Float[Array, "*batch 16 3"],
) -> Float[Array, "*batch 3 n"]:
    """Blend the 16 rigid motions at every point: p' = sum_j w_j (R_j (p - rest_j) + joint_j)."""
    xp = array_module(points)
    lead = tuple(world_rotations.shape[:-3])
    shift = joints_m - (world_rotations @ joints_rest_m[..., None])[..., 0]
    motions = xp.concatenate([world_rotations, shift[..., None]], -1).reshape((*lead, 16, 12))
    blended = (motions.swapaxes(-1, -2) @ skin_weights).reshape((*lead, 3, 4, skin_weights.shape[-1]))
    x, y, z = points[..., None, 0, :], points[..., None, 1, :], points[..., None, 2, :]
    return blended[..., 0, :] * x + blended[..., 1, :] * y + blended[..., 2, :] * z + blended[..., 3, :]


def articulate(
    arrays: LbsArrays, rotations: Float[Array, "*batch 16 3 3"], shape: Float[Array, "*batch 10"]
) -> tuple[Float[Array, "*batch n 3"], Float[Array, "*batch 16 3"], Float[Array, "*batch 16 3 3"]]:
    """Shape, correct, pose and skin the points: returns points, the 16 joints (metres) and world rotations.

    `rotations` and `shape` must have equal batch dimensions.
    """
    lead = tuple(rotations.shape[:-3])
    joints_rest = (arrays.joint_template + shape @ arrays.joint_basis).reshape((*lead, 16, 3))
    points = arrays.template.reshape(-1) + shape @ arrays.shape_basis
    if arrays.pose_basis.shape[0]:
        finger_rotations = rotations[..., 1:, :, :].reshape((*lead, 135))
        points = points + (finger_rotations @ arrays.pose_map) @ arrays.pose_basis
    points = points.reshape((*lead, 3, arrays.template.shape[-1]))
    world_rotations, joints = chain(rotations, joints_rest)
    skinned = skin(points, arrays.skin_weights, world_rotations, joints_rest, joints)
    return skinned.swapaxes(-1, -2), joints, world_rotations


def joints16_and_tips_to_common(
    joints_m: Float[Array, "*batch 16 3"], tips_m: Float[Array, "*batch 5 3"]
) -> Float[Array, "*batch 21 3"]:
    """The 21 joints in the common order from MANO's 16 and the tips (thumb, index, middle, ring, pinky).

    Slices instead of an index list: no host-to-device copy on a GPU, and plain slices in onnx.
    """
    xp = array_module(joints_m)
    lead = tuple(joints_m.shape[:-2])
    fingers = joints_m[..., 1:, :].reshape((*lead, _CHAIN_COUNT, _CHAIN_LENGTH, 3))
    ordered = xp.stack([fingers[..., index, :, :] for index in _COMMON_CHAINS], -3)
    fingers21 = xp.concatenate([ordered, tips_m[..., None, :]], -2).reshape((*lead, 20, 3))
    return xp.concatenate([joints_m[..., :1, :], fingers21], -2)
