"""Inverse kinematics: pose, shape and place of a rig from 21 joints in metres.

An analytic start (shape from bone lengths, palm by Kabsch, each finger from its root outwards), then a few
Levenberg-Marquardt steps over anatomical angles, with joint limits and a unit normal shape as soft priors.
Batched numpy; a hand costs a few milliseconds.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.rig.fit_start import analytic_start, bone_bases
from knuckle.rig.kinematics import pivots, turning_axes
from knuckle.rig.limits import angles_to_matrices, clamp_angles
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import cross, matrix_to_axis_angle, rodrigues

_NOISE_M = 0.001
_LIMIT_SOFTNESS = np.deg2rad(2.0)
_ANGLE_SPREAD = np.deg2rad(120.0)
_LARGEST_HAND_M = 2.0
_CHAINS_COMMON = np.array([[4 * finger + part for part in (1, 2, 3, 4)] for finger in (1, 2, 4, 3, 0)])
"""Joints of MANO's chains (index, middle, pinky, ring, thumb) in the common order."""
_HANGS_ON = np.arange(4)[None, :] > np.arange(3)[:, None]
"""[level, point]: does a finger's point move when the joint of this level turns?"""


class FitResult(NamedTuple):
    """A rig fitted to joints: `rig.posed(pose, shape, translation)` gives the hand. Leading dimensions as
    given."""

    pose: Float[np.ndarray, "*batch 16 3"]
    """Axis-angle radians, MANO16 order."""
    shape: Float[np.ndarray, "*batch 10"]
    translation: Float[np.ndarray, "*batch 3"]
    """Metres."""
    residual_m: Float[np.ndarray, "*batch"]
    """Mean distance of the fitted joints from the given ones."""
    joints_m: Float[np.ndarray, "*batch 21 3"]
    """The fitted joints, common order."""


class _State(NamedTuple):
    turn: np.ndarray
    angles: np.ndarray
    shape: np.ndarray
    translation: np.ndarray


class _Posed(NamedTuple):
    joints: np.ndarray
    world: np.ndarray
    cost: np.ndarray


def fit_joints(rig: HandRig, joints_m: Float[np.ndarray, "*batch 21 3"], *, iterations: int = 6) -> FitResult:
    """Pose, shape and translation of `rig` whose 21 joints (common order, metres, any frame) come nearest.

    Fingers bend within their limits but for a soft margin of 2 degrees; what the joints leave open (twist
    about a straight finger, most of the shape) stays near the middle. The rig must be of the hand's side.
    Raises KnuckleError for a wrong shape, NaN or infinity, and joints further apart than a hand in metres can
    be.
    """
    target = _checked(joints_m)
    lead = target.shape[:-2]
    target = target.reshape(-1, 21, 3)
    # Joints far from the origin would cost digits; the centre goes back into the translation.
    centre = target.mean(1, keepdims=True)
    target = target - centre
    state = _State(*analytic_start(rig, target))
    posed = _pose(rig, state, target)
    damping = np.full(len(target), 1e-2)
    for _ in range(iterations):
        candidate = _moved(state, _step(rig, state, posed, target, damping))
        tried = _pose(rig, candidate, target)
        better = tried.cost < posed.cost
        state = _State(*(_where(better, new, old) for new, old in zip(candidate, state, strict=True)))
        posed = _Posed(*(_where(better, new, old) for new, old in zip(tried, posed, strict=True)))
        damping = np.clip(np.where(better, damping * 0.2, damping * 10), 1e-7, 1e4)
    pose = matrix_to_axis_angle(_rotations(rig, state)) - rig.pose_mean
    residual = np.linalg.norm(posed.joints - target, axis=-1).mean(-1)
    results = (pose, state.shape, state.translation + centre[:, 0], residual, posed.joints + centre)
    return FitResult(*(array.reshape(lead + array.shape[1:]) for array in results))


def _rotations(rig: HandRig, state: _State) -> Float[np.ndarray, "n 16 3 3"]:
    rotations = angles_to_matrices(rig, state.angles)
    rotations[:, 0] = state.turn
    return rotations


def _pose(rig: HandRig, state: _State, target: np.ndarray) -> _Posed:
    joints, world = rig.posed_joints(_rotations(rig, state), state.shape)
    joints = joints + state.translation[:, None]
    cost = (((joints - target) / _NOISE_M) ** 2).sum((1, 2)) + (state.shape**2).sum(1)
    for excess in _angle_excess(rig, state):
        cost = cost + (excess**2).sum((1, 2))
    return _Posed(joints, world, cost)


