"""Fingertips brought together: pinches of the thumb and a finger, and any two places of different fingers.

Damped Gauss-Newton over the angles of two fingers, with the joint limits imposed after every step.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.poses.penetration import segment_radii
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import joints_by_angles, pivots, turning_axes
from knuckle.rig.limits import basis, clamp_angles
from knuckle.rig.rotations import cross
from knuckle.skeleton import COMMON_TO_MANO16

_POSTURE_M = 0.002
"""Every angle that has moved by one radian weighs as much as this distance."""
_DAMPING_M = 0.001
_LONGEST_STEP = 0.35


def bounded_step(
    rig: HandRig,
    angles: Float[np.ndarray, "n 16 3"],
    joints: Int[np.ndarray, "n 6"],
    begin: Float[np.ndarray, "n 6 3"],
    residual: Float[np.ndarray, "n r"],
    jacobian: Float[np.ndarray, "n r 18"],
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles (radians) nearer to no residual (m); those of `joints` move, and stay near `begin`.

    jacobian: of the residual, by the angles of `joints` in their order.
    """
    count, rows = len(angles), np.arange(len(angles))[:, None]
    moved = (angles[rows, joints] - begin).reshape(count, 18)
    system = jacobian.swapaxes(1, 2) @ jacobian
    gradient = (jacobian.swapaxes(1, 2) @ residual[..., None])[..., 0] + _POSTURE_M**2 * moved
    # Angles at a limit that would go beyond it stay out, else the others make up for what never happens.
    downhill = angles.copy()
    downhill[rows, joints] -= 1e-3 * np.sign(gradient).reshape(count, 6, 3)
    free = np.abs(clamp_angles(rig, downhill) - angles)[rows, joints].reshape(count, 18) > 1e-9
    system *= free[:, :, None] & free[:, None, :]
    gradient *= free
    np.einsum("nii->ni", system)[:] += _POSTURE_M**2 + _DAMPING_M**2
    step = np.linalg.solve(system, gradient[..., None])[..., 0]
    stepped = angles.copy()
    stepped[rows, joints] -= np.clip(step, -_LONGEST_STEP, _LONGEST_STEP).reshape(count, 6, 3)
    return clamp_angles(rig, stepped)


_THUMB = np.array([13, 14, 15])
_FINGER_FIRST_JOINT = np.array([1, 4, 10, 7])
"""First joints of index, middle, ring and pinky."""
_FINGER_ODDS = (0.5, 0.27, 0.14, 0.09)
# Degrees of (twist, splay, bend) where thumb CMC, MCP, IP and finger MCP, PIP, DIP begin, by finger.
_BEGIN_DEGREES = np.array(
    [
        [(6, 2, 20), (0, 0, 15), (0, 0, 22), (0, splay, mcp), (0, 0, pip), (0, 0, dip)]
        for splay, mcp, pip, dip in ((2, 46, 50, 32), (-2, 52, 54, 36), (-4, 58, 56, 38), (-4, 64, 56, 38))
    ]
)
_BEGIN_SPREAD = np.array([(4, 5, 6), (0, 3, 10), (0, 0, 12), (2, 3, 10), (0, 0, 12), (0, 0, 10)])
_FACING_M = 0.002
"""Pads that look 90 degrees past each other weigh as much as this distance between them."""


