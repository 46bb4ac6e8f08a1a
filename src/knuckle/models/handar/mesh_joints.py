"""The 21 joints as fixed weighted sums of a posed mesh's vertices: the paper's regressor R."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from torch import Tensor

from knuckle.geometry.float32 import in_float32
from knuckle.poses.prior import sample_poses, sample_shapes
from knuckle.rig.hand_rig import HandRig
from knuckle.skeleton import MANO21_TO_COMMON

_HANDS = 256
_NEAREST = 80
_DAMPING = 1e-6
"""Against squared metres: keeps the weights near the rig's own regressor where that is as good."""


@in_float32
def joints_of_mesh(
    matrix: Float[Tensor, "21 V"], vertices: Float[Tensor, "*batch V 3"]
) -> Float[Tensor, "*batch 21 3"]:
    """The joints of a mesh, in its own units. matrix: `joint_matrix`."""
    return matrix @ vertices


@lru_cache(maxsize=8)
def joint_matrix(rig: HandRig) -> Float[np.ndarray, "21 V"]:
    """Weights of every vertex in every joint (common order), float32; each row adds up to one.

    MANO's own regressor for MANO, as its benchmarks have it. The open rig's is made for the rest pose and misses
    posed joints by 0.45 mm (the thumb's MCP by 1.8 mm), so there the weights of the vertices near each joint are
    fitted to random poses and shapes (0.08 mm).
    """
    regressor = rig.joint_regressor.astype(np.float64)
    if rig.name != "mano":
        regressor = _fitted(rig, regressor)
    tips = np.zeros((5, len(rig.vertices)))
    tips[np.arange(5), rig.tip_vertices] = 1
    return np.concatenate([regressor, tips])[list(MANO21_TO_COMMON)].astype(np.float32)


def _fitted(rig: HandRig, regressor: np.ndarray) -> np.ndarray:
    """Least squares over posed hands, the change from the given weights damped, the sum kept at one."""
    rng = np.random.default_rng(0)
    poses = sample_poses(rig, _HANDS, rng, kinds={"natural": 0.5, "uniform": 0.5}, max_penetration_m=None)
    hands = rig.posed(poses, sample_shapes(_HANDS, rng))
    vertices = hands.vertices.astype(np.float64)
    joints = hands.transforms[..., :3, 3].astype(np.float64)
    fitted = np.zeros_like(regressor)
    for joint, rest in enumerate(regressor @ rig.vertices):
        near = np.argsort(np.linalg.norm(rig.vertices - rest, axis=1), kind="stable")[:_NEAREST]
        start = regressor[joint, near] / regressor[joint, near].sum()
        # Relative to the mean of the vertices the weights' sum no longer matters, and is set to one below.
        centre = vertices[:, near].mean(1, keepdims=True)
        system = (vertices[:, near] - centre).transpose(0, 2, 1).reshape(-1, len(near))
        missing = (joints[:, joint] - centre[:, 0]).reshape(-1) - system @ start
        normal = system.T @ system / len(missing) + _DAMPING * np.eye(len(near))
        weights = start + np.linalg.solve(normal, system.T @ missing / len(missing))
        fitted[joint, near] = weights + (1 - weights.sum()) / len(near)
    return fitted
