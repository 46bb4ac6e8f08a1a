"""Flesh and bone under the skin of a posed hand: knuckles, pads and the thumb's web, which skinning does not know.

Every corrective is a bump: a smooth field of offsets on the rest hand, carried along by a joint and scaled by how far
that joint is bent. Joints and pose stay the rig's; only the surface moves. Lengths of one finger are in its own mm,
which are those of the index finger scaled by how thick the finger is.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.geometry.mirror import mirror_points
from knuckle.rig.hand_rig import HandRig, PosedHand
from knuckle.rig.limits import basis, matrices_to_angles
from knuckle.rig.rotations import cross, matrix_to_axis_angle, rodrigues
from knuckle.skeleton import MANO16_PARENTS, MIDDLE_MCP, WRIST

FRAMES = ("before", "half", "beyond")
"""What carries a bump: the bone before its joint, the turn half way between both bones, or the bone beyond."""
DRIVES = ("bend", "oppose", "adduct")
"""What scales a bump: how far its joint is bent; how far the thumb is brought before the palm, or to its side."""
_MCP, _PIP, _DIP = (1, 4, 10, 7), (2, 5, 11, 8), (3, 6, 12, 9)
"""From the index finger to the little one."""
_THUMB_CMC, _THUMB_MCP, _THUMB_IP = 13, 14, 15
_PARENTS = np.array(MANO16_PARENTS[1:])
_MOST_OPPOSED, _MOST_ADDUCTED = np.deg2rad([40.0, 25.0])


class Bumps(NamedTuple):
    """All bumps of a rig. joint: the MANO16 joint that drives and carries each; frame, drive: places in FRAMES and
    DRIVES; fields: offsets at full strength (m, rest frame)."""

    joint: Int[np.ndarray, "e"]
    frame: Int[np.ndarray, "e"]
    drive: Int[np.ndarray, "e"]
    fields: Float[np.ndarray, "v e 3"]


class _Bump(NamedTuple):
    joint: int
    frame: str
    drive: str
    field: Float[np.ndarray, "v 3"]


class _Joint(NamedTuple):
    """A joint of the rest hand. unit: its finger's mm (m); place: vertices from the joint (along the bone beyond,
    dorsal, across; its mm); axes: those three as rows; back, palm: how far the skin is on either side (its mm)."""

    unit: float
    place: Float[np.ndarray, "v 3"]
    axes: Float[np.ndarray, "3 3"]
    back: float
    palm: float


def add_correctives(
    rig: HandRig, hand: PosedHand, strength: float | Float[np.ndarray, "*batch"] = 1.0
) -> Float[np.ndarray, "*batch v 3"]:
    """The posed hand's vertices (metres, the frame of `hand`, its dtype) with knuckles that stand out, pads that
    bulge and the thumb's web drawn out; those of `hand` itself in the rest pose.

    hand: of `rig`, by `HandRig.posed` and its like, of either side, single or batched. strength: how bony and fleshy
    the hand is, 1 the usual, 0 nothing. No vertex of a hand of the mean size moves more than 5 mm at strength 1.
    """
    bumps = bumps_of(rig)
    world = hand.transforms[..., :3, :3].astype(np.float64)
    parents = world[..., _PARENTS, :, :]
    turns = parents.swapaxes(-1, -2) @ world[..., 1:, :, :]
    half = parents @ rodrigues(0.5 * matrix_to_axis_angle(turns))
    frames = np.stack([parents, half, world[..., 1:, :, :]], -4)
    scales = _drives(rig, turns)[..., bumps.drive, bumps.joint - 1]
    scales = scales * (_size(rig, hand) * np.asarray(strength))[..., None]
    carried = scales[..., None, None] * frames[..., bumps.frame, bumps.joint - 1, :, :]
    lead, (count, number, _) = carried.shape[:-3], bumps.fields.shape
    rows = carried.swapaxes(-1, -2).reshape(*lead, 3 * number, 3)
    moves = bumps.fields.reshape(count, 3 * number) @ rows
    return (hand.vertices + moves).astype(hand.vertices.dtype)


def _drives(rig: HandRig, turns: Float[np.ndarray, "*batch 15 3 3"]) -> Float[np.ndarray, "*batch 3 15"]:
    """How far each joint is bent, opposed and adducted from rest, 0..1, in the order of `bumps.DRIVES`."""
    wrist = np.broadcast_to(np.eye(3), (*turns.shape[:-3], 1, 3, 3))
    angles = matrices_to_angles(rig, np.concatenate([wrist, turns], -3)) - basis(rig)[1]
    splay, bend = angles[..., 1:, 1], angles[..., 1:, 2]

    def eased(angle: np.ndarray, most: float) -> np.ndarray:
        return np.sin(np.clip(angle / most, 0, 1) * (np.pi / 2))

    drives = (eased(bend, np.pi / 2), eased(bend, _MOST_OPPOSED), eased(-splay, _MOST_ADDUCTED))
    return np.stack(drives, -2)


def _size(rig: HandRig, hand: PosedHand) -> Float[np.ndarray, "*batch"]:
    """Length of the palm in that of the mean hand's."""
    palm = hand.joints[..., MIDDLE_MCP, :].astype(np.float64) - hand.joints[..., WRIST, :]
    rest = rig.joints_rest_m[MIDDLE_MCP] - rig.joints_rest_m[WRIST]
    return np.linalg.norm(palm, axis=-1) / np.linalg.norm(rest)


