"""A rig as the fit sees it: 21 points on rigid bones, whose angles, lengths and limits are constants of the rig.

Points stand finger by finger in MANO's order (index, middle, pinky, ring, thumb), each from its root to its tip, after
the wrist. Angles are those of `limits.py`, without the wrist's: (finger, level from the root, (twist, splay, bend)).
Every call costs microseconds of numpy's own, so that few calls and no more is what makes a single hand fast.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.rig.lbs import joints16_and_tips_to_common
from knuckle.rig.limits import basis, joint_limits
from knuckle.rig.rig import HandRig

FINGERS_COMMON = np.array([[4 * finger + part for part in (1, 2, 3, 4)] for finger in (1, 2, 4, 3, 0)])
"""[finger, point] of this order in the common one."""

COMMON_TO_POINTS = np.array([0, *FINGERS_COMMON.reshape(-1)])
POINTS_TO_COMMON = np.argsort(COMMON_TO_POINTS)

IDENTITY = np.eye(3)
# A vector times this is its cross product matrix, row by row.
SKEW = np.zeros((3, 9))
SKEW[(2, 1, 2, 0, 1, 0), (1, 2, 3, 5, 6, 7)] = (-1, 1, 1, -1, -1, 1)

_SPLAYING = slice(0, 4)  # the fingers whose splay depends on their bend: all but the thumb


class FitModel(NamedTuple):
    """Constants of a rig, float64; metres and radians, axes of the rest frame."""

    rest: Float[np.ndarray, "21 3"]
    rest_moves: Float[np.ndarray, "21 3 10"]
    """How the rest points move with the shape."""
    bones: Float[np.ndarray, "5 4 3"]
    """From each point's predecessor, the wrist before the fingers' roots."""
    bone_moves: Float[np.ndarray, "5 4 3 10"]
    axes: Float[np.ndarray, "5 3 3 3"]
    """Rows: axes of twist, splay, bend."""
    handed: Float[np.ndarray, "5 3"]
    turning: Float[np.ndarray, "5 3 3 3 3"]
    """[..., angle, :, :] cross product matrix of its axis, and its square: what Rodrigues' formula needs."""
    turning_twice: Float[np.ndarray, "5 3 3 3 3"]
    rest_angles: Float[np.ndarray, "5 3 3"]
    low: Float[np.ndarray, "5 3 3"]
    high: Float[np.ndarray, "5 3 3"]
    splay: Float[np.ndarray, "3 4"]
    """Of the fingers but the thumb, at their roots: what a bent one returns to, and the limits less that."""
    rigid_tips: bool
    """Whether fingertips move with their last joint alone; else they have to be skinned."""


@lru_cache(maxsize=16)
def fit_model(rig: HandRig) -> FitModel:
    """The constants of a rig, computed once."""
    regressor, moves16 = rig.joint_regressor.astype(np.float64), rig.shape_basis.astype(np.float64)
    rest = joints16_and_tips_to_common(regressor @ rig.vertices, rig.vertices[rig.tip_vertices])
    moves = joints16_and_tips_to_common(
        np.einsum("jv,vck->kjc", regressor, moves16), moves16[rig.tip_vertices].transpose(2, 0, 1)
    )
    rest = rest[COMMON_TO_POINTS].astype(np.float64)
    moves = np.ascontiguousarray(moves[:, COMMON_TO_POINTS].transpose(1, 2, 0))
    axes, rest_angles, handed = basis(rig)
    axes = axes[1:].reshape(5, 3, 3, 3)
    turning = (axes @ SKEW).reshape(5, 3, 3, 3, 3)
    low, high = (limit[1:].reshape(5, 3, 3) for limit in joint_limits())
    angles = rest_angles[1:].reshape(5, 3, 3)
    at_rest = np.clip(angles, low, high)[_SPLAYING, 0, 1]
    return FitModel(
        rest=rest,
        rest_moves=moves,
        bones=_bones(rest),
        bone_moves=_bones(moves),
        axes=axes,
        handed=handed[1:].reshape(5, 3),
        turning=turning,
        turning_twice=turning @ turning,
        rest_angles=angles,
        low=low,
        high=high,
        splay=np.stack([at_rest, low[_SPLAYING, 0, 1] - at_rest, high[_SPLAYING, 0, 1] - at_rest]),
        rigid_tips=_has_rigid_tips(rig),
    )


def clamped(model: FitModel, angles: Float[np.ndarray, "n 5 3 3"]) -> Float[np.ndarray, "n 5 3 3"]:
    """`limits.clamp_angles` of the finger angles."""
    within = np.minimum(np.maximum(angles, model.low), model.high)
    roots = within[:, _SPLAYING, 0]
    room = np.minimum(np.maximum(1 - roots[..., 2] / (np.pi / 2), 0), 1)
    rest, low, high = model.splay
    roots[..., 1] = np.minimum(np.maximum(roots[..., 1], rest + room * low), rest + room * high)
    return within


def turns(model: FitModel, angles: Float[np.ndarray, "n 5 3 3"]) -> Float[np.ndarray, "n 5 3 3 3 3"]:
    """Rotations about each angle's own axis (Rodrigues' formula about a fixed axis)."""
    delta = (angles - model.rest_angles)[..., None, None]
    return IDENTITY + np.sin(delta) * model.turning + (1 - np.cos(delta)) * model.turning_twice


def _bones(points: np.ndarray) -> np.ndarray:
    fingers = points[1:].reshape(5, 4, *points.shape[1:])
    return np.concatenate([fingers[:, :1] - points[0], fingers[:, 1:] - fingers[:, :-1]], 1)


def _has_rigid_tips(rig: HandRig) -> bool:
    last = np.array([15, 3, 6, 12, 9])  # the tips' order: thumb, index, middle, ring, pinky
    owned = rig.skin_weights[rig.tip_vertices, last]
    return bool((owned > 1 - 1e-6).all() and not rig.pose_basis[rig.tip_vertices].any())
