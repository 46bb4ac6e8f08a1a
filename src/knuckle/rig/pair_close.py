"""Closing the fingers of one hand round the other until they touch it, as an adaptive gripper does."""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.rig.limits import clamp_angles
from knuckle.rig.pair_anchors import FIRST_LINK
from knuckle.rig.pair_body import CAPSULE_FINGER, CAPSULE_LINK, HandBody, hand_body, nearest
from knuckle.rig.pair_contact import TOUCH_M
from knuckle.rig.pair_pose import HAND_SIDES, PairPose, pair_bodies, pose_hand, pose_pairs
from knuckle.rig.penetration import finger_penetration
from knuckle.rig.rig import HandRig

_LINKS = np.array(FIRST_LINK)[:, None] + np.arange(3)
"""Links of every finger, thumb first, from its base out."""
_STEP, _SMALLEST_STEP = 1 / 7, 1 / 42
_MOST_OVERLAP_M = 0.003
_OWN_OVERLAP_M = 0.004


def closed(
    rig_right: HandRig,
    pose: PairPose,
    hand: int,
    goal: Float[np.ndarray, "n 16 3"],
    *,
    fingers: Bool[np.ndarray, "n 5"] | None = None,
    rounds: int = 16,
) -> PairPose:
    """Pairs in which the fingers of one hand (0 right, 1 left) went from their angles towards `goal` until they
    touched the other hand.

    A joint stops when a link beyond it touches; the joints further out go on, so that fingers wrap. Fingers stop
    before they run into their own hand. fingers: those that close, thumb first (all).
    """
    goal = clamp_angles(rig_right, goal)
    start = pose.angles[:, hand]
    share, step = np.zeros((len(pose), 5, 3)), np.full((len(pose), 5), _STEP)
    stopped = np.zeros((len(pose), 5, 3), bool)
    if fingers is not None:
        stopped[~fingers] = True
    bodies = pair_bodies(rig_right, pose_pairs(rig_right, pose).joints_m)
    for round_ in range(rounds):
        waiting = stopped.copy()
        # The thumb comes last and lies on top of the fingers.
        waiting[:, 0] |= round_ < rounds // 2
        busy = np.flatnonzero(~waiting.all((1, 2)))
        trial = np.where(waiting, share, np.minimum(share + step[..., None], 1))[busy]
        joints, _ = pose_hand(
            rig_right, _bent(rig_right, pose.rows(busy), hand, start[busy], goal[busy], trial), hand
        )
        own = hand_body(rig_right, joints, side=HAND_SIDES[hand])
        other = HandBody(*(array[busy] for array in bodies[1 - hand]))
        depth = _by_link(nearest(own, other).overlap.max(2))
        folded = finger_penetration(rig_right, joints) > _OWN_OVERLAP_M
        moving = (~waiting[busy]).any(2)
        too_far = moving & ((depth.max(2) > _MOST_OVERLAP_M) | folded)
        share[busy] = np.where(too_far[..., None], share[busy], trial)
        step[busy] = np.where(too_far, step[busy] / 2, step[busy])
        touched = np.maximum.accumulate((depth > 0.5 * TOUCH_M)[..., ::-1], axis=2)[..., ::-1]
        stopped[busy] |= touched & np.expand_dims(moving & ~too_far, 2)
        stopped = stopped | (step < _SMALLEST_STEP)[..., None] | (share >= 1)
    return _bent(rig_right, pose, hand, start, goal, share)


def _bent(
    rig: HandRig,
    pose: PairPose,
    hand: int,
    start: Float[np.ndarray, "n 16 3"],
    goal: Float[np.ndarray, "n 16 3"],
    share: Float[np.ndarray, "n 5 3"],
) -> PairPose:
    """The pairs with every joint of one hand's fingers that share of its way from `start` to `goal`."""
    angles = pose.angles.copy()
    bent = start.copy()
    bent[:, _LINKS] += share[..., None] * (goal - start)[:, _LINKS]
    angles[:, hand] = clamp_angles(rig, bent)
    return PairPose(angles, pose.shape, pose.turn, pose.wrist)


def _by_link(overlap: Float[np.ndarray, "n 23"]) -> Float[np.ndarray, "n 5 3"]:
    """Deepest overlap of every link of every finger, thumb first."""
    depth = np.full((len(overlap), 5, 3), -1.0)
    for capsule, (link, finger) in enumerate(zip(CAPSULE_LINK, CAPSULE_FINGER, strict=True)):
        if finger >= 0:
            level = link - FIRST_LINK[finger]
            depth[:, finger, level] = np.maximum(depth[:, finger, level], overlap[:, capsule])
    return depth
