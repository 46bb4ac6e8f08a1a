"""Bring two hands into contact: places meet, skins do not overlap, fingers stay near the posture they had.

Damped Gauss-Newton over the fingers' anatomical angles of both hands and the left hand's place, many pairs at once;
joint limits are imposed after every step. A point p on a link moves by a x (p - c) when the link turns about the axis
a through c, so a length measured along d changes by (p x d) . a + d . (c x a): the product of a wrench (p x d, d) and
a twist (a, c x a). All derivatives are one matrix product of wrenches with the twists of the angles.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.poses.pairs.contact import TOUCH_M
from knuckle.poses.pairs.places import pose_places, skin_of
from knuckle.poses.pairs.pose import (
    CAPSULE_LINK,
    PairPose,
    PosedPairs,
    both_rigs,
    find_nearest,
    on_axis,
    pair_bodies,
    pose_pairs,
)
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import pivots, turning_axes
from knuckle.rig.limits import clamp_angles, stay_within_limits
from knuckle.rig.rotations import cross, rodrigues

# Angles that are solved for: MANO joint and which of twist, splay, bend.
FREE = np.array(
    [(joint, axis) for joint in (1, 4, 7, 10) for axis in (1, 2)]
    + [(joint + level, 2) for joint in (1, 4, 7, 10) for level in (1, 2)]
    + [(13, 0), (13, 1), (13, 2), (14, 2), (15, 2)]
)
_MOVES = np.array(
    [[(link - 1) // 3 == (joint - 1) // 3 and link >= joint for joint, _ in FREE] for link in range(16)],
    np.float32,
)
"""Which of these angles move each link."""
_DEEPEST = 14
"""Overlaps of a pair that are looked at."""
_UNIT = np.eye(3, dtype=np.float32)
_COUNT = len(FREE)
_SETTLED_M, _HOPELESS_M = 0.0015, 0.02
"""Pairs with no gap or overlap beyond the first are done; those with one beyond the second, after half of the
steps, are left as they are."""
_POSTURE_M = 0.0025
_PLACE_SHARE = 0.05
_DAMPING, _FLOOR = 0.03, 1e-6
_LONGEST_STEP = 0.3
_LONGEST_MOVE_M = 0.02


class Contacts(NamedTuple):
    """Places on both hands that are to meet."""

    right: Int[np.ndarray, "n c"]
    """Vertices of the right hand."""
    left: Int[np.ndarray, "n c"]
    """Those of the left hand that they are to meet."""
    weight: Float[np.ndarray, "n c"]
    """How much each meeting counts; 0: not at all."""
    facing_m: float = 0.003
    """Skins that look 90 degrees past each other weigh as much as this distance between them."""

    def rows(self, chosen: np.ndarray) -> "Contacts":
        """The contacts of some pairs."""
        return Contacts(self.right[chosen], self.left[chosen], self.weight[chosen], self.facing_m)


class Misfit(NamedTuple):
    """What should be zero, in metres, with its derivatives by the free angles of the right hand, of the left one,
    and the left one's shift (m) and spin (rad about its wrist); and the worst gap or overlap of each pair."""

    residual: Float[np.ndarray, "n r"]
    jacobian: Float[np.ndarray, "n r 48"]
    worst_m: Float[np.ndarray, "n"]


