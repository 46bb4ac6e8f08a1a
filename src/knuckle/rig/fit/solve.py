"""The rig as the fit sees it, and one step of the fit.

To the fit a hand is 21 points on rigid bones, whose angles, lengths and limits are constants of the rig. Points stand
finger by finger in MANO's order (index, middle, pinky, ring, thumb), each from its root to its tip, after the wrist.
Angles are those of `knuckle.rig.limits`, without the wrist's: (finger, level from the root, (twist, splay, bend)).
Each finger's angles move that finger's points only, so the normal equations are solved finger by finger, and the rest
by their Schur complement: an eighth of the work of solving them as one. Every call costs microseconds of numpy's own,
so that few calls make a single hand fast.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.rig.hand_rig import HandRig
from knuckle.rig.lbs import joints16_and_tips_to_common
from knuckle.rig.limits import basis, joint_limits

FINGERS_COMMON = np.array([[4 * finger + part for part in (1, 2, 3, 4)] for finger in (1, 2, 4, 3, 0)])
"""[finger, point] of this order in the common one."""

COMMON_TO_POINTS = np.array([0, *FINGERS_COMMON.reshape(-1)])
POINTS_TO_COMMON = np.argsort(COMMON_TO_POINTS)

IDENTITY = np.eye(3)
# A vector times this is its cross product matrix, row by row.
SKEW = np.zeros((3, 9))
SKEW[(2, 1, 2, 0, 1, 0), (1, 2, 3, 5, 6, 7)] = (-1, 1, 1, -1, -1, 1)

_SPLAYING = slice(0, 4)  # the fingers whose splay depends on their bend: all but the thumb


class FitModel(NamedTuple):
    """Constants of a rig, float64; metres and radians, axes of the rest frame."""

    rest: Float[np.ndarray, "21 3"]
    rest_moves: Float[np.ndarray, "21 3 10"]
    """How the rest points move with the shape."""
    bones: Float[np.ndarray, "5 4 3"]
    """From each point's predecessor, the wrist before the fingers' roots."""
    bone_moves: Float[np.ndarray, "5 4 3 10"]
    axes: Float[np.ndarray, "5 3 3 3"]
    """Rows: axes of twist, splay, bend."""
    handed: Float[np.ndarray, "5 3"]
    turning: Float[np.ndarray, "5 3 3 3 3"]
    """[..., angle, :, :] cross product matrix of its axis, and its square: what Rodrigues' formula needs."""
    turning_twice: Float[np.ndarray, "5 3 3 3 3"]
    rest_angles: Float[np.ndarray, "5 3 3"]
    low: Float[np.ndarray, "5 3 3"]
    high: Float[np.ndarray, "5 3 3"]
    splay: Float[np.ndarray, "3 4"]
    """Of the fingers but the thumb, at their roots: what a bent one returns to, and the limits less that."""
    rigid_tips: bool
    """Whether fingertips move with their last joint alone; else they have to be skinned."""


@lru_cache(maxsize=16)
def fit_model(rig: HandRig) -> FitModel:
    """The constants of a rig, computed once."""
    regressor, moves16 = rig.joint_regressor.astype(np.float64), rig.shape_basis.astype(np.float64)
    rest = joints16_and_tips_to_common(regressor @ rig.vertices, rig.vertices[rig.tip_vertices])
    moves = joints16_and_tips_to_common(
        np.einsum("jv,vck->kjc", regressor, moves16), moves16[rig.tip_vertices].transpose(2, 0, 1)
    )
    rest = rest[COMMON_TO_POINTS].astype(np.float64)
    moves = np.ascontiguousarray(moves[:, COMMON_TO_POINTS].transpose(1, 2, 0))
    axes, rest_angles, handed = basis(rig)
    axes = axes[1:].reshape(5, 3, 3, 3)
    turning = (axes @ SKEW).reshape(5, 3, 3, 3, 3)
    low, high = (limit[1:].reshape(5, 3, 3) for limit in joint_limits())
    angles = rest_angles[1:].reshape(5, 3, 3)
    at_rest = np.clip(angles, low, high)[_SPLAYING, 0, 1]
    return FitModel(
        rest=rest,
        rest_moves=moves,
        bones=_bones(rest),
        bone_moves=_bones(moves),
        axes=axes,
        handed=handed[1:].reshape(5, 3),
        turning=turning,
        turning_twice=turning @ turning,
        rest_angles=angles,
        low=low,
        high=high,
        splay=np.stack([at_rest, low[_SPLAYING, 0, 1] - at_rest, high[_SPLAYING, 0, 1] - at_rest]),
        rigid_tips=_has_rigid_tips(rig),
    )


