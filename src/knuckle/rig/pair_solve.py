"""Bring two hands into contact: places meet, skins do not overlap, fingers stay near the posture they had.

Damped Gauss-Newton over the fingers' anatomical angles of both hands and the left hand's place, many pairs at
once; joint limits are imposed after every step.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.rig.limits import clamp_angles
from knuckle.rig.pair_motion import FREE, Contacts, misfit
from knuckle.rig.pair_pose import PairPose
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import rodrigues

_COUNT = len(FREE)
_SETTLED_M, _HOPELESS_M = 0.0015, 0.02
"""Pairs with no gap or overlap beyond the first are done; those with one beyond the second, after half of the
steps, are left as they are."""
_POSTURE_M = 0.0025
_PLACE_SHARE = 0.05
_DAMPING, _FLOOR = 0.03, 1e-6
_LONGEST_STEP = 0.3
_LONGEST_MOVE_M = 0.02


def solved(
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

    posture_m: distance that an angle moved by one radian weighs as much as. place_share: what a metre the left
    hand is moved weighs. still: whether the right hand's fingers, and the left one's, keep their angles.
    """
    prior = np.concatenate(
        [np.full(2 * _COUNT, posture_m**2), np.full(3, place_share**2), np.full(3, posture_m**2)]
    )
    may = np.concatenate([np.repeat(~np.array(still), _COUNT), np.ones(6, bool)])
    rows, result, begin = np.arange(len(pose)), pose, pose.angles
    best = trial = _State.of(pose, len(prior))
    for step in range(steps + 1 if len(pose) else 0):
        residual, jacobian, worst = misfit(rig_right, trial.pose, contacts)
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
    """Levenberg and Marquardt's step, without the angles that are at a limit and would go beyond it: else the
    others make up for what never happens."""
    free = np.concatenate(
        [*_not_at_limit(rig, now.pose.angles, now.gradient), np.ones((len(now.cost), 6), bool)], 1
    )
    free &= may
    jacobian = now.jacobian * free[:, None]
    system = (jacobian.swapaxes(1, 2) @ jacobian).astype(np.float64)
    diagonal = np.einsum("nii->ni", system)
    diagonal += prior + now.damping[:, None] * (diagonal + _FLOOR)
    return -np.linalg.solve(system, (now.gradient * free)[..., None])[..., 0]


class _State(NamedTuple):
    """Pairs on their way, how far (m, rad) their left hands have been shifted and spun, and what is known there."""

    pose: PairPose
    moved: Float[np.ndarray, "n 6"]
    cost: Float[np.ndarray, "n"]
    worst_m: Float[np.ndarray, "n"]
    damping: Float[np.ndarray, "n"]
    gradient: Float[np.ndarray, "n q"]
    jacobian: Float[np.ndarray, "n r q"]

    @classmethod
    def of(cls, pose: PairPose, width: int) -> "_State":
        """Pairs nothing is known of yet."""
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
        """After a step that is cut to a length at which straight lines still say something."""
        angles, turn, wrist = self.pose.angles.copy(), self.pose.turn.copy(), self.pose.wrist.copy()
        bend = np.clip(step[:, : 2 * _COUNT], -_LONGEST_STEP, _LONGEST_STEP).reshape(len(step), 2, _COUNT)
        for hand in (0, 1):
            angles[:, hand, FREE[:, 0], FREE[:, 1]] += bend[:, hand]
        shift, spin = _cut(step[:, -6:-3], _LONGEST_MOVE_M), _cut(step[:, -3:], _LONGEST_STEP)
        wrist[:, 1] += shift
        turn[:, 1] = rodrigues(spin) @ turn[:, 1]
        pose = PairPose(clamp_angles(rig, angles), self.pose.shape, turn, wrist)
        return self._replace(pose=pose, moved=self.moved + np.concatenate([shift, spin], 1))


def _cut(vector: np.ndarray, longest: float) -> np.ndarray:
    return vector * np.minimum(1, longest / np.maximum(np.linalg.norm(vector, axis=1), 1e-9))[:, None]


def _not_at_limit(rig: HandRig, angles: np.ndarray, gradient: np.ndarray) -> list[Bool[np.ndarray, "n a"]]:
    """Angles that a step downhill would not push beyond their limits."""
    downhill = angles.copy()
    for hand in (0, 1):
        own = gradient[:, hand * _COUNT : (hand + 1) * _COUNT]
        downhill[:, hand, FREE[:, 0], FREE[:, 1]] -= 1e-3 * np.sign(own)
    change = np.abs(clamp_angles(rig, downhill) - angles)
    return [change[:, hand, FREE[:, 0], FREE[:, 1]] > 1e-9 for hand in (0, 1)]
