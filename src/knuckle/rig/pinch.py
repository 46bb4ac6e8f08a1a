"""Pinches: bend the thumb and a finger until their pads meet."""

import numpy as np
from jaxtyping import Float, Int

from knuckle.rig.bounded_step import bounded_step
from knuckle.rig.kinematics import joints_by_angles, pivots, turning_axes
from knuckle.rig.limits import basis, clamp_angles
from knuckle.rig.penetration import segment_radii
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import cross
from knuckle.skeleton import COMMON_TO_MANO16

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
