"""Dual quaternion skinning (Kavan et al. 2008): rigid motions blended without losing volume."""

import numpy as np


def blend_rigid(
    points: np.ndarray, weights: np.ndarray, rotations: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """Points (V, 3) moved by the blend (V, n) of n rigid motions x -> R x + t, each by less than 180
    degrees."""
    real = _quaternions(rotations)
    dual = 0.5 * _product(np.concatenate([np.zeros((len(shifts), 1)), shifts], 1), real)
    blended, blended_dual = weights @ real, weights @ dual
    norm = np.linalg.norm(blended, axis=1, keepdims=True)
    blended, blended_dual = blended / norm, blended_dual / norm
    scalar, vector = blended[:, :1], blended[:, 1:]
    turned = points + 2 * np.cross(vector, np.cross(vector, points) + scalar * points)
    return turned + 2 * _product(blended_dual, blended * [1, -1, -1, -1])[:, 1:]


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    scalar = a[:, :1] * b[:, :1] - (a[:, 1:] * b[:, 1:]).sum(1, keepdims=True)
    return np.concatenate(
        [scalar, a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:] + np.cross(a[:, 1:], b[:, 1:])], 1
    )


def _quaternions(rotations: np.ndarray) -> np.ndarray:
    """(n, 4) unit quaternions, scalar first, of rotations by less than 180 degrees."""
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    skew = rotations - rotations.swapaxes(1, 2)
    axis = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], 1)
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-12)
    return np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * axis], 1)
