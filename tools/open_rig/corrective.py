"""Pose correctives: what linear blend skinning loses at bent joints and dual quaternions keep.

Blending matrices averages rotations into a shrinking map: a knuckle bent by 90 degrees loses a seventh of a
finger's volume. Blending unit dual quaternions (Kavan et al. 2008) keeps every point's motion rigid. The
difference, pulled back to the rest pose, is nearly linear in the bent joint's rotation matrix and stays
close to that joint; a few principal components of it per joint are the correctives.
"""

import numpy as np
from dualquaternion import blend_rigid
from hand import FINGERS, Hand
from rotation import rodrigues, world_motions

RANK = 2
"""Correctives a joint."""
# Range of the sample poses, radians: splay and twist either way, anatomical bend of the three joints.
_SPLAY, _TWIST = 0.25, 0.12
_BEND = {0: (-0.35, 1.65), 1: (-0.15, 1.95), 2: (-0.2, 1.5)}
_THUMB_BEND = {0: (-0.5, 0.7), 1: (-0.3, 1.1), 2: (-0.4, 1.5)}


def pose_correctives(
    hand: Hand, axes: np.ndarray, rest: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3, P) rest-pose offsets and the (P, 135) map from the 15 rotations less identity, row by row."""
    rng = np.random.default_rng(seed)
    bases, maps = [], []
    for finger, first in FINGERS.items():
        for part in range(3):
            joint = first + part
            bend = (_THUMB_BEND if finger == "thumb" else _BEND)[part]
            features, offsets = [], []
            for angle in np.linspace(*bend, 14):
                wide = part == 0 or finger == "thumb"
                aside = rng.uniform(-1, 1, 2) * (_SPLAY, _TWIST) * wide * (1.8 if finger == "thumb" else 1)
                turn = rodrigues((angle - rest[joint, 2]) * axes[joint, 2])
                turn = turn @ rodrigues(aside[0] * axes[joint, 1]) @ rodrigues(aside[1] * axes[joint, 0])
                rotations = np.broadcast_to(np.eye(3), (16, 3, 3)).copy()
                rotations[joint] = turn
                features.append((turn - np.eye(3)).ravel())
                offsets.append(rigid_offset(hand, rotations).ravel())
            basis, weights = _low_rank(np.array(features), np.array(offsets))
            bases.append(basis.reshape(RANK, -1, 3))
            row = np.zeros((RANK, 135))
            row[:, 9 * (joint - 1) : 9 * joint] = weights
            maps.append(row)
    return np.moveaxis(np.concatenate(bases), 0, -1), np.concatenate(maps)


def rigid_offset(hand: Hand, rotations: np.ndarray) -> np.ndarray:
    """(V, 3) rest-pose offsets that make linear blend skinning land where dual quaternion skinning does."""
    world, posed = world_motions(rotations, hand.joints)
    shift = posed - np.einsum("jab,jb->ja", world, hand.joints)
    linear = np.einsum("vj,jab->vab", hand.weights, world)
    target = blend_rigid(hand.vertices, hand.weights, world, shift)
    skinned = np.einsum("vab,vb->va", linear, hand.vertices) + hand.weights @ shift
    # The blended map is nearly singular where a joint folds; damping keeps the pulled-back offset sane there.
    square = linear.swapaxes(1, 2) @ linear + 0.02 * np.eye(3)
    pulled = linear.swapaxes(1, 2) @ (target - skinned)[..., None]
    return np.linalg.solve(square, pulled)[..., 0]


def _low_rank(features: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Basis (r, 3V) and map (r, 9): offsets ~ features map^T basis, the best of that rank on these poses."""
    ridge = 1e-3 * np.eye(9)
    full = np.linalg.solve(features.T @ features + ridge, features.T @ offsets)
    _, values, right = np.linalg.svd(features @ full, full_matrices=False)
    basis = right[:RANK] * values[:RANK, None] / np.sqrt(len(features))
    weights = full @ basis.T / (basis**2).sum(1)
    return basis, weights.T
