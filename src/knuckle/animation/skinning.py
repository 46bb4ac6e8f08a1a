"""Skinning as files can hold it: four joints a vertex, and targets that the surface is moved by before."""

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.animation.motion import HandMotion
from knuckle.skeleton import COMMON_TO_MANO16, MANO16_PARENTS

_INFLUENCES = 4
_LOST = 1e-4
"""A share below which nothing is lost."""
_FEW = 4
"""Vertices that may get targets of their own."""


def strongest_influences(
    weights: Float[np.ndarray, "v 16"],
) -> tuple[UInt8[np.ndarray, "v 4"], Float[np.ndarray, "v 4"]]:
    """The four joints that move each vertex most, and their shares, adding up to 1; joint 0 where there are fewer.

    The share of a fifth one goes to its parent, whose motion is next to its own, where that is one of the four. Of the
    open rig's vertices one has a fifth, with .0045.
    """
    weights = weights.astype(np.float64)
    for joint in range(15, 0, -1):
        parent = MANO16_PARENTS[joint]
        # Of more than four joints above 0, those that are weaker than the fourth.
        weak = (weights[:, joint] > 0) & ((weights > weights[:, [joint]]).sum(1) >= _INFLUENCES)
        weak &= weights[:, parent] > 0
        weights[weak, parent] += weights[weak, joint]
        weights[weak, joint] = 0
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :_INFLUENCES]
    shares = np.take_along_axis(weights, joints, 1)
    shares /= shares.sum(1, keepdims=True)
    return np.where(shares > 0, joints, 0).astype(np.uint8), shares.astype(np.float32)


def morphs(hand: HandMotion) -> tuple[Float[np.ndarray, "v 3 m"], Float[np.ndarray, "T m"]]:
    """Targets (offsets in the rest pose, metres) and their weights in every frame, with which four joints a vertex give
    the rig's surface: its pose correctives, and for a vertex that has more joints three of its own, one an axis.

    Where many vertices have more joints, as in MANO, they do without.
    """
    rig, weights = hand.rig, hand.rig.skin_weights.astype(float)
    basis = rig.pose_basis.astype(float)
    joints, shares = strongest_influences(rig.skin_weights)
    kept = np.zeros_like(weights)
    np.add.at(kept, (np.arange(len(kept))[:, None], joints), shares)
    lost = np.flatnonzero(np.abs(kept - weights).max(1) > _LOST)
    if not 0 < len(lost) <= _FEW:
        return basis, hand.corrections
    posed, world = rig.posed_joints(hand.turns, hand.shape)
    posed = posed[:, list(COMMON_TO_MANO16)]
    points = hand.rest_vertices_m[lost] + np.einsum("vcp,tp->tvc", basis[lost], hand.corrections)
    arms = points[:, :, None] - hand.rest_joints_m[:16]
    carried = (world[:, None] @ arms[..., None])[..., 0] + posed[:, None]
    missing = np.einsum("vj,tvjc->tvc", weights[lost] - kept[lost], carried)
    blended = np.einsum("vj,tjab->tvab", kept[lost], world)
    offsets = np.linalg.solve(blended, missing[..., None])[..., 0]
    own = np.zeros((len(weights), 3, 3 * len(lost)))
    for place, vertex in enumerate(lost):
        own[vertex, :, 3 * place : 3 * place + 3] = np.eye(3)
    return np.concatenate([basis, own], -1), np.concatenate(
        [hand.corrections, offsets.reshape(len(world), -1)], 1
    )


def continuous(quaternions: Float[np.ndarray, "T *n 4"]) -> Float[np.ndarray, "T *n 4"]:
    """The same rotations with signs such that neighbours in time are on one side: q and -q are one rotation."""
    dots = (quaternions[1:] * quaternions[:-1]).sum(-1, keepdims=True)
    signs = np.cumprod(np.where(dots < 0, -1.0, 1.0), axis=0)
    return np.concatenate([quaternions[:1], quaternions[1:] * signs])
