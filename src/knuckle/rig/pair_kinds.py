"""How pairs of every kind are drawn; in those that touch the right hand leads, `pairs` mirrors half of them."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from knuckle.rig.limits import pose_to_angles
from knuckle.rig.pair_clasps import hooked, interlaced
from knuckle.rig.pair_contact import pair_penetration, touching
from knuckle.rig.pair_fingers import held_hands
from knuckle.rig.pair_fingertips import finger_on_hand
from knuckle.rig.pair_gestures import gestures
from knuckle.rig.pair_grasps import fist_in_palm, grasp, palms, wrapped
from knuckle.rig.pair_place import standing, turn_about
from knuckle.rig.pair_pose import MIRROR_TURN, PairPose, pose_pairs
from knuckle.rig.prior import sample_poses
from knuckle.rig.rig import HandRig

Generator = np.random.Generator
Draw: TypeAlias = Callable[[HandRig, int, Generator], PairPose]
_TO_MIDDLE_M = 0.07
"""From the wrist to the middle of the hand."""
_FREE_M = 0.003
"""Hands that are not meant to touch and overlap by more are moved apart."""


def side_by_side(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Two gestures near each other, in a third of the pairs the same one; depths alike or not."""
    pose = _before_the_body(rig, count, rng, alike_share=0.33)
    offset = [rng.uniform(0.05, 0.2, count), rng.normal(0, 0.035, count), rng.normal(0, 0.04, count)]
    return _apart(rig, pose, np.stack(offset, 1))


def crossing(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """One hand behind the other, a little or clearly apart in depth; the arms may be crossed."""
    pose = _before_the_body(rig, count, rng, alike_share=0.1)
    away = rng.choice([-1, 1], count) * rng.uniform(0.015, 0.11, count)
    offset = [rng.normal(0, 0.045, count), rng.normal(0, 0.04, count), away]
    return _apart(rig, pose, np.stack(offset, 1))


def clasp(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Fingers interlaced, hooked into each other, or one hand wrapped round the other."""
    return _mixture(rig, count, rng, ((interlaced, 0.55), (hooked, 0.12), (wrapped, 0.33)))


def fingertips(rig: HandRig, count: int, rng: Generator) -> PairPose:
    """Gestures of meeting fingertips, or a finger on a place of the other hand."""
    return _mixture(rig, count, rng, ((gestures, 0.6), (finger_on_hand, 0.4)))


DRAWN_BY: dict[str, Draw] = {
    "side_by_side": side_by_side,
    "crossing": crossing,
    "palms": palms,
    "clasp": clasp,
    "fingertips": fingertips,
    "grasp": grasp,
    "fist_in_palm": fist_in_palm,
}
TOUCHING = ("palms", "clasp", "fingertips", "grasp", "fist_in_palm")
"""Kinds whose hands touch; how these stand to each other is drawn, not yet where the body is."""


def _mixture(rig: HandRig, count: int, rng: Generator, parts: Sequence[tuple[Draw, float]]) -> PairPose:
    numbers = rng.multinomial(count, [share for _, share in parts])
    return PairPose.joined([draw(rig, int(n), rng) for (draw, _), n in zip(parts, numbers, strict=True)])


def _before_the_body(rig: HandRig, count: int, rng: Generator, *, alike_share: float) -> PairPose:
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
    return PairPose(angles, held_hands(angles, rng).shape, standing(rig, turn), wrist)


def _apart(rig: HandRig, pose: PairPose, offset: Float[np.ndarray, "n 3"]) -> PairPose:
    """The left hand moved by an offset, and on in that direction while it overlaps the right one."""
    wrist = pose.wrist.copy()
    wrist[:, 1] += offset
    pose = PairPose(pose.angles, pose.shape, pose.turn, wrist)
    joints = pose_pairs(rig, pose).joints_m
    deep = pair_penetration(rig, joints[:, 0], joints[:, 1]) > _FREE_M
    direction = offset / np.linalg.norm(offset, axis=1, keepdims=True)
    return pose.replaced(deep, touching(rig, pose.rows(deep), direction[deep]))
