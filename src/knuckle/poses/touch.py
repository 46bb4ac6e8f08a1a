"""Fingertips brought together: pinches of the thumb and a finger, and any two places of different fingers.

Damped Gauss-Newton over the angles of two fingers, with the joint limits imposed after every step. Where the places
cannot reach each other, they end as near as they come.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.poses.penetration import segment_radii
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import FINGER_JOINTS, joints_by_angles, pivots, turning_axes
from knuckle.rig.limits import basis, clamp_angles, stay_within_limits
from knuckle.rig.rotations import cross
from knuckle.skeleton import COMMON_TO_MANO16

_POSTURE_M = 0.002
"""Every angle that has moved by one radian weighs as much as this distance."""
_DAMPING_M = 0.001
_LONGEST_STEP = 0.35
_FACING_M = 0.002
"""Places that look 90 degrees past each other weigh as much as this distance between them."""
_FINGER_ODDS = (0.5, 0.27, 0.14, 0.09)
"""How often a pinch takes index, middle, ring and pinky."""
# Degrees of (twist, splay, bend) where thumb CMC, MCP, IP and finger MCP, PIP, DIP of a pinch begin, by finger.
_BEGIN_DEGREES = np.array(
    [
        [(6, 2, 20), (0, 0, 15), (0, 0, 22), (0, splay, mcp), (0, 0, pip), (0, 0, dip)]
        for splay, mcp, pip, dip in ((2, 46, 50, 32), (-2, 52, 54, 36), (-4, 58, 56, 38), (-4, 64, 56, 38))
    ]
)
_BEGIN_SPREAD = np.array([(4, 5, 6), (0, 3, 10), (0, 0, 12), (2, 3, 10), (0, 0, 12), (0, 0, 10)])


class Spot(NamedTuple):
    """Places on the skin of n hands, each round a finger bone."""

    link: Int[np.ndarray, "n"]
    """MANO16 joint (1..15) at the base of the bone."""
    along: Float[np.ndarray, "n"]
    """0 at the bone's base, 1 at its end."""
    side: Float[np.ndarray, "n 2"]
    """Unit vector of how far it lies on the palmar and on the radial side (towards the thumb)."""


class _Place(NamedTuple):
    """Places of posed hands (metres, wrist unturned) and the outward unit normals of the skin there."""

    point_m: Float[np.ndarray, "n 3"]
    normal: Float[np.ndarray, "n 3"]


class _Bone(NamedTuple):
    """Posed bones: where they start, the way to their end (metres), and the unit vectors of their palmar side and of
    the axis they bend about."""

    start_m: Float[np.ndarray, "n 3"]
    way_m: Float[np.ndarray, "n 3"]
    palmar: Float[np.ndarray, "n 3"]
    bend: Float[np.ndarray, "n 3"]


class _Chains(NamedTuple):
    """The two fingers that move: their six joints, and the two links that carry the places."""

    joints: Int[np.ndarray, "n 6"]
    links: tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]


_Places = Callable[[np.ndarray, np.ndarray], tuple[_Place, _Place]]
"""From 21 joints and 16 world rotations of hands to the two places that are to meet."""


