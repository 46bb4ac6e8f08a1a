"""Fingers opened until they are free of their own hand, folded until they touch it, or closed round something else."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.poses.penetration import finger_overlap, finger_penetration
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import FINGER_JOINTS, joints_by_angles
from knuckle.rig.limits import basis, clamp_angles

_FULL_OPENING_M = 0.06
_OPENING_STEPS = (0.04, 0.25)
"""A finger is opened by its overlap, in _FULL_OPENING_M, of the way to the rest pose in one round, between these."""
_FOLDING_STEP, _SMALLEST_FOLDING_STEP = 1 / 6, 1 / 64
_CONTACT_M = 0.003
"""Overlap of the capsules from which on a folding finger touches."""
_CLOSING_STEP = 1 / 7
_OWN_OVERLAP_M = 0.004
"""Most that a closing finger may overlap with its own hand."""


class Closing(NamedTuple):
    """How fingers close round something."""

    touch_m: float
    """How deep in it (negative: how far off) a link touches."""
    most_overlap_m: float
    """Fingers that would be deeper in it step back."""
    smallest_step: float
    """Share of the way; a finger whose steps are smaller stops."""
    thumb_from: int
    """The round in which the thumb starts: it comes last and lies on top of the fingers."""
    rounds: int = 16


Measure = Callable[
    [Float[np.ndarray, "k 16 3"], Int[np.ndarray, "k"]],
    tuple[Float[np.ndarray, "k 21 3"], Float[np.ndarray, "k 5 3"]],
]
"""From anatomical angles of some of the hands, and their rows, to their joints (m), and how deep (m, negative: how far
off) every link of every finger, thumb first, is in what the fingers close round."""


def open_fingers(
    rig: HandRig, angles: Float[np.ndarray, "n 16 3"], *, limit_m: float, rounds: int = 8
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles with every finger that overlaps by more than `limit_m` moved towards the rest pose.

    A curled finger thus stops where its tip meets the palm, as in a fist, instead of being thrown away. Some
    hands may still overlap after the rounds; test them with `joints_penetration`.
    """
    angles = clamp_angles(rig, angles)
    rest = clamp_angles(rig, basis(rig)[1])
    busy = np.arange(len(angles))
    for _ in range(rounds):
        if not len(busy):
            break
        joints, _ = joints_by_angles(rig, angles[busy])
        depth = finger_penetration(rig, joints)
        hit = (depth > limit_m).any(1)
        busy, depth = busy[hit], depth[hit]
        step = np.where(depth > limit_m, np.clip(depth / _FULL_OPENING_M, *_OPENING_STEPS), 0)
        angles[busy] = _move_fingers(angles[busy], rest, step)
    return angles


def fold_fingers(
    rig: HandRig,
    start: Float[np.ndarray, "n 16 3"],
    goal: Float[np.ndarray, "n 16 3"],
    fingers: Bool[np.ndarray, "n 5"],
    *,
    rounds: int = 14,
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles with some fingers (thumb first) moved from `start` towards `goal` until they touch
    anything of the hand; the others keep `start`.

    A finger that touches at the start stays there. Contact is an overlap of up to 3 mm of the capsules.
    """
    start, goal = clamp_angles(rig, start), clamp_angles(rig, goal)
    share = np.zeros((len(start), 5))
    step = np.where(fingers, _FOLDING_STEP, 0.0)
    for _ in range(rounds):
        trial = np.minimum(share + step, 1.0)
        joints, _ = joints_by_angles(rig, _move_fingers(start, goal, trial))
        hit = finger_overlap(rig, joints) > _CONTACT_M
        # Two that move into each other both step back; the next, smaller step finds out which one was free.
        share = np.where(hit, share, trial)
        step = np.where(hit, step / 2, step)
        step[(step < _SMALLEST_FOLDING_STEP) | (share >= 1)] = 0
        if not step.any():
            break
    return _move_fingers(start, goal, share)


def close_round(
    rig: HandRig,
    start: Float[np.ndarray, "n 16 3"],
    goal: Float[np.ndarray, "n 16 3"],
    measure: Measure,
    closing: Closing,
    *,
    fingers: Bool[np.ndarray, "n 5"] | None = None,
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles at which fingers that went from `start` towards `goal` touch what they close round, as those of
    an adaptive gripper do.

    A joint stops when a link beyond it touches; the joints further out go on, so that fingers wrap. Fingers stop
    before they run into their own hand.

    Args:
        rig: of the hands.
        start: where the fingers are.
        goal: where they would be without anything in their way.
        measure: how deep they are in it.
        closing: when they stop.
        fingers: those that close, thumb first; None for all.
    """
    share, step = np.zeros((len(start), 5, 3)), np.full((len(start), 5), _CLOSING_STEP)
    stopped = np.zeros((len(start), 5, 3), bool)
    if fingers is not None:
        stopped[~fingers] = True
    for round_ in range(closing.rounds):
        waiting = stopped.copy()
        waiting[:, 0] |= round_ < closing.thumb_from
        busy = np.flatnonzero(~waiting.all((1, 2)))
        if not len(busy):
            continue
        trial = np.where(waiting, share, np.minimum(share + step[..., None], 1))[busy]
        joints, depth = measure(move_joints(rig, start[busy], goal[busy], trial), busy)
        moving = (~waiting[busy]).any(2)
        own = finger_penetration(rig, joints) > _OWN_OVERLAP_M
        too_far = moving & ((depth.max(2) > closing.most_overlap_m) | own)
        share[busy] = np.where(too_far[..., None], share[busy], trial)
        step[busy] = np.where(too_far, step[busy] / 2, step[busy])
        touched = np.maximum.accumulate((depth > closing.touch_m)[..., ::-1], axis=2)[..., ::-1]
        stopped[busy] |= touched & np.expand_dims(moving & ~too_far, 2)
        stopped = stopped | (step < closing.smallest_step)[..., None] | (share >= 1)
    return move_joints(rig, start, goal, share)


def move_joints(
    rig: HandRig,
    start: Float[np.ndarray, "n 16 3"],
    goal: Float[np.ndarray, "n 16 3"],
    share: Float[np.ndarray, "n 5 3"],
) -> Float[np.ndarray, "n 16 3"]:
    """Angles within the limits with every joint of every finger, thumb first, moved by its share of the way."""
    angles = start.copy()
    angles[:, FINGER_JOINTS] += share[..., None] * (goal - start)[:, FINGER_JOINTS]
    return clamp_angles(rig, angles)


def _move_fingers(start: np.ndarray, goal: np.ndarray, share: Float[np.ndarray, "n 5"]) -> np.ndarray:
    """Every finger moved by its share of the way from `start` to `goal`; the wrist stays."""
    angles = start.copy()
    angles[:, FINGER_JOINTS] += share[:, :, None, None] * (goal - start)[:, FINGER_JOINTS]
    return angles