@lru_cache(maxsize=4)
def bumps_of(rig: HandRig) -> Bumps:
    """The bumps of a rig of either side; cached, treat them as constants."""
    if rig.side == "left":
        right = bumps_of(rig.mirrored())
        return right._replace(fields=mirror_points(right.fields))
    found = [*_knuckles(rig), *_dips(rig), *_pads(rig), *_thumb_base(rig)]
    return Bumps(
        np.array([b.joint for b in found]),
        np.array([FRAMES.index(b.frame) for b in found]),
        np.array([DRIVES.index(b.drive) for b in found]),
        np.ascontiguousarray(np.stack([b.field for b in found], 1)),
    )


def _knuckles(rig: HandRig) -> Iterator[_Bump]:
    """Heads of the bones, which stand out on the back of a bent joint."""
    heads = [
        *((joint, 2.8, (7.5, 6.0, 7.0)) for joint in _MCP),
        *((joint, 1.7, (4.5, 6.0, 6.0)) for joint in _PIP),
        *((joint, 0.8, (4.0, 5.0, 5.5)) for joint in _DIP),
        (_THUMB_MCP, 1.4, (8.0, 8.0, 8.0)),
        (_THUMB_IP, 1.0, (4.5, 5.0, 6.5)),
    ]
    for joint, height, wide in heads:
        at = _joint(rig, joint)
        away = ((at.place - (-1.0, at.back, 0.0)) / wide) ** 2
        # The third power across the bone instead of the second: a head is broad, not a point.
        head = _fade(away[:, 0] + away[:, 1] + away[:, 2] ** 1.5)
        yield _Bump(joint, "half", "bend", height * at.unit * head[:, None] * at.axes[1])


def _dips(rig: HandRig) -> Iterator[_Bump]:
    """Hollows between neighbouring knuckles of the fist, half from either finger."""
    joints = _rest(rig)
    for pair in pairwise(_MCP):
        for one, other in (pair, pair[::-1]):
            at = _joint(rig, one)
            middle = 0.5 * (joints[other] - joints[one]) @ at.axes.T / at.unit
            centre = middle + np.array([-1.0, 0.7 * at.back, 0.0])
            dip = _hill(at.place, centre, (7.0, 6.0, 4.5))
            yield _Bump(one, "half", "bend", -0.5 * at.unit * dip[:, None] * at.axes[1])