def clamped(model: FitModel, angles: Float[np.ndarray, "n 5 3 3"]) -> Float[np.ndarray, "n 5 3 3"]:
    """`limits.clamp_angles` of the finger angles."""
    within = np.minimum(np.maximum(angles, model.low), model.high)
    roots = within[:, _SPLAYING, 0]
    room = np.minimum(np.maximum(1 - roots[..., 2] / (np.pi / 2), 0), 1)
    rest, low, high = model.splay
    roots[..., 1] = np.minimum(np.maximum(roots[..., 1], rest + room * low), rest + room * high)
    return within


def turns(model: FitModel, angles: Float[np.ndarray, "n 5 3 3"]) -> Float[np.ndarray, "n 5 3 3 3 3"]:
    """Rotations about each angle's own axis (Rodrigues' formula about a fixed axis)."""
    delta = (angles - model.rest_angles)[..., None, None]
    return IDENTITY + np.sin(delta) * model.turning + (1 - np.cos(delta)) * model.turning_twice


def _bones(points: np.ndarray) -> np.ndarray:
    fingers = points[1:].reshape(5, 4, *points.shape[1:])
    return np.concatenate([fingers[:, :1] - points[0], fingers[:, 1:] - fingers[:, :-1]], 1)


def _has_rigid_tips(rig: HandRig) -> bool:
    last = np.array([15, 3, 6, 12, 9])  # the tips' order: thumb, index, middle, ring, pinky
    owned = rig.skin_weights[rig.tip_vertices, last]
    return bool((owned > 1 - 1e-6).all() and not rig.pose_basis[rig.tip_vertices].any())


NOISE_M = 0.001
_LIMIT_SOFTNESS = np.deg2rad(2.0)
_ANGLE_SPREAD = np.deg2rad(120.0)
_LARGEST_TURN = 0.6
_LARGEST_SHAPE = 6
_FURTHER_BEYOND = 0.5 * _LIMIT_SOFTNESS
"""How much further beyond its limit a step may take an angle."""
_HANGS_ON = (np.arange(1, 4)[:, None] > np.arange(3)).astype(float)[..., None]
"""[point after the root, level, 1]: does the point move when the joint of this level turns?"""


class State(NamedTuple):
    """What is fitted: turn and translation (metres) of the wrist, finger angles (radians), shape."""

    turn: Float[np.ndarray, "n 3 3"]
    angles: Float[np.ndarray, "n 5 3 3"]
    shape: Float[np.ndarray, "n 10"]
    translation: Float[np.ndarray, "n 3"]


class Posed(NamedTuple):
    """The hand of a state: points (metres), rotations of what each finger's four bones hang on, axes about which its
    angles turn, rotations of the 16 joints relative to their parents, angles beyond their limits and from straight
    (standard deviations), and what the state costs."""

    points: Float[np.ndarray, "n 21 3"]
    parents: Float[np.ndarray, "n 5 4 3 3"]
    axes: Float[np.ndarray, "n 5 3 3 3"]
    rotations: Float[np.ndarray, "n 16 3 3"]
    beyond: Float[np.ndarray, "n 5 3 3"]
    from_straight: Float[np.ndarray, "n 5 3 3"]
    cost: Float[np.ndarray, "n"]


