"""Two hands against each other: how deep they overlap, moving one until they just touch, and closing the fingers of
one round the other as an adaptive gripper does.
"""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.poses.contact import Closing, close_round
from knuckle.poses.pairs.places import FIRST_LINK
from knuckle.poses.pairs.pose import (
    CAPSULE_FINGER,
    CAPSULE_LINK,
    HandBody,
    PairPose,
    find_nearest,
    hand_body,
    on_axis,
    pair_bodies,
    pose_hand,
    pose_pairs,
)
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import clamp_angles
from knuckle.skeleton import HAND_SIDES

TOUCH_M = 0.0015
"""Overlap of skins that touch: flesh gives way."""
_CLOSING = Closing(touch_m=0.5 * TOUCH_M, most_overlap_m=0.003, smallest_step=1 / 42, thumb_from=8)
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
    return np.maximum(find_nearest(right, left).overlap.max((1, 2), initial=0.0), 0)


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


def find_deepest(
    first: HandBody, second: HandBody
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n 3"]]:
    """Deepest overlap (negative: the gap) between two bodies, metres, and the way from the one axis to the other
    there."""
    near = find_nearest(first, second)
    width = near.overlap.shape[-1]
    rows = np.arange(len(near.overlap))[:, None]
    pair = divmod(near.overlap.reshape(-1, width * width).argmax(1)[:, None], width)
    gap = on_axis(second, pair[1], near.on_second[rows, *pair]) - on_axis(
        first, pair[0], near.on_first[rows, *pair]
    )
    return near.overlap[rows, *pair][:, 0], gap[:, 0]


def move_until_touching(
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
        overlap, gap = find_deepest(first, second._replace(start=second.start + move, end=second.end + move))
        slope = (gap * direction).sum(-1) / np.maximum(np.linalg.norm(gap, axis=-1), 1e-9)
        travel = travel + np.clip((overlap - press_m) / np.maximum(slope, 0.3), -0.01, 0.01)
    wrist = pose.wrist.copy()
    wrist[:, 1] += travel[:, None] * direction
    return PairPose(pose.angles, pose.shape, pose.turn, wrist)


def press_together(rig_right: HandRig, pose: PairPose, *, rounds: int = 2) -> PairPose:
    """Pairs that do not touch brought together, straight along the shortest way between them."""
    apart = np.arange(len(pose))
    for _ in range(rounds):
        bodies = pair_bodies(rig_right, pose_pairs(rig_right, pose.rows(apart)).joints_m)
        overlap, gap = find_deepest(*bodies)
        short = overlap < 0.5 * TOUCH_M
        apart, overlap, gap = apart[short], overlap[short], gap[short]
        if not len(apart):
            break
        wrist = pose.wrist.copy()
        wrist[apart, 1] -= (TOUCH_M - overlap)[:, None] * gap / np.linalg.norm(gap, axis=1, keepdims=True)
        pose = PairPose(pose.angles, pose.shape, pose.turn, wrist)
    return pose


def close_fingers(
    rig_right: HandRig,
    pose: PairPose,
    hand: int,
    goal: Float[np.ndarray, "n 16 3"],
    *,
    fingers: Bool[np.ndarray, "n 5"] | None = None,
) -> PairPose:
    """Pairs in which the fingers of one hand (0 right, 1 left) went from their angles towards `goal` until they
    touched the other hand: see `close_round`. fingers: those that close, thumb first (all)."""
    bodies = pair_bodies(rig_right, pose_pairs(rig_right, pose).joints_m)

    def with_angles(pose: PairPose, own: Float[np.ndarray, "n 16 3"]) -> PairPose:
        angles = pose.angles.copy()
        angles[:, hand] = own
        return PairPose(angles, pose.shape, pose.turn, pose.wrist)

    def measure(angles: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        joints, _ = pose_hand(rig_right, with_angles(pose.rows(rows), angles), hand)
        own = hand_body(rig_right, joints, side=HAND_SIDES[hand])
        other = HandBody(*(array[rows] for array in bodies[1 - hand]))
        return joints, _by_link(find_nearest(own, other).overlap.max(2))

    goal = clamp_angles(rig_right, goal)
    return with_angles(
        pose, close_round(rig_right, pose.angles[:, hand], goal, measure, _CLOSING, fingers=fingers)
    )


def _by_link(overlap: Float[np.ndarray, "n 23"]) -> Float[np.ndarray, "n 5 3"]:
    """Deepest overlap of every link of every finger, thumb first."""
    depth = np.full((len(overlap), 5, 3), -1.0)
    for capsule, (link, finger) in enumerate(zip(CAPSULE_LINK, CAPSULE_FINGER, strict=True)):
        if finger >= 0:
            level = link - FIRST_LINK[finger]
            depth[:, finger, level] = np.maximum(depth[:, finger, level], overlap[:, capsule])
    return depth