def pinch_angles(
    rig: HandRig,
    rng: np.random.Generator,
    start: Float[np.ndarray, "n 16 3"],
    *,
    iterations: int = 12,
    finger: Int[np.ndarray, "n"] | None = None,
    gap_m: Float[np.ndarray, "n"] | None = None,
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles within the limits whose thumb pad touches a random finger's pad.

    finger: which one, 0 index to 3 pinky (None draws it). gap_m: what the pads hold between them (None: nothing).
    The other fingers stay as in `start`. Thumb and finger begin half closed and are brought together by
    damped Gauss-Newton, the limits imposed after every step. Where they cannot reach, they end as near as
    they come.
    """
    count = len(start)
    rows = np.arange(count)[:, None]
    if finger is None:
        finger = rng.choice(4, count, p=_FINGER_ODDS)
    joints = np.concatenate(
        [np.broadcast_to(_THUMB, (count, 3)), _FINGER_FIRST_JOINT[finger][:, None] + np.arange(3)], 1
    )
    begin = np.deg2rad(_BEGIN_DEGREES[finger] + _BEGIN_SPREAD * rng.standard_normal((count, 6, 3)))
    angles = start.copy()
    angles[rows, joints] = begin
    angles = clamp_angles(rig, angles)
    along = rng.uniform(0.5, 0.9, (count, 1))
    for _ in range(iterations):
        residual, jacobian = _pads(rig, angles, joints, along, gap_m)
        angles = bounded_step(rig, angles, joints, begin, residual, jacobian)
    return angles


def _pads(
    rig: HandRig,
    angles: np.ndarray,
    joints: Int[np.ndarray, "n 6"],
    along: Float[np.ndarray, "n 1"],
    gap_m: Float[np.ndarray, "n"] | None,
) -> tuple[Float[np.ndarray, "n 6"], Float[np.ndarray, "n 6 18"]]:
    """Gap between the pads and how far they are from facing each other; its derivative by 6 joints'
    angles."""
    points, world = joints_by_angles(rig, angles)
    axes, _, _ = basis(rig)
    rows = np.arange(len(angles))
    radii = segment_radii(rig)
    pads, normals = [], []
    for last in (joints[:, 2], joints[:, 5]):
        common = np.array(COMMON_TO_MANO16)[last]
        bone = points[rows, common + 1] - points[rows, common]
        bend = (world[rows, last] @ axes[last, 2][..., None])[..., 0]
        normal = cross(bend, bone / np.linalg.norm(bone, axis=-1, keepdims=True))
        reach = radii[last] if gap_m is None else radii[last] + gap_m / 2
        pads.append(points[rows, common] + along * bone + reach[:, None] * normal)
        normals.append(normal)
    residual = np.concatenate([pads[0] - pads[1], _FACING_M * (normals[0] + normals[1])], 1)
    turning = turning_axes(rig, angles, world)[rows[:, None], joints - 1]
    pivot = pivots(points)[rows[:, None], joints - 1]
    columns = []
    for side, sign in ((0, 1.0), (1, -1.0)):
        own = turning[:, 3 * side : 3 * side + 3]
        lever = pads[side][:, None] - pivot[:, 3 * side : 3 * side + 3]
        moves = sign * cross(own, np.broadcast_to(lever[:, :, None], own.shape))
        turns = _FACING_M * cross(own, np.broadcast_to(normals[side][:, None, None], own.shape))
        columns.append(np.concatenate([moves, turns], -1).reshape(len(angles), 9, 6))
    return residual, np.concatenate(columns, 1).swapaxes(-1, -2)


_FACING_M = 0.002
"""Places that look 90 degrees past each other weigh as much as this distance between them."""


class Spot(NamedTuple):
    """Places on the skin of n hands, each round a finger bone."""

    link: Int[np.ndarray, "n"]
    """MANO16 joint (1..15) at the base of the bone."""
    along: Float[np.ndarray, "n"]
    """0 at the bone's base, 1 at its end."""
    side: Float[np.ndarray, "n 2"]
    """Unit vector of how far it lies on the palmar and on the radial side (towards the thumb)."""


def touch_angles(
    rig: HandRig, begin: Float[np.ndarray, "n 16 3"], first: Spot, second: Spot, *, iterations: int = 12
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles within the limits at which two spots of different fingers touch, face to face.

    Only those two fingers move, from the angles `begin`, by damped Gauss-Newton with the limits imposed after
    every step. Where they cannot reach, they end as near as they come.
    """
    rows = np.arange(len(begin))[:, None]
    joints = np.concatenate([_finger(first.link), _finger(second.link)], 1)
    angles = clamp_angles(rig, begin)
    start = angles[rows, joints]
    for _ in range(iterations):
        residual, jacobian = _gap(rig, angles, joints, (first, second))
        angles = bounded_step(rig, angles, joints, start, residual, jacobian)
    return angles


def spot_places(
    rig: HandRig, angles: Float[np.ndarray, "n 16 3"], spot: Spot
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Where spots lie (metres, wrist unturned) and the outward unit normals of the skin there."""
    return _place(rig, *joints_by_angles(rig, angles), spot)


def _place(rig: HandRig, points: np.ndarray, world: np.ndarray, spot: Spot) -> tuple[np.ndarray, np.ndarray]:
    axes, _, _ = basis(rig)
    rows, link = np.arange(len(points)), spot.link
    common = np.array(COMMON_TO_MANO16)[link]
    bone = points[rows, common + 1] - points[rows, common]
    radial = (world[rows, link] @ axes[link, 2][..., None])[..., 0]
    palmar = cross(radial, bone / np.linalg.norm(bone, axis=-1, keepdims=True))
    # Flexion turns about the axis towards the thumb's side on a right hand, away from it on a left one.
    radial = radial if rig.side == "right" else -radial
    normal = spot.side[:, :1] * palmar + spot.side[:, 1:] * radial
    radius = segment_radii(rig)[link][:, None]
    return points[rows, common] + spot.along[:, None] * bone + radius * normal, normal


def _finger(link: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n 3"]:
    """The three joints of the finger a link belongs to."""
    return ((link - 1) // 3 * 3 + 1)[:, None] + np.arange(3)


def _gap(
    rig: HandRig, angles: np.ndarray, joints: Int[np.ndarray, "n 6"], spots: tuple[Spot, Spot]
) -> tuple[Float[np.ndarray, "n 6"], Float[np.ndarray, "n 6 18"]]:
    """How far two spots are from each other and from facing each other; the derivative by six joints' angles."""
    points, world = joints_by_angles(rig, angles)
    rows = np.arange(len(angles))[:, None]
    places = [_place(rig, points, world, spot) for spot in spots]
    (here, normal), (there, other) = places
    residual = np.concatenate([here - there, _FACING_M * (normal + other)], 1)
    turning = turning_axes(rig, angles, world)[rows, joints - 1]
    pivot = pivots(points)[rows, joints - 1]
    columns = []
    for side, sign in ((0, 1.0), (1, -1.0)):
        chain = slice(3 * side, 3 * side + 3)
        # Joints beyond the spot's own do not move it.
        carries = (joints[:, chain] <= spots[side].link[:, None])[:, :, None, None]
        own = turning[:, chain] * carries
        place, facing = places[side]
        moves = sign * cross(own, np.broadcast_to((place[:, None] - pivot[:, chain])[:, :, None], own.shape))
        turns = _FACING_M * cross(own, np.broadcast_to(facing[:, None, None], own.shape))
        columns.append(np.concatenate([moves, turns], -1).reshape(len(angles), 9, 6))
    return residual, np.concatenate(columns, 1).swapaxes(-1, -2)