def _angle_excess(rig: HandRig, state: _State) -> tuple[np.ndarray, np.ndarray]:
    """How far the finger angles are beyond their limits, and from straight, in standard deviations."""
    fingers = state.angles[:, 1:]
    return (fingers - clamp_angles(rig, state.angles)[:, 1:]) / _LIMIT_SOFTNESS, fingers / _ANGLE_SPREAD


def _step(
    rig: HandRig, state: _State, posed: _Posed, target: np.ndarray, damping: np.ndarray
) -> Float[np.ndarray, "n 61"]:
    """Damped Gauss-Newton step over (global turn 3, translation 3, finger angles 45, shape 10)."""
    jacobian = _jacobian(rig, state, posed) / _NOISE_M
    residual = ((posed.joints - target) / _NOISE_M).reshape(len(target), 63)
    system = jacobian.swapaxes(1, 2) @ jacobian
    gradient = (jacobian.swapaxes(1, 2) @ residual[..., None])[..., 0]
    beyond, from_straight = (excess.reshape(len(target), 45) for excess in _angle_excess(rig, state))
    diagonal = np.einsum("nii->ni", system)
    diagonal[:, 6:51] += 1 / _ANGLE_SPREAD**2 + (beyond != 0) / _LIMIT_SOFTNESS**2
    diagonal[:, 51:] += 1
    gradient[:, 6:51] += beyond / _LIMIT_SOFTNESS + from_straight / _ANGLE_SPREAD
    gradient[:, 51:] += state.shape
    diagonal *= 1 + damping[:, None]
    diagonal += 1e-6
    return -np.linalg.solve(system, gradient[..., None])[..., 0]


def _jacobian(rig: HandRig, state: _State, posed: _Posed) -> Float[np.ndarray, "n 63 61"]:
    """Derivative of the joints; fingertips move rigidly with their last joint here, which is nearly true."""
    count = len(posed.joints)
    jacobian = np.zeros((count, 21, 3, 61))
    lever = posed.joints - posed.joints[:, :1]
    unit = np.eye(3)
    jacobian[..., :3] = np.stack([cross(np.broadcast_to(unit[k], lever.shape), lever) for k in range(3)], -1)
    jacobian[..., 3:6] = unit
    axes = turning_axes(rig, state.angles, posed.world).reshape(count, 5, 3, 3, 1, 3)
    pivot = pivots(posed.joints).reshape(count, 5, 3, 1, 1, 3)
    points = posed.joints[:, _CHAINS_COMMON][:, :, None, None]
    moved = cross(axes, points - pivot) * _HANGS_ON[:, None, :, None]
    for chain in range(5):
        block = moved[:, chain].reshape(count, 9, 4, 3).transpose(0, 2, 3, 1)
        jacobian[:, _CHAINS_COMMON[chain], :, 6 + 9 * chain : 15 + 9 * chain] = block
    wrist_basis, bones = bone_bases(rig)
    parents = np.concatenate(
        [
            np.broadcast_to(posed.world[:, None, :1], (count, 5, 1, 3, 3)),
            posed.world[:, 1:].reshape(count, 5, 3, 3, 3),
        ],
        2,
    )
    jacobian[..., 51:] = wrist_basis
    jacobian[:, _CHAINS_COMMON, :, 51:] += np.cumsum(parents @ bones, 2)
    return jacobian.reshape(count, 63, 61)


def _moved(state: _State, step: Float[np.ndarray, "n 61"]) -> _State:
    angles = state.angles.copy()
    angles[:, 1:] += np.clip(step[:, 6:51], -0.6, 0.6).reshape(-1, 15, 3)
    return _State(
        rodrigues(step[:, :3]) @ state.turn,
        angles,
        np.clip(state.shape + step[:, 51:], -6, 6),
        state.translation + step[:, 3:6],
    )


def _where(chosen: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return np.where(chosen.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def _checked(joints_m: Any) -> Float[np.ndarray, "*batch 21 3"]:
    joints = np.asarray(joints_m, np.float64)
    if joints.shape[-2:] != (21, 3):
        raise KnuckleError(f"joints_m: expected (..., 21, 3) in metres, got {joints.shape}")
    if not np.isfinite(joints).all():
        raise KnuckleError("joints_m: expected finite numbers in metres, got NaN or infinity")
    extent = float(np.ptp(joints, axis=-2).max(initial=0))
    if extent > _LARGEST_HAND_M:
        raise KnuckleError(f"joints_m: expected a hand in metres, got one of extent {extent:.3g}")
    return joints
