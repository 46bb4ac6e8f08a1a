"""Inverse kinematics: pose, shape and place of a rig from 21 joints in metres.

An analytic start (shape from bone lengths, palm by Kabsch, each finger from its root outwards), then a few
Levenberg-Marquardt steps over anatomical angles, with joint limits and a unit normal shape as soft priors.
Batched numpy; a hand costs a few milliseconds alone and a fraction of one among many.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_AXIS_ANGLE
from knuckle.rig.fit.solve import (
    COMMON_TO_POINTS,
    POINTS_TO_COMMON,
    FitModel,
    Posed,
    State,
    clamped,
    eased,
    fit_model,
    moved,
    posed,
    step,
    turns,
)
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import pose_to_angles, swing_angles
from knuckle.rig.rotations import matrix_to_axis_angle

_LARGEST_HAND_M = 2.0
_LEAST_GAIN = 0.005
"""A hand is done when neither the step it took nor the one its derivatives promised takes away this share of its cost.
Both are asked, as a step that is cut or turned down gains little where much is left to gain."""
_FIRST_DAMPING = 0.1
"""With 0.01, 0.3 and 1, joints as networks give them cost as much or more after 3 to 5 steps."""
_WARM_DAMPING, _WARM_LEAST_GAIN = 0.01, 0.05
"""The same of hands that start from what they were: two steps mostly, to within .05 mm of where more of them lead
(`python -m benchmarks.speed.fit_speed`)."""
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


class FitStart(NamedTuple):
    """What a hand was like a moment ago, to start a fit from: how it bends and its shape. Where it lies and how it is
    turned as a whole is read off the new joints, so that fast motion does no harm. NaN where nothing is known."""

    pose: Float[np.ndarray, "*batch 16 3"]
    """Axis-angle radians, MANO16 order; the wrist's does not count."""
    shape: Float[np.ndarray, "*batch 10"]

    def rows(self, chosen: np.ndarray) -> "FitStart":
        """Of some of the hands, by their numbers or a mask."""
        return FitStart(self.pose[chosen], self.shape[chosen])

    def placed(self, rows: Int[np.ndarray, "n"], count: int) -> "FitStart":
        """As some of `count` hands, of which nothing else is known."""
        result = FitStart(np.full((count, 16, 3), np.nan), np.full((count, 10), np.nan))
        result.pose[rows], result.shape[rows] = self.pose, self.shape
        return result

    def mirrored(self, where: Bool[np.ndarray, "n"]) -> "FitStart":
        """As hands of the other side, where `where` is true."""
        if not where.any():
            return self
        return FitStart(np.where(where[:, None, None], self.pose * MIRROR_AXIS_ANGLE, self.pose), self.shape)


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
    rotations: Float[np.ndarray, "*batch 16 3 3"]
    """Of the joints, relative to their parents, as `rig.posed_by_matrices` takes them."""


def fit_joints(
    rig: HandRig,
    joints_m: Float[np.ndarray, "*batch 21 3"],
    *,
    weights: Float[np.ndarray, "*batch 21"] | Float[np.ndarray, "*batch 21 3 3"] | None = None,
    iterations: int = 12,
    start: FitStart | None = None,
) -> FitResult:
    """Pose, shape and translation of `rig` whose 21 joints (common order, metres, any frame) come nearest.

    Fingers bend within their limits but for a soft margin of 2 degrees; what the joints leave open (twist
    about a straight finger, most of the shape) stays near the middle. The rig must be of the hand's side.
    weights: how much the squared distance of each joint counts, against 1 for a joint known to a millimetre: a number,
    or a positive definite matrix where a joint is known better in some directions than in others (`ray_weights`).
    start: what the hands were like in the frame before: few steps are left then.
    Raises KnuckleError for a wrong shape, NaN or infinity, joints further apart than a hand in metres can
    be, weights that are not positive, and a start of other hands.
    """
    given = _checked(joints_m)
    lead = given.shape[:-2]
    target = given.reshape(-1, 21, 3)[:, COMMON_TO_POINTS]
    roots = None if weights is None else _roots(weights, lead)
    # Joints far from the origin would cost digits; the centre goes back into the translation.
    centre = target.mean(1, keepdims=True)
    target = target - centre
    model = fit_model(rig)
    state = State(*analytic_start(rig, target)) if start is None else _warm_start(rig, target, start, lead)
    hand = posed(rig, model, state, target, roots)
    damping = np.full(len(target), _FIRST_DAMPING if start is None else _WARM_DAMPING)
    least_gain = _LEAST_GAIN if start is None else _WARM_LEAST_GAIN
    going_on = np.ones(len(target), bool)
    for _ in range(iterations):
        shared, angles, expected = step(model, state, hand, target, damping, roots)
        candidate = eased(model, hand, moved(state, shared, angles))
        tried = posed(rig, model, candidate, target, roots)
        cost = np.maximum(hand.cost, 1e-12)
        gained, promised = 1 - tried.cost / cost, expected / cost
        better = (gained > 0) & going_on
        # What a hand becomes does not depend on the others in its batch.
        going_on &= np.maximum(gained, promised) > least_gain
        state = State(*_chosen(better, candidate, state))
        hand = Posed(*_chosen(better, tried, hand))
        if not going_on.any():
            break
        damping = np.minimum(np.maximum(np.where(better, damping * 0.2, damping * 10), 1e-7), 1e4)
    pose = matrix_to_axis_angle(hand.rotations) - rig.pose_mean
    off = hand.points - target
    results = (
        pose,
        state.shape,
        state.translation + centre[:, 0],
        np.sqrt((off * off).sum(-1)).mean(-1),
        hand.points[:, POINTS_TO_COMMON] + centre,
        hand.rotations,
    )
    return FitResult(*(array.reshape(lead + array.shape[1:]) for array in results))


