"""Places: those on the skin where hands touch, and where two hands stand, against each other and before their body."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import MIRROR_TURN
from knuckle.poses.pairs.pose import (
    HandBody,
    PairPose,
    PosedPairs,
    find_nearest,
    pair_bodies,
    pose_pairs,
)
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import FINGER_JOINTS
from knuckle.rig.limits import basis
from knuckle.rig.rotations import cross, rodrigues
from knuckle.skeleton import COMMON_TO_MANO16

FIRST_LINK = tuple(FINGER_JOINTS[:, 0].tolist())
"""MANO joint at the base of thumb, index, middle, ring and pinky."""
PALMAR, DORSAL, RADIAL, ULNAR = (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0)
"""Directions a place may face: towards (the thumb's side, the fingertips, the palm's side)."""
_PALM_LINK = 0
_FOREARM_M = 0.26
# Forearms are capsules from here to there, so thick, and may overlap this much: wrists bend.
_ARM_FROM_M, _ARM_TO_M, _ARM_RADIUS_M, _ARM_OVERLAP_M = 0.035, 0.17, 0.026, 0.006
_MOST_OPPOSITE = float(np.cos(np.deg2rad(160)))
_MOST_RAISED = -0.45
"""Vertical part (down) of the direction to an elbow, at least."""


class Skin(NamedTuple):
    """Vertices of the rest mesh as places on their links, in the right rig's rest frame; metres."""

    link: Int[np.ndarray, "v"]
    offset_m: Float[np.ndarray, "v 3"]
    """From the link's joint."""
    normal: Float[np.ndarray, "v 3"]
    along: Float[np.ndarray, "v"]
    """Share of the link's bone from its joint to the next."""
    facing: Float[np.ndarray, "v 3"]
    """The normal in the link's own axes: towards the thumb's side, the fingertips, the palm's side."""


class Places(NamedTuple):
    """Posed places: where on the skin, which way the skin faces there, and where the fingers point there."""

    point_m: Float[np.ndarray, "*n 3"]
    normal: Float[np.ndarray, "*n 3"]
    outward: Float[np.ndarray, "*n 3"]


@lru_cache(maxsize=8)
def skin_of(rig_right: HandRig) -> Skin:
    """The rig's vertices as places on the skin."""
    vertices, faces = rig_right.vertices.astype(np.float64), rig_right.faces
    corners = vertices[faces]
    face_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.zeros_like(vertices)
    np.add.at(normal, faces.reshape(-1), np.repeat(face_normal, 3, 0))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-12)
    link = rig_right.skin_weights.argmax(1)
    joints = rig_right.joints_rest_m.astype(np.float64)
    base = np.array(COMMON_TO_MANO16)
    tip = np.where(base == 0, 9, base + 1)
    axes = basis(rig_right)[0]
    outward, radial = axes[:, 0], axes[:, 2]
    frame = np.stack([radial, outward, cross(radial, outward)], 1)
    offset = vertices - joints[base[link]]
    length = np.linalg.norm(joints[tip] - joints[base], axis=-1)
    along = (offset * outward[link]).sum(-1) / length[link]
    return Skin(link, offset, normal, along, (frame[link] @ normal[..., None])[..., 0])


@lru_cache(maxsize=256)
def find_region(
    rig_right: HandRig,
    link: int,
    facing: tuple[float, float, float],
    low: float,
    high: float,
    cosine: float = 0.8,
) -> Int[np.ndarray, "m"]:
    """Vertices of a link that face a direction, between two shares of its bone's length.

    Raises KnuckleError when the rig has none there.
    """
    skin = skin_of(rig_right)
    direction = np.asarray(facing) / np.linalg.norm(facing)
    chosen = (
        (skin.link == link) & (skin.along >= low) & (skin.along <= high) & (skin.facing @ direction >= cosine)
    )
    if not chosen.any():
        raise KnuckleError(f"rig {rig_right.name}: found no skin of link {link} that faces {facing}")
    return np.flatnonzero(chosen)


def pad(rig_right: HandRig, finger: int) -> Int[np.ndarray, "m"]:
    """Vertices of a fingertip's pad; thumb 0."""
    return find_region(rig_right, FIRST_LINK[finger] + 2, PALMAR, 0.35, 0.9)


def tip(rig_right: HandRig, finger: int) -> Int[np.ndarray, "m"]:
    """Vertices of the very end of a finger, a little to the pad's side; thumb 0."""
    return find_region(rig_right, FIRST_LINK[finger] + 2, (0, 1, 0.5), 0.7, 1.3, 0.85)


