"""Where the fit begins: shape from bone lengths, the palm by Kabsch, each finger from its root outwards."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from knuckle.rig.lbs import joints16_and_tips_to_common
from knuckle.rig.limits import angles_to_matrices, basis, clamp_angles, swing_angles
from knuckle.rig.rig import HandRig
from knuckle.skeleton import BONES, COMMON_TO_MANO16

_PALM = np.array([0, 1, 5, 9, 13, 17])
_PALM_WEIGHTS = np.array([1, 0.1, 1, 1, 1, 1.0])
# Distances that bending leaves alone: the bones, and those across the palm.
_LENGTHS = np.array([*BONES, (5, 9), (9, 13), (13, 17), (5, 17), (1, 5)])
_LENGTH_NOISE_M = 0.002
_BONE_COMMON = np.array([[4 * finger + part for part in range(4)] for finger in (1, 2, 4, 3, 0)])


def analytic_start(
    rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"]
) -> tuple[
    Float[np.ndarray, "n 3 3"],
    Float[np.ndarray, "n 16 3"],
    Float[np.ndarray, "n 10"],
    Float[np.ndarray, "n 3"],
]:
    """Global rotation, anatomical angles (radians), shape and translation (metres) near the given joints.

    Degenerate joints (collinear, all one point) give some finite start.
    """
    rest, rest_basis = rest_joints(rig)
    ends = joints_m[:, _LENGTHS[:, 1]] - joints_m[:, _LENGTHS[:, 0]]
    lengths, inverse = _length_model(rig)
    shape = np.clip((np.linalg.norm(ends, axis=-1) - lengths) @ inverse.T, -4, 4)
    shaped = rest + np.einsum("jck,nk->njc", rest_basis, shape)
    turn = kabsch(shaped[:, _PALM], joints_m[:, _PALM], _PALM_WEIGHTS)
    angles = _finger_angles(rig, shaped, joints_m, turn)
    # The wrist joint is where the hand turns about, so it stays at its rest place.
    weights = _PALM_WEIGHTS[:, None] / _PALM_WEIGHTS.sum()
    palm = (weights * joints_m[:, _PALM]).sum(1)
    offset = (weights * (shaped[:, _PALM] - shaped[:, :1])).sum(1)
    translation = palm - (turn @ offset[..., None])[..., 0] - shaped[:, 0]
    return turn, angles, shape, translation


def kabsch(
    source: Float[np.ndarray, "n p 3"], target: Float[np.ndarray, "n p 3"], weights: Float[np.ndarray, "p"]
) -> Float[np.ndarray, "n 3 3"]:
    """Rotations that turn the centred source points onto the target ones best (Kabsch 1976), never a
    reflection."""
    share = (weights / weights.sum())[:, None]
    source = source - (share * source).sum(1, keepdims=True)
    target = target - (share * target).sum(1, keepdims=True)
    covariance = target.swapaxes(1, 2) @ (share * source)
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right


@lru_cache(maxsize=16)
def rest_joints(rig: HandRig) -> tuple[Float[np.ndarray, "21 3"], Float[np.ndarray, "21 3 10"]]:
    """The 21 rest joints of the mean shape and how they move with the shape (metres, common order,
    float64)."""
    regressor, basis_ = rig.joint_regressor.astype(np.float64), rig.shape_basis.astype(np.float64)
    joints = joints16_and_tips_to_common(regressor @ rig.vertices, rig.vertices[rig.tip_vertices])
    moves = np.einsum("jv,vck->kjc", regressor, basis_)
    tips = basis_[rig.tip_vertices].transpose(2, 0, 1)
    return joints, joints16_and_tips_to_common(moves, tips).transpose(1, 2, 0)


@lru_cache(maxsize=16)
def bone_bases(rig: HandRig) -> tuple[Float[np.ndarray, "3 10"], Float[np.ndarray, "5 4 3 10"]]:
    """How the wrist and each finger's four bones (MANO's finger order, rest frame) change with the shape."""
    _, moves = rest_joints(rig)
    ends = moves[_BONE_COMMON + 1]
    starts = np.concatenate([np.broadcast_to(moves[0], (5, 1, 3, 10)), ends[:, :-1]], 1)
    return moves[0], ends - starts


@lru_cache(maxsize=16)
def _length_model(rig: HandRig) -> tuple[Float[np.ndarray, "25"], Float[np.ndarray, "10 25"]]:
    """Mean lengths, and the ridge solution that reads a shape off their differences."""
    joints, moves = rest_joints(rig)
    ends = joints[_LENGTHS[:, 1]] - joints[_LENGTHS[:, 0]]
    lengths = np.linalg.norm(ends, axis=-1)
    direction = ends / np.maximum(lengths, 1e-9)[:, None]
    slope = np.einsum("bc,bck->bk", direction, moves[_LENGTHS[:, 1]] - moves[_LENGTHS[:, 0]])
    system = slope.T @ slope + _LENGTH_NOISE_M**2 * np.eye(10)
    return lengths, np.linalg.solve(system, slope.T)


def _finger_angles(
    rig: HandRig,
    shaped: Float[np.ndarray, "n 21 3"],
    joints_m: Float[np.ndarray, "n 21 3"],
    turn: Float[np.ndarray, "n 3 3"],
) -> Float[np.ndarray, "n 16 3"]:
    axes, rest, handed = basis(rig)
    angles = np.broadcast_to(rest, (len(turn), 16, 3)).copy()
    world = np.broadcast_to(turn[:, None], (len(turn), 5, 3, 3))
    for level in range(3):
        mano = np.arange(1, 16, 3) + level
        common = np.array(COMMON_TO_MANO16)[mano]
        wanted = _unit(joints_m[:, common + 1] - joints_m[:, common])
        wanted = (world.swapaxes(-1, -2) @ wanted[..., None])[..., 0]
        own = _unit(shaped[:, common + 1] - shaped[:, common])
        # A mirrored rig's twist axes point towards the wrist (they mirror as axes of rotation).
        forward = np.sign((own * axes[mano, 0]).sum(-1, keepdims=True))
        splay, bend = swing_angles(forward * wanted, axes[mano], handed[mano])
        own_splay, own_bend = swing_angles(forward * own, axes[mano], handed[mano])
        angles[:, mano, 1] += splay - own_splay
        angles[:, mano, 2] += (bend - own_bend + np.pi) % (2 * np.pi) - np.pi
        angles = clamp_angles(rig, angles)
        world = world @ angles_to_matrices(rig, angles)[:, mano]
    angles[:, 0] = rest[0]
    return angles


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
