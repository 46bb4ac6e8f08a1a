"""Rotations as unit quaternions (w, x, y, z): the cheapest to turn on by small angles, frame after frame.

q and -q are the same rotation; what is returned is either. `knuckle.rig.rotations` has the other forms.
"""

import numpy as np
from jaxtyping import Float

_SMALL = 1e-8
_LEFT = np.zeros((4, 4, 4))
"""Row i, j, k: how much the k-th part of a left factor counts in entry (i, j) of the matrix that multiplies by it."""
for _i, _j, _k, _sign in (
    *((0, 0, 0, 1), (0, 1, 1, -1), (0, 2, 2, -1), (0, 3, 3, -1)),
    *((1, 0, 1, 1), (1, 1, 0, 1), (1, 2, 3, -1), (1, 3, 2, 1)),
    *((2, 0, 2, 1), (2, 1, 3, 1), (2, 2, 0, 1), (2, 3, 1, -1)),
    *((3, 0, 3, 1), (3, 1, 2, -1), (3, 2, 1, 1), (3, 3, 0, 1)),
):
    _LEFT[_i, _j, _k] = _sign
_TABLE = np.ascontiguousarray(_LEFT.reshape(16, 4).T)
_CONJUGATE = np.array([1.0, -1.0, -1.0, -1.0])


def multiply(
    first: Float[np.ndarray, "*#batch 4"], second: Float[np.ndarray, "*#batch 4"]
) -> Float[np.ndarray, "*batch 4"]:
    """The rotation `second`, then `first`: as the product of their matrices."""
    left = (first @ _TABLE).reshape((*first.shape[:-1], 4, 4))
    return (left @ second[..., None])[..., 0]


def inverse(quaternion: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 4"]:
    """The rotation back."""
    return quaternion * _CONJUGATE


def turned(
    quaternion: Float[np.ndarray, "*#batch 4"], points: Float[np.ndarray, "*#batch 3"]
) -> Float[np.ndarray, "*batch 3"]:
    """Points turned by rotations."""
    pure = np.concatenate([np.zeros((*points.shape[:-1], 1)), points], -1)
    return multiply(multiply(quaternion, pure), inverse(quaternion))[..., 1:]


def axis_angle_to_quaternion(axis_angle: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 4"]:
    """Of axis-angle vectors, radians."""
    half = 0.5 * np.sqrt((axis_angle * axis_angle).sum(-1, keepdims=True))
    # sin(h) / 2h, which is 1/2 at 0.
    ratio = np.where(half < _SMALL, 0.5, np.sin(half) / np.maximum(2 * half, _SMALL))
    return np.concatenate([np.cos(half), ratio * axis_angle], -1)


def quaternion_to_axis_angle(quaternion: Float[np.ndarray, "*batch 4"]) -> Float[np.ndarray, "*batch 3"]:
    """Axis-angle vectors, radians, of length 0..pi."""
    vector = np.where(quaternion[..., :1] < 0, -1.0, 1.0) * quaternion[..., 1:]
    length = np.sqrt((vector * vector).sum(-1, keepdims=True))
    angle = 2 * np.arctan2(length, np.abs(quaternion[..., :1]))
    return np.where(length < _SMALL, 2.0, angle / np.maximum(length, _SMALL)) * vector