def palm(rig_right: HandRig, low: float = 0.25, high: float = 0.9) -> Int[np.ndarray, "m"]:
    """Vertices of the palm between two shares of its length."""
    return find_region(rig_right, _PALM_LINK, PALMAR, low, high)


def back(rig_right: HandRig, low: float = 0.1, high: float = 0.9) -> Int[np.ndarray, "m"]:
    """Vertices of the hand's back between two shares of its length."""
    return find_region(rig_right, _PALM_LINK, DORSAL, low, high)


def pick_vertices(
    regions: Sequence[Int[np.ndarray, "m"]], which: Int[np.ndarray, "n"], rng: np.random.Generator
) -> Int[np.ndarray, "n"]:
    """One vertex a pair, out of the region it has in `which`."""
    share = rng.random(len(which))
    sizes = np.array([len(vertices) for vertices in regions])
    table = np.full((len(regions), sizes.max(initial=1)), 0)
    for row, vertices in zip(table, regions, strict=True):
        row[: len(vertices)] = vertices
    return table[which, (share * sizes[which]).astype(int)]


def pick_vertices_by_group(
    groups: Sequence[tuple[Sequence[Int[np.ndarray, "m"]], float]], count: int, rng: np.random.Generator
) -> Int[np.ndarray, "n"]:
    """Vertices out of regions; each group of them has a share, which its regions have in equal parts."""
    regions = [vertices for group, _ in groups for vertices in group]
    odds = np.concatenate([np.full(len(group), share / len(group)) for group, share in groups])
    return pick_vertices(regions, rng.choice(len(regions), count, p=odds / odds.sum()), rng)


def pose_places(
    rig_right: HandRig, posed: PosedPairs, hand: int, vertices: Int[np.ndarray, "n *c"]
) -> Places:
    """Posed places of one hand; `vertices`: one or several a pair."""
    skin = skin_of(rig_right)
    link = skin.link[vertices]
    sign = np.array([-1.0 if hand else 1.0, 1, 1])
    rows = np.arange(len(vertices)).reshape(-1, *[1] * (vertices.ndim - 1))
    turn = posed.links[rows, hand, link]
    joint = posed.joints_m[rows, hand, np.array(COMMON_TO_MANO16)[link]]
    local = np.stack([skin.offset_m[vertices], skin.normal[vertices], basis(rig_right)[0][link, 0]], -1)
    world = turn @ (local * sign[:, None]).astype(turn.dtype)
    return Places(joint + world[..., 0], world[..., 1], world[..., 2])


def turn_about(axis: int, degrees: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n 3 3"]:
    """Rotations about x (0), y (1) or z (2)."""
    return rodrigues(np.deg2rad(np.asarray(degrees, np.float64))[..., None] * np.eye(3)[axis])


def sample_small_turns(count: int, degrees: float, rng: np.random.Generator) -> Float[np.ndarray, "n 3 3"]:
    """Random small rotations; `degrees`: standard deviation about each axis."""
    return rodrigues(np.deg2rad(degrees) * rng.standard_normal((count, 3)))


def bring_together(
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

    Args:
        rig_right: the right hand's rig.
        pose: the pairs; only their left hands are moved.
        right: vertices of the right hand.
        left: those of the left hand that are put against them.
        turned: degrees from the right hand's fingers' direction, about the right place's normal, to the left hand's.
        tilt: rotations of the left hand about the place, after that.
        gap_m: between the two places.
    """
    posed = pose_pairs(rig_right, pose)
    on_right, on_left = (
        pose_places(rig_right, posed, hand, vertex[:, None]) for hand, vertex in ((0, right), (1, left))
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


def turn_from_upright(
    rig_right: HandRig, turns: Float[np.ndarray, "n 2 3 3"]
) -> Float[np.ndarray, "n 2 3 3"]:
    """pair_from_rig rotations of hands that are turned from fingers up, palm to the viewer."""
    twist, _, radial = basis(rig_right)[0][0]
    upright = np.stack([radial, -twist, cross(radial, -twist)])
    return turns @ np.stack([upright, upright * MIRROR_TURN])


def forearms(rig_right: HandRig, pose: PairPose) -> Float[np.ndarray, "n 2 3"]:
    """Unit directions from the wrists to the elbows when the wrists are straight."""
    return (pose.turn @ turn_from_upright(rig_right, np.eye(3)).swapaxes(-1, -2))[..., 1]


def turn_before_body(
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
    turn = sample_small_turns(len(pose), noise_degrees, rng) @ body @ own.swapaxes(1, 2)
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
    through = np.stack([find_nearest(*both).overlap.max((1, 2)) for both in against], -1)
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