class _State(NamedTuple):
    """Where the solver is with its pairs."""

    pose: PairPose
    moved: Float[np.ndarray, "n 6"]
    """How far the left hands have been shifted (m) and spun (rad)."""
    cost: Float[np.ndarray, "n"]
    worst_m: Float[np.ndarray, "n"]
    """The worst gap or overlap."""
    damping: Float[np.ndarray, "n"]
    gradient: Float[np.ndarray, "n q"]
    """Of the cost, by everything that moves."""
    jacobian: Float[np.ndarray, "n r q"]

    @classmethod
    def of(cls, pose: PairPose, width: int) -> "_State":
        """Pairs before anything is measured."""
        n = len(pose)
        unknown = np.full(n, np.inf)
        return cls(
            pose,
            np.zeros((n, 6)),
            unknown,
            unknown,
            np.full(n, _DAMPING),
            np.zeros((n, width)),
            np.zeros((n, 0, width)),
        )

    def rows(self, chosen: np.ndarray) -> "_State":
        """Some of the pairs."""
        return _State(self.pose.rows(chosen), *(array[chosen] for array in self[1:]))

    def replaced(self, chosen: Bool[np.ndarray, "n"], other: "_State") -> "_State":
        """These, but the chosen pairs as in the other; their damping stays."""
        if chosen.all():
            return other._replace(damping=self.damping)
        arrays = []
        for own, new in zip(self[1:], other[1:], strict=True):
            arrays.append(np.where(chosen.reshape(-1, *[1] * (own.ndim - 1)), new, own))
        pose = self.pose.replaced(chosen, other.pose.rows(chosen))
        return _State(pose, *arrays)._replace(damping=self.damping)

    def moved_by(self, rig: HandRig, step: Float[np.ndarray, "n q"]) -> "_State":
        """After a step, cut to a length over which the linear model holds."""
        angles, turn, wrist = self.pose.angles.copy(), self.pose.turn.copy(), self.pose.wrist.copy()
        bend = np.clip(step[:, : 2 * _COUNT], -_LONGEST_STEP, _LONGEST_STEP).reshape(len(step), 2, _COUNT)
        for hand in (0, 1):
            angles[:, hand, FREE[:, 0], FREE[:, 1]] += bend[:, hand]
        shift, spin = _cut(step[:, -6:-3], _LONGEST_MOVE_M), _cut(step[:, -3:], _LONGEST_STEP)
        wrist[:, 1] += shift
        turn[:, 1] = rodrigues(spin) @ turn[:, 1]
        pose = PairPose(clamp_angles(rig, angles), self.pose.shape, turn, wrist)
        return self._replace(pose=pose, moved=self.moved + np.concatenate([shift, spin], 1))


def no_contacts(count: int) -> Contacts:
    """For pairs that only have to stop overlapping."""
    return Contacts(np.zeros((count, 0), int), np.zeros((count, 0), int), np.zeros((count, 0)))


def contact_gaps(rig_right: HandRig, pose: PairPose, contacts: Contacts) -> Float[np.ndarray, "n c 3"]:
    """From the left hand's places to those of the right hand that they are to meet, metres."""
    posed = pose_pairs(rig_right, pose)
    return (
        pose_places(rig_right, posed, 0, contacts.right).point_m
        - pose_places(rig_right, posed, 1, contacts.left).point_m
    )


def solve_contacts(
    rig_right: HandRig,
    pose: PairPose,
    contacts: Contacts,
    *,
    steps: int = 12,
    posture_m: float = _POSTURE_M,
    place_share: float = _PLACE_SHARE,
    still: tuple[bool, bool] = (False, False),
) -> PairPose:
    """Pairs whose contacts meet and whose skins overlap by no more than a touch, as nearly as they can.

    Args:
        rig_right: the right hand's rig.
        pose: where the pairs start.
        contacts: the places that are to meet.
        steps: of the solver.
        posture_m: an angle moved by one radian weighs as much as this distance.
        place_share: what a metre that the left hand is moved weighs.
        still: whether the right hand's fingers, and the left one's, keep their angles.
    """
    prior = np.concatenate(
        [np.full(2 * _COUNT, posture_m**2), np.full(3, place_share**2), np.full(3, posture_m**2)]
    )
    may = np.concatenate([np.repeat(~np.array(still), _COUNT), np.ones(6, bool)])
    rows, result, begin = np.arange(len(pose)), pose, pose.angles
    best = trial = _State.of(pose, len(prior))
    for step in range(steps + 1 if len(pose) else 0):
        residual, jacobian, worst = measure_misfit(rig_right, trial.pose, contacts)
        turned = (trial.pose.angles - begin)[:, :, FREE[:, 0], FREE[:, 1]].reshape(len(rows), -1)
        moved = np.concatenate([turned, trial.moved], 1)
        cost = (residual**2).sum(1) + (prior * moved**2).sum(1)
        gradient = (jacobian.swapaxes(1, 2) @ residual[..., None])[..., 0] + prior * moved
        trial = trial._replace(cost=cost, worst_m=worst, gradient=gradient, jacobian=jacobian)
        better = cost < best.cost
        best = best.replaced(better, trial)
        best = best._replace(damping=np.clip(np.where(better, best.damping / 3, best.damping * 6), 1e-4, 1e3))
        done = (
            (best.worst_m < _SETTLED_M)
            | ((best.worst_m > _HOPELESS_M) & (2 * step > steps))
            | (step == steps)
        )
        result = result.replaced(rows[done], best.pose.rows(done))
        rows, begin, best, contacts = rows[~done], begin[~done], best.rows(~done), contacts.rows(~done)
        if not len(rows):
            break
        trial = best.moved_by(rig_right, _step(rig_right, best, prior, may))
    return result


