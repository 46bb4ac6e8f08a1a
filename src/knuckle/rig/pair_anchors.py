"""Places on the skin where hands touch: vertices of the rest mesh by link, height and direction."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.rig.limits import basis
from knuckle.rig.pair_pose import PosedPairs
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import cross
from knuckle.skeleton import COMMON_TO_MANO16

FIRST_LINK = (13, 1, 4, 10, 7)
"""MANO joint at the base of thumb, index, middle, ring and pinky."""
PALMAR, DORSAL, RADIAL, ULNAR = (0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0)
"""Directions a place may face: towards (the thumb's side, the fingertips, the palm's side)."""
_PALM_LINK = 0


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
def region(
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
    return region(rig_right, FIRST_LINK[finger] + 2, PALMAR, 0.35, 0.9)


def tip(rig_right: HandRig, finger: int) -> Int[np.ndarray, "m"]:
    """Vertices of the very end of a finger, a little to the pad's side; thumb 0."""
    return region(rig_right, FIRST_LINK[finger] + 2, (0, 1, 0.5), 0.7, 1.3, 0.85)


def palm(rig_right: HandRig, low: float = 0.25, high: float = 0.9) -> Int[np.ndarray, "m"]:
    """Vertices of the palm between two shares of its length."""
    return region(rig_right, _PALM_LINK, PALMAR, low, high)


def back(rig_right: HandRig, low: float = 0.1, high: float = 0.9) -> Int[np.ndarray, "m"]:
    """Vertices of the hand's back between two shares of its length."""
    return region(rig_right, _PALM_LINK, DORSAL, low, high)


def drawn(
    regions: Sequence[Int[np.ndarray, "m"]], which: Int[np.ndarray, "n"], rng: np.random.Generator
) -> Int[np.ndarray, "n"]:
    """One vertex a pair, out of the region it has in `which`."""
    share = rng.random(len(which))
    sizes = np.array([len(vertices) for vertices in regions])
    table = np.full((len(regions), sizes.max(initial=1)), 0)
    for row, vertices in zip(table, regions, strict=True):
        row[: len(vertices)] = vertices
    return table[which, (share * sizes[which]).astype(int)]


def drawn_by_group(
    groups: Sequence[tuple[Sequence[Int[np.ndarray, "m"]], float]], count: int, rng: np.random.Generator
) -> Int[np.ndarray, "n"]:
    """Vertices out of regions; each group of them has a share, which its regions have in equal parts."""
    regions = [vertices for group, _ in groups for vertices in group]
    odds = np.concatenate([np.full(len(group), share / len(group)) for group, share in groups])
    return drawn(regions, rng.choice(len(regions), count, p=odds / odds.sum()), rng)


def places(rig_right: HandRig, posed: PosedPairs, hand: int, vertices: Int[np.ndarray, "n *c"]) -> Places:
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
