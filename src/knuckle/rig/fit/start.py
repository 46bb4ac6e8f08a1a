"""Where the fit begins: shape from bone lengths, the palm by Kabsch, each finger from its root outwards."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from knuckle.rig.fit.solve import FitModel, clamped, fit_model, turns
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import swing_angles

# The wrist and the fingers' roots (index, middle, pinky, ring, thumb).
_PALM = np.array([0, 1, 5, 9, 13, 17])
_PALM_WEIGHTS = np.array([1, 1, 1, 1, 1, 0.1])
_PALM_SHARES = (_PALM_WEIGHTS / _PALM_WEIGHTS.sum())[:, None]
# Distances that bending leaves alone: the bones, and those across the palm.
_BONES = [
    (4 * finger + part if part else 0, 4 * finger + part + 1) for finger in range(5) for part in range(4)
]
_LENGTHS = np.array([*_BONES, (1, 5), (5, 13), (13, 9), (1, 9), (17, 1)])
_LENGTH_NOISE_M = 0.002


def analytic_start(
    rig: HandRig, points_m: Float[np.ndarray, "n 21 3"]
) -> tuple[
    Float[np.ndarray, "n 3 3"],
    Float[np.ndarray, "n 5 3 3"],
    Float[np.ndarray, "n 10"],
    Float[np.ndarray, "n 3"],
]:
    """Global rotation, finger angles (radians), shape and translation (metres) near the given points (order of
    `fit_model`).

    Degenerate points (collinear, all one) give some finite start.
    """
    model = fit_model(rig)
    lengths, inverse = _length_model(rig)
    ends = points_m[:, _LENGTHS[:, 1]] - points_m[:, _LENGTHS[:, 0]]
    shape = np.clip((np.sqrt((ends * ends).sum(-1)) - lengths) @ inverse.T, -4, 4)
    shaped = model.rest + (shape @ model.rest_moves.reshape(63, 10).T).reshape(-1, 21, 3)
    own_palm, palm = shaped[:, _PALM], points_m[:, _PALM]
    turn = kabsch(own_palm, palm, _PALM_WEIGHTS)
    angles = _finger_angles(model, shaped, points_m, turn)
    # The wrist joint is where the hand turns about, so it stays at its rest place.
    offset = (_PALM_SHARES * (own_palm - shaped[:, :1])).sum(1)
    translation = (_PALM_SHARES * palm).sum(1) - (turn @ offset[..., None])[..., 0] - shaped[:, 0]
    return turn, angles, shape, translation


def kabsch(
    source: Float[np.ndarray, "n p 3"], target: Float[np.ndarray, "n p 3"], weights: Float[np.ndarray, "p"]
) -> Float[np.ndarray, "n 3 3"]:
    """Rotations that turn the centred source points onto the target ones best (Kabsch 1976), never a
    reflection."""
    share = (weights / weights.sum())[:, None]
    source = source - (share * source).sum(1, keepdims=True)
    target = target - (share * target).sum(1, keepdims=True)
    left, _, right = np.linalg.svd(target.swapaxes(1, 2) @ (share * source))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right


@lru_cache(maxsize=16)
def _length_model(rig: HandRig) -> tuple[Float[np.ndarray, "25"], Float[np.ndarray, "10 25"]]:
    """Mean lengths, and the ridge solution that reads a shape off their differences."""
    model = fit_model(rig)
    ends = model.rest[_LENGTHS[:, 1]] - model.rest[_LENGTHS[:, 0]]
    lengths = np.linalg.norm(ends, axis=-1)
    direction = ends / np.maximum(lengths, 1e-9)[:, None]
    moves = model.rest_moves[_LENGTHS[:, 1]] - model.rest_moves[_LENGTHS[:, 0]]
    slope = np.einsum("bc,bck->bk", direction, moves)
    system = slope.T @ slope + _LENGTH_NOISE_M**2 * np.eye(10)
    return lengths, np.linalg.solve(system, slope.T)


def _finger_angles(
    model: FitModel,
    shaped: Float[np.ndarray, "n 21 3"],
    points_m: Float[np.ndarray, "n 21 3"],
    turn: Float[np.ndarray, "n 3 3"],
) -> Float[np.ndarray, "n 5 3 3"]:
    """Each joint bends and splays so that its bone points where the given one does, as far as it may."""
    count = len(turn)
    fingers, own_fingers = (points[:, 1:].reshape(count, 5, 4, 3) for points in (points_m, shaped))
    wanted = _unit(fingers[:, :, 1:] - fingers[:, :, :-1])
    own = _unit(own_fingers[:, :, 1:] - own_fingers[:, :, :-1])
    # A mirrored rig's twist axes point towards the wrist (they mirror as axes of rotation).
    forward = np.sign((own * model.axes[:, :, 0]).sum(-1, keepdims=True))
    own_splay, own_bend = (
        angle.reshape(count, 5, 3)
        for angle in swing_angles(
            (forward * own).reshape(count, 15, 3), model.axes.reshape(15, 3, 3), model.handed.reshape(15)
        )
    )
    angles = np.tile(model.rest_angles, (count, 1, 1, 1))
    world = turn[:, None]
    for level in range(3):
        # In the axes of the joint's parent.
        direction = forward[:, :, level] * (wanted[:, :, level, None] @ world)[:, :, 0]
        splay, bend = swing_angles(direction, model.axes[:, level], model.handed[:, level])
        angles[:, :, level, 1] += splay - own_splay[:, :, level]
        angles[:, :, level, 2] += (bend - own_bend[:, :, level] + np.pi) % (2 * np.pi) - np.pi
        angles = clamped(model, angles)
        if level < 2:
            about = turns(model, angles)[:, :, level]
            world = world @ about[:, :, 2] @ about[:, :, 1] @ about[:, :, 0]
    return angles


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.sqrt((vector * vector).sum(-1, keepdims=True)), 1e-9)
