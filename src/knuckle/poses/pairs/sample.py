"""Random poses of two interacting hands of one person: how pairs of every kind are drawn, and the directions a camera
sees them from. In kinds that touch the right hand leads; half of the pairs are mirrored.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_TURN
from knuckle.poses.pairs.contact import move_until_touching, pair_penetration, press_together
from knuckle.poses.pairs.fingertips import finger_on_hand, gestures
from knuckle.poses.pairs.grasps import fist_in_palm, grasp, hooked, interlaced, palms, wrapped
from knuckle.poses.pairs.places import arms_clear, arms_low, turn_about, turn_before_body, turn_from_upright
from knuckle.poses.pairs.pose import PairPose, both_rigs, pose_pairs
from knuckle.poses.pairs.postures import sample_pair_of_hands
from knuckle.poses.penetration import joints_penetration
from knuckle.poses.prior import MAX_PENETRATION_M, sample_poses
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import angles_to_pose, pose_to_angles
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues

Generator = np.random.Generator
PAIR_KINDS: tuple[str, ...] = (
    "side_by_side",
    "crossing",
    "palms",
    "clasp",
    "fingertips",
    "grasp",
    "fist_in_palm",
)
_SHARES = dict(zip(PAIR_KINDS, (0.2, 0.16, 0.11, 0.16, 0.17, 0.13, 0.07), strict=True))
MAX_OVERLAP_M = 0.004
"""Hands that press against each other overlap by this much at most."""
_LEAST_TOUCH_M = 0.0003
_USUAL_SHARE = 0.7
"""Of the pairs drawn of a kind that pass."""
_CHUNK = 512
_MAX_ROUNDS = 60
DrawPairs: TypeAlias = Callable[[HandRig, int, Generator], PairPose]
_TO_MIDDLE_M = 0.07
"""From the wrist to the middle of the hand."""
_FREE_M = 0.003
"""Hands that are not meant to touch and overlap by more are moved apart."""
TOUCHING = ("palms", "clasp", "fingertips", "grasp", "fist_in_palm")
"""Kinds whose hands touch. Only how the hands stand to each other is drawn; they are turned before the body later."""


class HandPairs(NamedTuple):
    """Pairs of hands of one person each, the right hand first; axis-angle radians and metres, float32.

    Frame: x right, y down, z away, as a camera in front of the person sees it; the origin is the middle of all 42
    joints. Row 0 of a pose turns the hand in that frame; the left hand's parameters are the left rig's. kind:
    index into PAIR_KINDS.
    """

    pose: Float[np.ndarray, "n 2 16 3"]
    shape: Float[np.ndarray, "n 2 10"]
    translation: Float[np.ndarray, "n 2 3"]
    kind: Int[np.ndarray, "n"]


def sample_pairs(
    rig_right: HandRig, count: int, rng: Generator, *, kinds: Sequence[str] | None = None
) -> HandPairs:
    """Random pairs, in shuffled order: gestures side by side or crossing, and hands that hold each other.

    kinds: the only ones drawn, equally often (all of PAIR_KINDS, hands that do not touch more often). Hands
    overlap by 4 mm at most, those of touching kinds touch, fingers keep within the joint limits. The same
    generator state gives the same pairs on the same kind of CPU: hands are pressed together by a solver, which may end
    elsewhere where sums are rounded differently. Raises KnuckleError for an unknown kind, a negative count or a left
    rig.
    """
    shares = _SHARES if kinds is None else dict.fromkeys(kinds, 1.0)
    if unknown := set(shares) - set(PAIR_KINDS):
        raise KnuckleError(
            f"kinds: expected some of {', '.join(PAIR_KINDS)}, got {', '.join(sorted(unknown))}"
        )
    if count < 0 or not shares:
        raise KnuckleError(f"sample_pairs: expected a count >= 0 and at least one kind, got {count}, {kinds}")
    if rig_right.side != "right":
        raise KnuckleError(f"sample_pairs: expected the right hand's rig, got the {rig_right.side} one's")
    odds = np.array(list(shares.values()))
    numbers = np.bincount(rng.choice(len(odds), count, p=odds / odds.sum()), minlength=len(odds))
    parts = [sample_pair_of_hands(np.zeros((0, 2, 16, 3)), rng)]
    for name, number in zip(shares, numbers, strict=True):
        if number:
            parts.append(_accepted(rig_right, name, int(number), rng))
    kind = np.repeat([PAIR_KINDS.index(name) for name in shares], numbers)
    order = rng.permutation(count)
    return _to_parameters(rig_right, PairPose.joined(parts).rows(order), kind[order])


def sample_pair_views(count: int, rng: Generator) -> Float[np.ndarray, "n 3 3"]:
    """Random camera_from_pair rotations: about half seen from in front or from a side, a third as the person sees
    its own hands (from behind and above), the rest any; float32."""
    group = rng.choice(3, count, p=[0.5, 0.34, 0.16])
    own = group == 1
    yaw = np.where(own, 180.0, 0.0) + np.where(own, 18.0, 38.0) * rng.standard_normal(count)
    pitch = np.where(own, 38.0, 5.0) + np.where(own, 20.0, 18.0) * rng.standard_normal(count)
    roll = np.where(own, 14.0, 18.0) * rng.standard_normal(count)
    upright = turn_about(2, roll) @ turn_about(0, pitch) @ turn_about(1, yaw)
    quaternion = rng.standard_normal((count, 4))
    length = np.linalg.norm(quaternion[:, 1:], axis=1)
    angle = 2 * np.arctan2(length, quaternion[:, 0])
    uniform = rodrigues(quaternion[:, 1:] * (angle / np.maximum(length, 1e-12))[:, None])
    return np.where((group == 2)[:, None, None], uniform, upright).astype(np.float32)


def _accepted(rig: HandRig, kind: str, count: int, rng: Generator) -> PairPose:
    """Pairs of one kind as people can hold them; the others are drawn again."""
    touching = kind in TOUCHING
    kept, have, asked = [], 0, 0
    for _ in range(_MAX_ROUNDS + count // _CHUNK):
        if have >= count:
            break
        share = max(have, 1) / asked if asked else _USUAL_SHARE
        ask = min(_CHUNK, int(1.05 * (count - have) / share) + 8)
        asked += ask
        pose = DRAWN_BY[kind](rig, ask, rng)
        if touching:
            pose = turn_before_body(rig, press_together(rig, pose), rng)
        swapped = rng.random(len(pose)) < 0.5
        pose = pose.replaced(swapped, pose.rows(swapped).mirrored())
        kept.append(pose.rows(_good(rig, pose, touching=touching)))
        have += len(kept[-1])
    if have < count:
        raise KnuckleError(f"sample_pairs: nearly every {kind} pair of rig {rig.name!r} runs through itself")
    return PairPose.joined(kept).rows(rng.permutation(have)[:count])


def _good(rig: HandRig, pose: PairPose, *, touching: bool) -> Bool[np.ndarray, "n"]:
    """Pairs as people can hold them: nothing runs through anything, and hands that should touch do."""
    joints = pose_pairs(rig, pose).joints_m
    overlap = pair_penetration(rig, joints[:, 0], joints[:, 1])
    own = np.maximum(*(joints_penetration(rig, joints[:, hand]) for hand in (0, 1)))
    good = (
        (overlap <= MAX_OVERLAP_M) & (own <= MAX_PENETRATION_M) & arms_clear(rig, pose) & arms_low(rig, pose)
    )
    return good & (overlap > _LEAST_TOUCH_M) if touching else good


def _to_parameters(rig: HandRig, pose: PairPose, kind: Int[np.ndarray, "n"]) -> HandPairs:
    """Rig parameters of pairs, moved so that the middle of all joints is the origin."""
    joints = pose_pairs(rig, pose).joints_m
    axis_angle = angles_to_pose(rig, pose.angles)
    axis_angle[:, 1] = angles_to_pose(both_rigs(rig)[1], pose.angles[:, 1])
    axis_angle[:, :, 0] = matrix_to_axis_angle(pose.turn)
    for hand, own in enumerate(both_rigs(rig)):
        axis_angle[:, hand, 0] -= own.pose_mean[0]
    root = np.stack(
        [
            own.posed_joints(np.broadcast_to(np.eye(3), (len(kind), 16, 3, 3)), pose.shape[:, hand])[0][:, 0]
            for hand, own in enumerate(both_rigs(rig))
        ],
        1,
    )
    translation = pose.wrist - joints.mean((1, 2))[:, None] - root
    pose32, shape32, translation32 = (
        part.astype(np.float32) for part in (axis_angle, pose.shape, translation)
    )
    return HandPairs(pose32, shape32, translation32, kind.astype(np.int64))


def side_by_side(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Two gestures near each other, in a third of the pairs the same one; depths alike or not."""
    pose = _sample_before_body(rig, count, rng, alike_share=0.33)
    offset = [rng.uniform(0.05, 0.2, count), rng.normal(0, 0.035, count), rng.normal(0, 0.04, count)]
    return _move_apart(rig, pose, np.stack(offset, 1))


