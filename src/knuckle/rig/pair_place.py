"""Where two hands stand: one held against the other, and both in front of the body they belong to."""

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.rig.limits import basis
from knuckle.rig.pair_anchors import places
from knuckle.rig.pair_body import HandBody, nearest
from knuckle.rig.pair_pose import MIRROR_TURN, PairPose, pair_bodies, pose_pairs
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import cross, rodrigues

_FOREARM_M = 0.26
# Forearms are capsules from here to there, so thick, and may overlap this much: wrists bend.
_ARM_FROM_M, _ARM_TO_M, _ARM_RADIUS_M, _ARM_OVERLAP_M = 0.035, 0.17, 0.026, 0.006
_MOST_OPPOSITE = float(np.cos(np.deg2rad(160)))
_MOST_RAISED = -0.45
"""Vertical part (down) of the direction to an elbow, at least."""


def turn_about(axis: int, degrees: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n 3 3"]:
    """Rotations about x (0), y (1) or z (2)."""
    return rodrigues(np.deg2rad(np.asarray(degrees, np.float64))[..., None] * np.eye(3)[axis])


def wobble(count: int, degrees: float, rng: np.random.Generator) -> Float[np.ndarray, "n 3 3"]:
    """Random small rotations; `degrees`: standard deviation about each axis."""
    return rodrigues(np.deg2rad(degrees) * rng.standard_normal((count, 3)))


def met(
    rig_right: HandRig,
    pose: PairPose,
    right: Int[np.ndarray, "n"],
    left: Int[np.ndarray, "n"],
    *,
    turned: Float[np.ndarray, "n"],
    tilt: Float[np.ndarray, "n 3 3"],
    gap_m: float = 0.0,
) -> tuple[PairPose, Float[np.ndarray, "n 3"]]:
    """The left hands put so that a place on their skin (vertex) lies against a place on the right hand, `gap_m`
    off it; and the direction away from the right hand there.

    turned: degrees from the right hand's fingers' direction, about the right place's normal, to the left hand's.
    tilt: rotations of the left hand about the place on top.
    """
    posed = pose_pairs(rig_right, pose)
    on_right, on_left = (
        places(rig_right, posed, hand, vertex[:, None]) for hand, vertex in ((0, right), (1, left))
    )
    spin = rodrigues(np.deg2rad(turned)[:, None] * on_right.normal[:, 0])
    target = _frame(-on_right.normal[:, 0], (spin @ on_right.outward[:, 0, :, None])[..., 0])
    own = _frame(on_left.normal[:, 0], on_left.outward[:, 0])
    move = tilt @ target @ own.swapaxes(1, 2)
    lever = (move @ (pose.wrist[:, 1] - on_left.point_m[:, 0])[..., None])[..., 0]
    turn, wrist = pose.turn.copy(), pose.wrist.copy()
    turn[:, 1] = move @ turn[:, 1]
    wrist[:, 1] = on_right.point_m[:, 0] + gap_m * on_right.normal[:, 0] + lever
    return PairPose(pose.angles, pose.shape, turn, wrist), on_right.normal[:, 0]


def standing(rig_right: HandRig, turns: Float[np.ndarray, "n 2 3 3"]) -> Float[np.ndarray, "n 2 3 3"]:
    """pair_from_rig rotations of hands that are turned from fingers up, palm to the viewer."""
    twist, _, radial = basis(rig_right)[0][0]
    upright = np.stack([radial, -twist, cross(radial, -twist)])
    return turns @ np.stack([upright, upright * MIRROR_TURN])


def forearms(rig_right: HandRig, pose: PairPose) -> Float[np.ndarray, "n 2 3"]:
    """Unit directions from the wrists to the elbows when the wrists are straight."""
    return (pose.turn @ standing(rig_right, np.eye(3)).swapaxes(-1, -2))[..., 1]


def before_the_body(
    rig_right: HandRig, pose: PairPose, rng: np.random.Generator, *, noise_degrees: float = 14.0
) -> PairPose:
    """The pairs turned so that both forearms come from one body seen from in front: the right elbow on the
    picture's left, both below or behind the hands."""
    middle = pose_pairs(rig_right, pose).joints_m.mean((1, 2))
    elbows = pose.wrist + _FOREARM_M * forearms(rig_right, pose)
    across = elbows[:, 1] - elbows[:, 0]
    inward = elbows.mean(1) - middle
    # Hands held up before the face: elbows below; held out: elbows behind.
    lowered = np.deg2rad(np.clip(rng.normal(38, 24, len(pose)), -10, 95))
    own = _frame(across, inward)
    body = _frame(
        np.broadcast_to([1.0, 0, 0], across.shape),
        np.stack([0 * lowered, np.cos(lowered), np.sin(lowered)], -1),
    )
    turn = wobble(len(pose), noise_degrees, rng) @ body @ own.swapaxes(1, 2)
    wrist = (turn[:, None] @ (pose.wrist - middle[:, None])[..., None])[..., 0]
    return PairPose(pose.angles, pose.shape, turn[:, None] @ pose.turn, wrist)


def arms_clear(rig_right: HandRig, pose: PairPose) -> Bool[np.ndarray, "n"]:
    """Pairs whose forearms, the wrists straight, run through neither hand nor forearm and do not come from
    opposite sides."""
    towards = forearms(rig_right, pose)
    body = pair_bodies(rig_right, pose_pairs(rig_right, pose).joints_m)
    arms = [
        HandBody(
            (pose.wrist[:, hand] + _ARM_FROM_M * towards[:, hand])[:, None],
            (pose.wrist[:, hand] + _ARM_TO_M * towards[:, hand])[:, None],
            *np.full((2, len(pose), 1), _ARM_RADIUS_M),
        )
        for hand in (0, 1)
    ]
    against = ((arms[0], body[1]), (body[0], arms[1]), (arms[0], arms[1]))
    through = np.stack([nearest(*both).overlap.max((1, 2)) for both in against], -1)
    facing = (towards[:, 0] * towards[:, 1]).sum(-1)
    return (through < _ARM_OVERLAP_M).all(1) & (facing > _MOST_OPPOSITE)


def arms_low(rig_right: HandRig, pose: PairPose) -> Bool[np.ndarray, "n"]:
    """Pairs before the body of which no forearm comes from above."""
    return forearms(rig_right, pose)[..., 1].min(1) > _MOST_RAISED


def _frame(first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """Right-handed axes (columns): the first vector, the second one's part across it, and their product."""
    first = first / np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    second = second - (second * first).sum(-1, keepdims=True) * first
    second = second / np.maximum(np.linalg.norm(second, axis=-1, keepdims=True), 1e-9)
    return np.stack([first, second, cross(first, second)], -1)