def _step(
    rig: HandRig, now: "_State", prior: Float[np.ndarray, "q"], may: Bool[np.ndarray, "q"]
) -> Float[np.ndarray, "n q"]:
    """Levenberg and Marquardt's step, without the angles that are at a limit and would go beyond it: else the others
    would rely on a move that is not made."""
    free = np.concatenate(
        [*_not_at_limit(rig, now.pose.angles, now.gradient), np.ones((len(now.cost), 6), bool)], 1
    )
    free &= may
    jacobian = now.jacobian * free[:, None]
    system = (jacobian.swapaxes(1, 2) @ jacobian).astype(np.float64)
    diagonal = np.einsum("nii->ni", system)
    diagonal += prior + now.damping[:, None] * (diagonal + _FLOOR)
    return -np.linalg.solve(system, (now.gradient * free)[..., None])[..., 0]


def _cut(vector: np.ndarray, longest: float) -> np.ndarray:
    return vector * np.minimum(1, longest / np.maximum(np.linalg.norm(vector, axis=1), 1e-9))[:, None]


def _not_at_limit(rig: HandRig, angles: np.ndarray, gradient: np.ndarray) -> list[Bool[np.ndarray, "n a"]]:
    """Of each hand, the free angles that a step downhill would not push beyond their limits."""
    downhill = np.zeros_like(angles)
    for hand in (0, 1):
        own = gradient[:, hand * _COUNT : (hand + 1) * _COUNT]
        downhill[:, hand, FREE[:, 0], FREE[:, 1]] = -own
    free = stay_within_limits(rig, angles, downhill)
    return [free[:, hand, FREE[:, 0], FREE[:, 1]] for hand in (0, 1)]


def measure_misfit(rig_right: HandRig, pose: PairPose, contacts: Contacts) -> Misfit:
    """Overlaps beyond a touch, gaps between the places that are to meet, and how far these are from facing each
    other."""
    posed = pose_pairs(rig_right, pose)
    twists = [_twists(rig_right, pose, posed, hand) for hand in (0, 1)]
    parts = [_overlaps(rig_right, posed, twists)]
    if contacts.right.shape[1]:
        parts += _meetings(rig_right, posed, contacts, twists)
    residual, jacobian = (np.concatenate(part, 1) for part in zip(*parts, strict=True))
    worst = residual[:, :_DEEPEST].max(1)
    if contacts.right.shape[1]:
        gaps = residual[:, _DEEPEST : _DEEPEST + 3 * contacts.right.shape[1]].reshape(
            *contacts.right.shape, 3
        )
        worst = np.maximum(worst, np.linalg.norm(gaps, axis=-1).max(1))
    return Misfit(residual, jacobian, worst)