def pinch_angles(
    rig: HandRig,
    rng: np.random.Generator,
    start: Float[np.ndarray, "n 16 3"],
    *,
    iterations: int = 12,
    finger: Int[np.ndarray, "n"] | None = None,
    gap_m: Float[np.ndarray, "n"] | None = None,
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles within the limits at which the thumb's pad touches a finger's pad. Thumb and finger begin half
    closed.

    Args:
        rig: of either side.
        rng: what the beginning, and the finger, are drawn from.
        start: angles of the hands; the fingers that do not pinch keep them.
        iterations: steps of the solver.
        finger: which one pinches, 0 index to 3 pinky; None draws it.
        gap_m: how thick the thing is that the pads hold between them; None for nothing.
    """
    count = len(start)
    rows = np.arange(count)[:, None]
    if finger is None:
        finger = rng.choice(4, count, p=_FINGER_ODDS)
    joints = np.concatenate([np.broadcast_to(FINGER_JOINTS[0], (count, 3)), FINGER_JOINTS[finger + 1]], 1)
    begin = np.deg2rad(_BEGIN_DEGREES[finger] + _BEGIN_SPREAD * rng.standard_normal((count, 6, 3)))
    angles = start.copy()
    angles[rows, joints] = begin
    angles = clamp_angles(rig, angles)
    along = rng.uniform(0.5, 0.9, (count, 1))
    chains = _Chains(joints, (joints[:, 2], joints[:, 5]))

    def place_pads(points: np.ndarray, world: np.ndarray) -> tuple[_Place, _Place]:
        first, second = (_pad_place(rig, points, world, link, along, gap_m) for link in chains.links)
        return first, second

    return _bring_together(rig, angles, chains, place_pads, begin=begin, iterations=iterations)


def touch_angles(
    rig: HandRig, begin: Float[np.ndarray, "n 16 3"], first: Spot, second: Spot, *, iterations: int = 12
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles within the limits at which two spots of different fingers touch, face to face. Only those two
    fingers move, from the angles `begin`."""
    joints = np.concatenate([_joints_of_finger(first.link), _joints_of_finger(second.link)], 1)
    angles = clamp_angles(rig, begin)
    start = angles[np.arange(len(begin))[:, None], joints]

    def place_spots(points: np.ndarray, world: np.ndarray) -> tuple[_Place, _Place]:
        return _spot_place(rig, points, world, first), _spot_place(rig, points, world, second)

    chains = _Chains(joints, (first.link, second.link))
    return _bring_together(rig, angles, chains, place_spots, begin=start, iterations=iterations)


def _bring_together(
    rig: HandRig,
    angles: Float[np.ndarray, "n 16 3"],
    chains: _Chains,
    places: _Places,
    *,
    begin: Float[np.ndarray, "n 6 3"],
    iterations: int,
) -> Float[np.ndarray, "n 16 3"]:
    """The angles at which two places meet face to face; those of the chains' joints stay near `begin`."""
    for _ in range(iterations):
        residual, jacobian = _measure_gap(rig, angles, chains, places)
        angles = _step(rig, angles, chains.joints, begin, residual, jacobian)
    return angles


def _measure_gap(
    rig: HandRig, angles: np.ndarray, chains: _Chains, places: _Places
) -> tuple[Float[np.ndarray, "n 6"], Float[np.ndarray, "n 6 18"]]:
    """How far two places are from each other and from facing each other; the derivative by the six joints' angles."""
    points, world = joints_by_angles(rig, angles)
    both = places(points, world)
    gap, facing = both[0].point_m - both[1].point_m, both[0].normal + both[1].normal
    residual = np.concatenate([gap, _FACING_M * facing], 1)
    rows = np.arange(len(angles))[:, None]
    turning = turning_axes(rig, angles, world)[rows, chains.joints - 1]
    pivot = pivots(points)[rows, chains.joints - 1]
    columns = []
    for side, sign in ((0, 1.0), (1, -1.0)):
        chain = slice(3 * side, 3 * side + 3)
        # Joints beyond the place's own link do not move it.
        carries = (chains.joints[:, chain] <= chains.links[side][:, None])[:, :, None, None]
        own = turning[:, chain] * carries
        lever = both[side].point_m[:, None] - pivot[:, chain]
        moves = sign * cross(own, np.broadcast_to(lever[:, :, None], own.shape))
        turns = _FACING_M * cross(own, np.broadcast_to(both[side].normal[:, None, None], own.shape))
        columns.append(np.concatenate([moves, turns], -1).reshape(len(angles), 9, 6))
    return residual, np.concatenate(columns, 1).swapaxes(-1, -2)


def _step(
    rig: HandRig,
    angles: Float[np.ndarray, "n 16 3"],
    joints: Int[np.ndarray, "n 6"],
    begin: Float[np.ndarray, "n 6 3"],
    residual: Float[np.ndarray, "n r"],
    jacobian: Float[np.ndarray, "n r 18"],
) -> Float[np.ndarray, "n 16 3"]:
    """Angles nearer to no residual (m); those of `joints` move, and stay near `begin`. jacobian: of the residual, by
    the angles of `joints` in their order."""
    count, rows = len(angles), np.arange(len(angles))[:, None]
    moved = (angles[rows, joints] - begin).reshape(count, 18)
    system = jacobian.swapaxes(1, 2) @ jacobian
    gradient = (jacobian.swapaxes(1, 2) @ residual[..., None])[..., 0] + _POSTURE_M**2 * moved
    downhill = np.zeros_like(angles)
    downhill[rows, joints] = -gradient.reshape(count, 6, 3)
    # Angles at a limit that would go beyond it are left out: else the others would rely on a move that is not made.
    free = stay_within_limits(rig, angles, downhill)[rows, joints].reshape(count, 18)
    system *= free[:, :, None] & free[:, None, :]
    gradient *= free
    np.einsum("nii->ni", system)[:] += _POSTURE_M**2 + _DAMPING_M**2
    step = np.linalg.solve(system, gradient[..., None])[..., 0]
    stepped = angles.copy()
    stepped[rows, joints] -= np.clip(step, -_LONGEST_STEP, _LONGEST_STEP).reshape(count, 6, 3)
    return clamp_angles(rig, stepped)


def _pad_place(
    rig: HandRig,
    points: np.ndarray,
    world: np.ndarray,
    link: Int[np.ndarray, "n"],
    along: Float[np.ndarray, "n 1"],
    gap_m: Float[np.ndarray, "n"] | None,
) -> _Place:
    """Pads at shares of last bones, pushed out by half the gap."""
    bone = _bone(rig, points, world, link)
    reach = segment_radii(rig)[link] if gap_m is None else segment_radii(rig)[link] + gap_m / 2
    return _Place(bone.start_m + along * bone.way_m + reach[:, None] * bone.palmar, bone.palmar)


def _spot_place(rig: HandRig, points: np.ndarray, world: np.ndarray, spot: Spot) -> _Place:
    bone = _bone(rig, points, world, spot.link)
    # Flexion turns about the axis towards the thumb's side on a right hand, away from it on a left one.
    radial = bone.bend if rig.side == "right" else -bone.bend
    normal = spot.side[:, :1] * bone.palmar + spot.side[:, 1:] * radial
    radius = segment_radii(rig)[spot.link][:, None]
    return _Place(bone.start_m + spot.along[:, None] * bone.way_m + radius * normal, normal)


def _bone(rig: HandRig, points: np.ndarray, world: np.ndarray, link: Int[np.ndarray, "n"]) -> _Bone:
    rows, common = np.arange(len(points)), np.array(COMMON_TO_MANO16)[link]
    way = points[rows, common + 1] - points[rows, common]
    bend = (world[rows, link] @ basis(rig)[0][link, 2][..., None])[..., 0]
    palmar = cross(bend, way / np.linalg.norm(way, axis=-1, keepdims=True))
    return _Bone(points[rows, common], way, palmar, bend)


def _joints_of_finger(link: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n 3"]:
    """The three joints of the finger a link belongs to."""
    return ((link - 1) // 3 * 3 + 1)[:, None] + np.arange(3)