def _pads(rig: HandRig) -> Iterator[_Bump]:
    """Flesh pressed out of the crease of a bent joint, towards the palm and sideways, before and beyond it."""
    creases = [
        *((joint, 1.2, 11.0) for joint in _MCP),
        *((joint, 1.1, 10.0) for joint in _PIP),
        *((joint, 0.6, 8.0) for joint in _DIP),
        (_THUMB_MCP, 1.2, 10.0),
        (_THUMB_IP, 1.0, 9.0),
    ]
    for joint, height, away in creases:
        at = _joint(rig, joint)
        out = -at.axes[1] + 0.6 * np.tanh(at.place[:, 2:] / 6) * at.axes[2]
        for frame, along in (("before", -away), ("beyond", away)):
            pad = _hill(at.place, (along, -at.palm, 0.0), (4.5, 6.0, 6.0))
            yield _Bump(joint, frame, "bend", height * at.unit * pad[:, None] * out)


def _thumb_base(rig: HandRig) -> Iterator[_Bump]:
    """The web, a saddle of skin between thumb and index finger that an opposed thumb draws out; the ball of the
    thumb, which thickens with it; and the muscle between both bones, which stands out on the back of the hand when
    the thumb lies to its side."""
    joints = _rest(rig)
    base, thumb, index = joints[_THUMB_CMC], joints[_THUMB_MCP], joints[_MCP[0]]
    saddle = (thumb + index) / 2
    out, back = _unit(saddle - base), _unit(cross(index - base, thumb - base))
    place = 1000 * (rig.vertices - saddle) @ np.stack([out, back, cross(out, back)]).T
    web = _hill(place, (-3.0, 0.0, 6.0), (10.0, 10.0, 10.0))
    yield _Bump(_THUMB_CMC, "half", "oppose", 4.5e-3 * web[:, None] * out)
    ball = _hill(place, (-31.0, -24.0, -20.0), (12.0, 10.0, 12.0))
    yield _Bump(_THUMB_CMC, "half", "oppose", -2.5e-3 * ball[:, None] * back)
    muscle = _hill(place, (-26.0, 12.0, 3.0), (10.0, 10.0, 9.0))
    yield _Bump(_THUMB_CMC, "half", "adduct", 3.5e-3 * muscle[:, None] * back)


def _joint(rig: HandRig, joint: int) -> _Joint:
    middle = 3 * ((joint - 1) // 3) + 2 if joint < _THUMB_CMC else _PIP[0]
    unit = 1e-3 * _thickness(rig, middle) / _thickness(rig, _PIP[0])
    place, axes = _seen_from(rig, joint)
    back, palm = _skin(rig, joint)
    return _Joint(unit, place / unit, axes, back / unit, palm / unit)


def _seen_from(rig: HandRig, joint: int) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "3 3"]]:
    """Vertices from a joint (m; along, dorsal, across), and those axes."""
    along, _, bend = basis(rig)[0][joint]
    axes = np.stack([along, cross(along, bend), bend])
    return (rig.vertices - _rest(rig)[joint]) @ axes.T, axes


def _skin(rig: HandRig, joint: int) -> tuple[float, float]:
    """How far from a joint the skin of its back and of its palm's side is, m."""
    place, _ = _seen_from(rig, joint)
    aside = np.hypot(place[:, 0], place[:, 2])
    near = np.exp(-((aside / 0.004) ** 2)) * (np.abs(place[:, 1]) < 0.02)
    back, palm = (near * (sign * place[:, 1] > 0) for sign in (1, -1))
    high = np.abs(place[:, 1])
    return float(back @ high / max(back.sum(), 1e-9)), float(palm @ high / max(palm.sum(), 1e-9))


def _thickness(rig: HandRig, joint: int) -> float:
    return max(sum(_skin(rig, joint)), 0.004)


def _rest(rig: HandRig) -> Float[np.ndarray, "16 3"]:
    return rig.joint_regressor.astype(np.float64) @ rig.vertices


def _hill(
    place: Float[np.ndarray, "v 3"],
    centre: Float[np.ndarray, "3"] | tuple[float, ...],
    wide: tuple[float, ...],
) -> Float[np.ndarray, "v"]:
    """1 at the centre, smoothly to 0 around it."""
    return _fade((((place - centre) / wide) ** 2).sum(-1))


def _fade(square: Float[np.ndarray, "v"]) -> Float[np.ndarray, "v"]:
    """Nearly exp(-square / 2), and exactly 0 from 8 on."""
    return np.clip(1 - square / 8, 0, None) ** 4


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