def _overlaps(
    rig_right: HandRig, posed: PosedPairs, twists: list[np.ndarray]
) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, "n r 48"]]:
    rows = np.arange(len(posed.joints_m))[:, None]
    bodies = pair_bodies(rig_right, posed.joints_m)
    near = find_nearest(*bodies)
    width = near.overlap.shape[-1]
    flat = near.overlap.reshape(-1, width * width)
    deepest = np.argpartition(-flat, _DEEPEST, axis=1)[:, :_DEEPEST]
    pair = divmod(deepest, width)
    first = on_axis(bodies[0], pair[0], near.on_first[rows, *pair])
    second = on_axis(bodies[1], pair[1], near.on_second[rows, *pair])
    normal = second - first
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    depth = np.maximum(flat[rows, deepest] - TOUCH_M, 0)
    normal *= (depth > 0)[..., None]
    # The overlap grows when the right hand's point moves along the normal and the left one's against it.
    wrenches = [
        np.concatenate([cross(first, normal), normal], -1),
        -np.concatenate([cross(second, normal), normal], -1),
    ]
    return depth, _derivatives(wrenches, twists, [CAPSULE_LINK[capsule] for capsule in pair])


def _meetings(
    rig_right: HandRig, posed: PosedPairs, contacts: Contacts, twists: list[np.ndarray]
) -> list[tuple[Float[np.ndarray, "n r"], Float[np.ndarray, "n r 48"]]]:
    count, rows = len(posed.joints_m), 3 * contacts.right.shape[1]
    weight = contacts.weight[..., None].astype(np.float32)
    vertices = contacts.right, contacts.left
    met = [pose_places(rig_right, posed, hand, vertices[hand]) for hand in (0, 1)]
    gap = weight * (met[0].point_m - met[1].point_m)
    facing = weight * (met[0].normal + met[1].normal) * np.float32(contacts.facing_m)
    along, turning = [], []
    for place, sign in zip(met, (1, -1), strict=True):
        pulled = np.concatenate(
            [cross(place.point_m[:, :, None], _UNIT), np.broadcast_to(_UNIT, (*place.point_m.shape, 3))], -1
        )
        turned = cross(place.normal[:, :, None], _UNIT)
        turned = np.concatenate([turned, np.zeros_like(turned)], -1) * np.float32(contacts.facing_m)
        along.append((sign * weight[..., None] * pulled).reshape(count, rows, 6))
        turning.append((weight[..., None] * turned).reshape(count, rows, 6))
    links = [np.repeat(skin_of(rig_right).link[own], 3, axis=1) for own in vertices]
    return [
        (gap.reshape(count, rows), _derivatives(along, twists, links)),
        (facing.reshape(count, rows), _derivatives(turning, twists, links)),
    ]


def _twists(rig_right: HandRig, pose: PairPose, posed: PosedPairs, hand: int) -> Float[np.ndarray, "n q 6"]:
    """Twists of a hand's free angles; for the left hand, of its shift and spin too."""
    turn = pose.turn[:, hand].astype(np.float32)
    local = turn[:, None].swapaxes(-1, -2) @ posed.links[:, hand]
    axes = turning_axes(both_rigs(rig_right)[hand], pose.angles[:, hand], local)[
        :, FREE[:, 0] - 1, FREE[:, 1]
    ]
    axes = axes.astype(np.float32) @ turn.swapaxes(1, 2)
    centres = pivots(posed.joints_m[:, hand])[:, FREE[:, 0] - 1]
    if hand == 1:
        units = np.broadcast_to(_UNIT, (len(turn), 3, 3))
        spins = np.concatenate([units, cross(posed.joints_m[:, hand, :1], units)], -1)
        shifts = np.concatenate([np.zeros_like(units), units], -1)
        return np.concatenate([np.concatenate([axes, cross(centres, axes)], -1), shifts, spins], 1)
    return np.concatenate([axes, cross(centres, axes)], -1)


def _derivatives(
    wrenches: list[np.ndarray], twists: list[np.ndarray], links: list[Int[np.ndarray, "n r"]]
) -> Float[np.ndarray, "n r 48"]:
    """Of what the wrenches (one a hand) measure at links, by everything that moves."""
    columns = []
    for wrench, twist, link in zip(wrenches, twists, links, strict=True):
        change = wrench @ twist.swapaxes(1, 2)
        change[..., : len(FREE)] *= _MOVES[link]
        columns.append(change)
    return np.concatenate(columns, -1)
