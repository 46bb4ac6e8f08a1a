"""Rotations and plain linear blend skinning: the few lines this build needs, apart from the package's own."""

import numpy as np

PARENTS = np.array([-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14])
"""MANO16: wrist, then index, middle, pinky, ring, thumb, three joints each."""


def rodrigues(axis_angle: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3) in radians."""
    angle = np.linalg.norm(axis_angle, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(axis_angle, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    safe = np.maximum(angle, 1e-12)
    return np.eye(3) + np.sin(angle) / safe * cross + (1 - np.cos(angle)) / safe**2 * (cross @ cross)


def world_motions(rotations: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (16, 3, 3) and posed joints (16, 3) from relative rotations and rest joints."""
    world, posed = rotations.copy(), joints.copy()
    for joint in range(1, 16):
        parent = PARENTS[joint]
        world[joint] = world[parent] @ rotations[joint]
        posed[joint] = posed[parent] + world[parent] @ (joints[joint] - joints[parent])
    return world, posed


def skin(vertices: np.ndarray, weights: np.ndarray, rotations: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Linear blend skinning of (V, 3) vertices; rotations (16, 3, 3) are relative to the parent joint."""
    world, posed = world_motions(rotations, joints)
    shift = posed - np.einsum("jab,jb->ja", world, joints)
    return np.einsum("vj,jab,vb->va", weights, world, vertices) + weights @ shift
