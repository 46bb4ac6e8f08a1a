"""Two places of one hand brought together: a pad against another finger's pad, side or back."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.rig.bounded_step import bounded_step
from knuckle.rig.kinematics import joints_by_angles, pivots, turning_axes
from knuckle.rig.limits import basis, clamp_angles
from knuckle.rig.penetration import segment_radii
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import cross
from knuckle.skeleton import COMMON_TO_MANO16

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
