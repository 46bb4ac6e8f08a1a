"""Two hands against each other: how deep they overlap, moving one until they just touch, and closing the fingers of
one round the other as an adaptive gripper does.
"""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.poses.pairs.places import FIRST_LINK
from knuckle.poses.pairs.pose import (
    CAPSULE_FINGER,
    CAPSULE_LINK,
    HAND_SIDES,
    HandBody,
    PairPose,
    hand_body,
    nearest,
    on_axis,
    pair_bodies,
    pose_hand,
    pose_pairs,
)
from knuckle.poses.penetration import finger_penetration
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import clamp_angles

TOUCH_M = 0.0015
"""Overlap of skins that touch: flesh gives way."""
_ALONG = np.linspace(0, 1, 3)
_BLOCK = 64


def pair_penetration(
    rig_right: HandRig,
    right_joints_m: Float[np.ndarray, "n 21 3"],
    left_joints_m: Float[np.ndarray, "n 21 3"],
) -> Float[np.ndarray, "n"]:
    """Deepest overlap in metres (0 = none) between two hands, given by their joints in one frame.

    Both are made of tapered capsules round bones and palm, scaled with the palm. Soft flesh gives way: contact
    reads as 1-3 mm.
    """
    right = hand_body(rig_right, np.asarray(right_joints_m), side="right")
    left = hand_body(rig_right, np.asarray(left_joints_m), side="left")
    return np.maximum(nearest(right, left).overlap.max((1, 2), initial=0.0), 0)


def sweep_together(
    first: HandBody, second: HandBody, direction: Float[np.ndarray, "n 3"], apart_m: float = 0.25
) -> Float[np.ndarray, "n"]:
    """How far along `direction` (unit) the second body must be moved so that, coming from the far end of that
    direction, it first touches the other; metres, at least -`apart_m`.

    Capsules are taken as spheres here, for which the answer is a square root: |c + t d| = r.
    """
    centre_a, radius_a = _spheres(first)
    centre_b, radius_b = _spheres(second)
    travel = np.full(len(direction), -apart_m)
    for low in range(0, len(direction), _BLOCK):
        part = slice(low, low + _BLOCK)
        between = centre_b[part, None] - centre_a[part, :, None]
        reach = radius_b[part, None] + radius_a[part, :, None]
        along = np.einsum("nabi,ni->nab", between, direction[part].astype(between.dtype))
        room = reach * reach - np.einsum("nabi,nabi->nab", between, between) + along * along
        touch = np.where(room > 0, np.sqrt(np.maximum(room, 0)) - along, -apart_m)
        travel[part] = np.maximum(touch.max((1, 2)), -apart_m)
    return travel


def _spheres(body: HandBody) -> tuple[np.ndarray, np.ndarray]:
    centre = (
        body.start[:, :, None]
        + _ALONG[:, None].astype(body.start.dtype) * (body.end - body.start)[:, :, None]
    )
    count = len(_ALONG) * body.start.shape[1]
    radius = body.start_radius[..., None] + _ALONG * (body.end_radius - body.start_radius)[..., None]
    return centre.reshape(len(centre), count, 3), radius.reshape(len(centre), count).astype(centre.dtype)


def deepest(first: HandBody, second: HandBody) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
    """Deepest overlap (negative: the gap) between two bodies, metres, and the way from the one axis to the other
    there."""
    near = nearest(first, second)
    width = near.overlap.shape[-1]
    rows = np.arange(len(near.overlap))[:, None]
    pair = divmod(near.overlap.reshape(-1, width * width).argmax(1)[:, None], width)
    gap = on_axis(second, pair[1], near.on_second[rows, *pair]) - on_axis(
        first, pair[0], near.on_first[rows, *pair]
    )
    return near.overlap[rows, *pair][:, 0], gap[:, 0]


def touching(
    rig_right: HandRig,
    pose: PairPose,
    direction: Float[np.ndarray, "n 3"],
    *,
    press_m: float = TOUCH_M,
    parts: Bool[np.ndarray, "23"] | None = None,
    rounds: int = 3,
) -> PairPose:
    """The left hands brought in against `direction` (unit, from the right hand outwards) until they touch.

    parts: the capsules of either hand that count (all).
    """
    joints = pose_pairs(rig_right, pose).joints_m
    bodies = pair_bodies(rig_right, joints)
    if parts is not None:
        bodies = tuple(HandBody(*(array[:, parts] for array in body)) for body in bodies)
    first, second = bodies
    travel = sweep_together(first, second, direction)
    for _ in range(rounds):
        move = (travel[:, None] * direction)[:, None].astype(joints.dtype)
        overlap, gap = deepest(first, second._replace(start=second.start + move, end=second.end + move))
        slope = (gap * direction).sum(-1) / np.maximum(np.linalg.norm(gap, axis=-1), 1e-9)
        travel = travel + np.clip((overlap - press_m) / np.maximum(slope, 0.3), -0.01, 0.01)
    wrist = pose.wrist.copy()
    wrist[:, 1] += travel[:, None] * direction
    return PairPose(pose.angles, pose.shape, pose.turn, wrist)


def pressed(rig_right: HandRig, pose: PairPose, *, rounds: int = 2) -> PairPose:
    """Pairs that do not touch brought together, straight along the shortest way between them."""
    apart = np.arange(len(pose))
    for _ in range(rounds):
        bodies = pair_bodies(rig_right, pose_pairs(rig_right, pose.rows(apart)).joints_m)
        overlap, gap = deepest(*bodies)
        short = overlap < 0.5 * TOUCH_M
        apart, overlap, gap = apart[short], overlap[short], gap[short]
        if not len(apart):
            break
        wrist = pose.wrist.copy()
        wrist[apart, 1] -= (TOUCH_M - overlap)[:, None] * gap / np.linalg.norm(gap, axis=1, keepdims=True)
        pose = PairPose(pose.angles, pose.shape, pose.turn, wrist)
    return pose


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
