"""Rotations as axis-angle vectors, matrices and 6D pairs, written once for numpy and torch.
 Every function takes any leading batch dimensions, picks its array module from its input, has no
data-dependent control flow (so it exports to onnx) and finite gradients everywhere, the zero rotation
included.
"""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

Array: TypeAlias = Any
"""A numpy.ndarray or a torch.Tensor; what comes out is what went in."""

_SMALL_ANGLE_SQUARED = 1e-4


def array_module(array: Array) -> Any:
    """numpy for numpy input, torch for tensors (torch is imported only where a tensor is given)."""
    if isinstance(array, np.ndarray | np.generic):
        return np
    import torch

    return torch


def rodrigues(axis_angle: Float[Array, "*batch 3"]) -> Float[Array, "*batch 3 3"]:
    """Rotation matrices of axis-angle vectors in radians (Rodrigues' formula).

    R = I + sin(t)/t K + (1 - cos t)/t^2 K^2; both quotients switch to their Taylor series below 0.01 rad.
    """
    xp = array_module(axis_angle)
    x, y, z = axis_angle[..., 0], axis_angle[..., 1], axis_angle[..., 2]
    xx, yy, zz = x * x, y * y, z * z
    squared = xx + yy + zz
    small = squared < _SMALL_ANGLE_SQUARED
    safe = xp.where(small, xp.ones_like(squared), squared)
    angle = xp.sqrt(safe)
    half = xp.sin(0.5 * angle)
    a = xp.where(small, 1 - squared / 6 + squared * squared / 120, xp.sin(angle) / angle)
    b = xp.where(small, 0.5 - squared / 24 + squared * squared / 720, 2 * half * half / safe)
    bxy, bxz, byz, ax, ay, az = b * x * y, b * x * z, b * y * z, a * x, a * y, a * z
    entries = [1 - b * (yy + zz), bxy - az, bxz + ay, bxy + az, 1 - b * (xx + zz), byz - ax]
    entries += [bxz - ay, byz + ax, 1 - b * (xx + yy)]
    return xp.stack(entries, -1).reshape((*axis_angle.shape[:-1], 3, 3))


def rot6d_to_matrix(rot6d: Float[Array, "*batch 6"]) -> Float[Array, "*batch 3 3"]:
    """Rotation matrices whose first two columns are the Gram-Schmidt basis of two 3-vectors.

    "On the Continuity of Rotation Representations in Neural Networks", Zhou et al. 2019, equation 16.
    (1,0,0, 0,1,0) is the identity. Parallel or zero vectors give finite numbers, not a rotation.
    """
    xp = array_module(rot6d)
    first = _normalise(rot6d[..., :3])
    second = rot6d[..., 3:]
    second = _normalise(second - (first * second).sum(-1)[..., None] * first)
    return xp.stack([first, second, cross(first, second)], -1)


def cross(a: Float[Array, "*#batch 3"], b: Float[Array, "*#batch 3"]) -> Float[Array, "*#batch 3"]:
    """Cross product over the last dimension (numpy's own is several times slower on small arrays)."""
    xp = array_module(a)
    ax, ay, az, bx, by, bz = a[..., 0], a[..., 1], a[..., 2], b[..., 0], b[..., 1], b[..., 2]
    return xp.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def matrix_to_axis_angle(matrix: Float[Array, "*batch 3 3"]) -> Float[Array, "*batch 3"]:
    """Axis-angle vectors (radians, length 0..pi) of rotation matrices, stable at 0 and at pi.

    Goes through the unit quaternion built from its largest component (Shepperd 1978), so that nothing is
    divided by a number near zero.
    """
    quaternion = matrix_to_quaternion(matrix)
    xp = array_module(matrix)
    w, vector = quaternion[..., :1], quaternion[..., 1:]
    squared = (vector * vector).sum(-1)[..., None]
    small = squared < _SMALL_ANGLE_SQUARED
    length = xp.sqrt(xp.where(small, xp.ones_like(squared), squared))
    # atan(r)/r with r = |v|/w, as a series in r^2 where |v| is small (w is then close to 1).
    ratio = squared / xp.where(small, w * w, xp.ones_like(w))
    series = (1 - ratio / 3 + ratio * ratio / 5) / xp.where(small, w, xp.ones_like(w))
    return vector * 2 * xp.where(small, series, xp.arctan2(length, w) / length)


def matrix_to_quaternion(matrix: Float[Array, "*batch 3 3"]) -> Float[Array, "*batch 4"]:
    """Unit quaternions (w, x, y, z), w >= 0, of rotation matrices."""
    xp = array_module(matrix)
    m00, m01, m02 = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 0, 2]
    m10, m11, m12 = matrix[..., 1, 0], matrix[..., 1, 1], matrix[..., 1, 2]
    m20, m21, m22 = matrix[..., 2, 0], matrix[..., 2, 1], matrix[..., 2, 2]
    wx, wy, wz = m21 - m12, m02 - m20, m10 - m01
    xy, xz, yz = m10 + m01, m02 + m20, m21 + m12
    ww, xx = 1 + m00 + m11 + m22, 1 + m00 - m11 - m22
    yy, zz = 1 - m00 + m11 - m22, 1 - m00 - m11 + m22
    # Row k is 4 q_k q: all the same quaternion, best conditioned where q_k is largest.
    rows = [(ww, wx, wy, wz), (wx, xx, xy, xz), (wy, xy, yy, yz), (wz, xz, yz, zz)]
    best, best_square = xp.stack(rows[0], -1), ww
    for row, square in zip(rows[1:], (xx, yy, zz), strict=True):
        better = square > best_square
        best = xp.where(better[..., None], xp.stack(row, -1), best)
        best_square = xp.where(better, square, best_square)
    best = xp.where(best[..., :1] < 0, -best, best)
    return _normalise(best)


def _normalise(vector: Array) -> Array:
    xp = array_module(vector)
    squared = (vector * vector).sum(-1)[..., None]
    return vector / xp.sqrt(xp.where(squared < 1e-16, xp.ones_like(squared), squared))