def posed(
    rig: HandRig,
    model: FitModel,
    state: State,
    target_m: Float[np.ndarray, "n 21 3"],
    roots: Float[np.ndarray, "n 21 3 3"] | None = None,
) -> Posed:
    """The hand of a state, and what it costs: distances from the target, limits and priors. roots: times a point's
    distance, where points do not all count alike."""
    count = len(target_m)
    about = turns(model, state.angles)
    bend, swing = about[:, :, :, 2], about[:, :, :, 2] @ about[:, :, :, 1]
    local = swing @ about[:, :, :, 0]
    parents = np.empty((count, 5, 4, 3, 3))
    parents[:, :, 0] = state.turn[:, None]
    for level in range(3):
        np.matmul(parents[:, :, level], local[:, :, level], out=parents[:, :, level + 1])
    bones = model.bones + (state.shape @ model.bone_moves.reshape(60, 10).T).reshape(count, 5, 4, 3)
    points = np.empty((count, 21, 3))
    points[:, 0] = model.rest[0] + state.shape @ model.rest_moves[0].T + state.translation
    fingers = points[:, 1:].reshape(count, 5, 4, 3)
    np.cumsum((parents @ bones[..., None])[..., 0], axis=2, out=fingers)
    fingers += points[:, None, None, 0]
    rotations = np.concatenate([state.turn[:, None], local.reshape(count, 15, 3, 3)], 1)
    if not model.rigid_tips:
        joints, _ = rig.posed_joints(rotations, state.shape)
        fingers[:, :, 3] = joints[:, FINGERS_COMMON[:, 3]] + state.translation[:, None]
    own = np.empty((count, 5, 3, 3, 3))
    own[..., 0, :] = (swing @ model.axes[:, :, 0, :, None])[..., 0]
    own[..., 1, :] = (bend @ model.axes[:, :, 1, :, None])[..., 0]
    own[..., 2, :] = model.axes[:, :, 2]
    beyond = (state.angles - clamped(model, state.angles)) / _LIMIT_SOFTNESS
    from_straight = state.angles / _ANGLE_SPREAD
    off = (points - target_m) / NOISE_M
    if roots is not None:
        off = (roots @ off[..., None])[..., 0]
    cost = (off * off).sum((1, 2)) + (state.shape * state.shape).sum(1)
    cost += (beyond * beyond + from_straight * from_straight).sum((1, 2, 3))
    axes = own @ parents[:, :, :3].swapaxes(-1, -2)
    return Posed(points, parents, axes, rotations, beyond, from_straight, cost)


def jacobian(
    model: FitModel, hand: Posed
) -> tuple[Float[np.ndarray, "n 21 3 16"], Float[np.ndarray, "n 5 9 9"]]:
    """Derivatives of the points: of all by turn, translation and shape; of each finger's three after its root by its
    angles. Fingertips move rigidly with their last joint here, which is true or nearly so."""
    count = len(hand.points)
    shared = np.zeros((count, 21, 3, 16))
    arm = hand.points - hand.points[:, :1]
    shared[..., :3] = -(arm @ SKEW).reshape(count, 21, 3, 3)
    shared[..., 3:6] = IDENTITY
    shared[..., 6:] = model.rest_moves[0]
    shared[:, 1:, :, 6:] += np.cumsum(hand.parents @ model.bone_moves, 2).reshape(count, 20, 3, 10)
    fingers = hand.points[:, 1:].reshape(count, 5, 4, 3)
    levers = (fingers[:, :, 1:, None] - fingers[:, :, None, :3]) * _HANGS_ON
    skew = (levers @ SKEW).reshape(count, 5, 3, 3, 3, 3)
    # [point, level, coordinate, angle] to [point, coordinate, level, angle].
    moved = -(skew @ hand.axes.swapaxes(-1, -2)[:, :, None])
    return shared, moved.swapaxes(3, 4).reshape(count, 5, 9, 9)