def ray_weights(
    joints_m: Float[np.ndarray, "*batch 21 3"],
    across: Float[np.ndarray, "*batch 21"] | float,
    along: Float[np.ndarray, "*batch 21"] | float,
) -> Float[np.ndarray, "*batch 21 3 3"]:
    """Weights of joints in the camera frame whose places a picture shows better than their depths.

    across: of distances from the ray from the camera through the joint; along: of distances along it.
    """
    ray = joints_m / np.linalg.norm(joints_m, axis=-1, keepdims=True)
    outer = ray[..., :, None] * ray[..., None, :]
    across, along = np.asarray(across)[..., None, None], np.asarray(along)[..., None, None]
    return across * (np.eye(3) - outer) + along * outer


def _roots(weights: Any, lead: tuple[int, ...]) -> Float[np.ndarray, "n 21 3 3"]:
    """Matrices that scale a joint's residual, points in the fit's order."""
    given = np.asarray(weights, np.float64)
    if given.shape == (*lead, 21):
        given = given[..., None, None] * np.eye(3)
    if given.shape != (*lead, 21, 3, 3):
        raise KnuckleError(f"weights: expected {(*lead, 21)} or {(*lead, 21, 3, 3)}, got {np.shape(weights)}")
    if not np.isfinite(given).all():
        raise KnuckleError("weights: expected finite numbers, got NaN or infinity")
    try:
        roots = np.linalg.cholesky(given.reshape(-1, 21, 3, 3)[:, COMMON_TO_POINTS])
    except np.linalg.LinAlgError:
        raise KnuckleError("weights: expected positive numbers or positive definite matrices") from None
    return np.ascontiguousarray(roots.swapaxes(-1, -2))


def _chosen(better: np.ndarray, new: tuple, old: tuple) -> tuple:
    """Each hand's new arrays where they are better."""
    if better.all():
        return new
    return tuple(
        np.where(better.reshape(-1, *(1,) * (after.ndim - 1)), after, before)
        for after, before in zip(new, old, strict=True)
    )


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
    turn, translation = _on_palm(shaped, points_m)
    return turn, _finger_angles(model, shaped, points_m, turn), shape, translation


def _on_palm(
    shaped: Float[np.ndarray, "n 21 3"], points_m: Float[np.ndarray, "n 21 3"]
) -> tuple[Float[np.ndarray, "n 3 3"], Float[np.ndarray, "n 3"]]:
    """Turn and translation that lay the palm of a hand at rest onto the given one."""
    own_palm, palm = shaped[:, _PALM], points_m[:, _PALM]
    turn = kabsch(own_palm, palm, _PALM_WEIGHTS)
    # The wrist joint is where the hand turns about, so it stays at its rest place.
    offset = (_PALM_SHARES * (own_palm - shaped[:, :1])).sum(1)
    return turn, (_PALM_SHARES * palm).sum(1) - (turn @ offset[..., None])[..., 0] - shaped[:, 0]


def _warm_start(
    rig: HandRig, points_m: Float[np.ndarray, "n 21 3"], start: FitStart, lead: tuple[int, ...]
) -> State:
    """The start's fingers and shape on a palm laid onto the given one; the analytic start where there is none."""
    pose, shape = (np.asarray(array, np.float64) for array in start)
    if pose.shape != (*lead, 16, 3) or shape.shape != (*lead, 10):
        raise KnuckleError(
            f"start: expected pose {(*lead, 16, 3)} and shape {(*lead, 10)}, got {pose.shape} and {shape.shape}"
        )
    pose, shape = pose.reshape(-1, 16, 3), shape.reshape(-1, 10)
    known = np.asarray(np.isfinite(pose).all((1, 2)) & np.isfinite(shape).all(1))
    if not known.any():
        return State(*analytic_start(rig, points_m))
    model = fit_model(rig)
    angles = pose_to_angles(rig, np.where(known[:, None, None], pose, 0.0))[:, 1:].reshape(-1, 5, 3, 3)
    shape = np.where(known[:, None], shape, 0.0)
    shaped = model.rest + (shape @ model.rest_moves.reshape(63, 10).T).reshape(-1, 21, 3)
    turn, translation = _on_palm(shaped, points_m)
    state = State(turn, angles, shape, translation)
    if known.all():
        return state
    return State(*_chosen(known, state, State(*analytic_start(rig, points_m))))


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