def crossing(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """One hand behind the other, a little or clearly apart in depth; the arms may be crossed."""
    pose = _sample_before_body(rig, count, rng, alike_share=0.1)
    away = rng.choice([-1, 1], count) * rng.uniform(0.015, 0.11, count)
    offset = [rng.normal(0, 0.045, count), rng.normal(0, 0.04, count), away]
    return _move_apart(rig, pose, np.stack(offset, 1))


def clasp(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Fingers interlaced, hooked into each other, or one hand wrapped round the other."""
    return _mixture(rig, count, rng, ((interlaced, 0.55), (hooked, 0.12), (wrapped, 0.33)))


def fingertips(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Gestures of meeting fingertips, or a finger on a place of the other hand."""
    return _mixture(rig, count, rng, ((gestures, 0.6), (finger_on_hand, 0.4)))


DRAWN_BY: dict[str, DrawPairs] = {
    "side_by_side": side_by_side,
    "crossing": crossing,
    "palms": palms,
    "clasp": clasp,
    "fingertips": fingertips,
    "grasp": grasp,
    "fist_in_palm": fist_in_palm,
}


def _mixture(rig: HandRig, count: int, rng: Generator, parts: Sequence[tuple[DrawPairs, float]]) -> PairPose:
    numbers = rng.multinomial(count, [share for _, share in parts])
    return PairPose.joined([draw(rig, int(n), rng) for (draw, _), n in zip(parts, numbers, strict=True)])


def _sample_before_body(rig: HandRig, count: int, rng: Generator, *, alike_share: float) -> PairPose:
    """Gestures of both hands before one body, each hand turned on its own, their middles at the origin.

    alike_share: share of the pairs in which the left hand mirrors the right one.
    """
    alike = rng.random(count) < alike_share
    angles = pose_to_angles(rig, sample_poses(rig, 2 * count, rng).reshape(count, 2, 16, 3))
    angles[alike, 1] = angles[alike, 0]
    # Where the elbow is, seen from a right hand's wrist: to its own side, below, behind.
    elbow = rng.normal((-0.3, 0.75, 0.4), (0.3, 0.3, 0.35), (count, 2, 3))
    elbow[alike, 1] = elbow[alike, 0] + 0.12 * rng.standard_normal((alike.sum(), 3))
    facing = np.array([0, 180, 90, -90])[rng.choice(4, (count, 2), p=[0.36, 0.3, 0.17, 0.17])]
    facing = facing + 28 * rng.standard_normal((count, 2))
    facing[alike, 1] = facing[alike, 0] + 12 * rng.standard_normal(alike.sum())
    down = elbow / np.linalg.norm(elbow, axis=-1, keepdims=True)
    side = np.cross(down, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    turn = np.stack([side, down, np.cross(side, down)], -1) @ turn_about(1, facing)
    turn[:, 1] *= MIRROR_TURN
    wrist = _TO_MIDDLE_M * turn[..., 1]
    return PairPose(angles, sample_pair_of_hands(angles, rng).shape, turn_from_upright(rig, turn), wrist)


def _move_apart(rig: HandRig, pose: PairPose, offset: Float[np.ndarray, "n 3"]) -> PairPose:
    """The left hand moved by an offset, and on in that direction while it overlaps the right one."""
    wrist = pose.wrist.copy()
    wrist[:, 1] += offset
    pose = PairPose(pose.angles, pose.shape, pose.turn, wrist)
    joints = pose_pairs(rig, pose).joints_m
    deep = pair_penetration(rig, joints[:, 0], joints[:, 1]) > _FREE_M
    direction = offset / np.linalg.norm(offset, axis=1, keepdims=True)
    return pose.replaced(deep, move_until_touching(rig, pose.rows(deep), direction[deep]))