def step(
    model: FitModel,
    state: State,
    hand: Posed,
    target_m: Float[np.ndarray, "n 21 3"],
    damping: Float[np.ndarray, "n"],
    roots: Float[np.ndarray, "n 21 3 3"] | None = None,
) -> tuple[Float[np.ndarray, "n 16"], Float[np.ndarray, "n 5 3 3"], Float[np.ndarray, "n"]]:
    """Damped Gauss-Newton step (Levenberg 1944, Marquardt 1963): of turn, translation and shape; of the angles; and
    what it would take off the cost, at least, if the hand moved as its derivatives say."""
    count = len(target_m)
    shared, moved = jacobian(model, hand)
    # Beside the shared columns stands the residual: products with both are wanted together.
    beside = np.empty((count, 21, 3, 17))
    np.divide(shared, NOISE_M, out=beside[..., :16])
    np.divide(hand.points - target_m, NOISE_M, out=beside[..., 16])
    if roots is not None:
        beside = roots @ beside
        moved = (_beyond_roots(roots) @ moved.reshape(count, 5, 3, 3, 9)).reshape(count, 5, 9, 9)
    moved = moved.swapaxes(-1, -2) / NOISE_M
    fingers = beside[:, 1:].reshape(count, 5, 12, 17)[:, :, 3:]
    rows = beside.reshape(count, 63, 17)
    whole = rows[..., :16].swapaxes(-1, -2) @ rows
    blocks, across = moved @ moved.swapaxes(-1, -2), moved @ fingers
    strict = (hand.beyond != 0).reshape(count, 5, 9)
    diagonal = blocks.reshape(count, 5, 81)[..., ::10]
    diagonal += 1 / _ANGLE_SPREAD**2 + strict / _LIMIT_SOFTNESS**2
    across[..., 16] += (hand.beyond / _LIMIT_SOFTNESS + hand.from_straight / _ANGLE_SPREAD).reshape(
        count, 5, 9
    )
    whole[:, 6:, 16] += state.shape
    common = whole.reshape(count, 272)[:, ::18]
    common[:, 6:] += 1
    for values, factor in ((diagonal, 1 + damping[:, None, None]), (common, 1 + damping[:, None])):
        values *= factor
        values += 1e-6
    uphill, angles_uphill = whole[..., 16].copy(), across[..., 16]
    solved = np.linalg.solve(blocks, across)
    whole -= across[..., :16].reshape(count, 45, 16).swapaxes(-1, -2) @ solved.reshape(count, 45, 17)
    first = np.linalg.solve(whole[..., :16], whole[..., 16:])
    angles = solved[..., 16:] - solved[..., :16] @ first[:, None]
    expected = (uphill * first[..., 0]).sum(1) + (angles_uphill * angles[..., 0]).sum((1, 2))
    return -first[..., 0], -angles.reshape(count, 5, 3, 3), expected


def _beyond_roots(values: Float[np.ndarray, "n 21 3 3"]) -> Float[np.ndarray, "n 5 3 3 3"]:
    """Of each finger's three points after its root."""
    return values[:, 1:].reshape(len(values), 5, 4, 3, 3)[:, :, 1:]


def moved(state: State, shared: Float[np.ndarray, "n 16"], angles: Float[np.ndarray, "n 5 3 3"]) -> State:
    """The state after a step, which is cut where it is too long."""
    return State(
        _turned(shared[:, :3]) @ state.turn,
        state.angles + np.minimum(np.maximum(angles, -_LARGEST_TURN), _LARGEST_TURN),
        np.minimum(np.maximum(state.shape + shared[:, 6:], -_LARGEST_SHAPE), _LARGEST_SHAPE),
        state.translation + shared[:, 3:6],
    )


def eased(model: FitModel, hand: Posed, state: State) -> State:
    """The state after a step from a hand, its angles brought back to at most a degree further beyond their limits.

    A step knows only the limits that are passed already: it runs into the others, costs more than it gains and would be
    turned down. A degree costs little, and the next step knows.
    """
    within = clamped(model, state.angles)
    allowed = np.abs(hand.beyond) * _LIMIT_SOFTNESS + _FURTHER_BEYOND
    beyond = np.minimum(np.maximum(state.angles - within, -allowed), allowed)
    return state._replace(angles=within + beyond)


def _turned(axis_angle: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """`rotations.rodrigues` of few vectors, in few calls."""
    # At a turn of zero both quotients times their matrices are 0, whatever the quotients.
    angle = np.sqrt((axis_angle * axis_angle).sum(1) + 1e-30)[:, None, None]
    skew = (axis_angle @ SKEW).reshape(-1, 3, 3)
    return IDENTITY + np.sin(angle) / angle * skew + (1 - np.cos(angle)) / angle**2 * (skew @ skew)
