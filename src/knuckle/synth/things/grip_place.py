"""Where a solid goes: against the palm, or between the pads of the thumb and a finger."""

import numpy as np
from jaxtyping import Float, Int

from knuckle.poses.penetration import hand_capsules
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.kinematics import FINGER_JOINTS
from knuckle.rig.limits import basis, clamp_angles
from knuckle.synth.things.grip_close import Held
from knuckle.synth.things.solid import Solids, clearance

Vectors = Float[np.ndarray, "n 3"]
_FAR_M, _PRESSED_M = 0.14, 0.0015
_LAST_LINK = np.array([5, 8, 11, 14])
"""Capsules of the last bones of index, middle, ring and pinky; the thumb's is 2."""


def posture(
    rig: HandRig,
    rng: np.random.Generator,
    count: int,
    fingers: tuple[float, float, float],
    thumb: tuple[tuple[float, float, float], float, float],
    *,
    noise: float = 4.0,
) -> Float[np.ndarray, "n 16 3"]:
    """Anatomical angles of hands with every finger bent by MCP, PIP and DIP degrees; thumb: twist, splay and bend of
    its CMC joint, then MCP and IP. noise: degrees of what is random."""
    angles = np.tile(np.array(basis(rig)[1]), (count, 1, 1))
    shared = rng.standard_normal((count, 1, 3)) + 0.6 * rng.standard_normal((count, 4, 3))
    angles[:, FINGER_JOINTS[1:], 2] = np.deg2rad(np.array(fingers) + noise * shared)
    angles[:, 13] = np.deg2rad(np.array(thumb[0]) + noise * rng.standard_normal((count, 3)))
    angles[:, 14:16, 2] = np.deg2rad(np.array(thumb[1:]) + noise * rng.standard_normal((count, 2)))
    return clamp_angles(rig, angles)


def palm_frame(joints_m: Float[np.ndarray, "n 21 3"]) -> tuple[Vectors, Vectors, Vectors]:
    """Unit vectors of right hands: towards the thumb's side, along the fingers, out of the palm."""
    along = unit(joints_m[:, 9] - joints_m[:, 0])
    out = unit(np.cross(joints_m[:, 5] - joints_m[:, 17], along))
    return np.cross(along, out), along, out


def place_in_palm(
    rig: HandRig,
    joints_m: Float[np.ndarray, "n 21 3"],
    solids: Solids,
    *,
    place: Float[np.ndarray, "n 2"],
    turn: Float[np.ndarray, "n"],
    tilt: Float[np.ndarray, "n 2"],
    links: tuple[int, ...],
) -> Held:
    """Solids moved against the palm until something touches; their z axis looks out of it.

    place: share of the way from wrist to knuckles, and m towards the thumb. turn: radians from across the palm to
    along the fingers. tilt: small turns about the solid's x and y axis. links: capsules that count beside the palm's.
    """
    radial, along, out = palm_frame(joints_m)
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    y = cosine * radial + sine * along + tilt[:, :1] * out
    y = unit(y)
    x = unit(np.cross(y, out + tilt[:, 1:] * np.cross(y, out)))
    axes = np.stack([x, y, np.cross(x, y)], -1)
    base = joints_m[:, 0] + place[:, :1] * (joints_m[:, 9] - joints_m[:, 0]) + place[:, 1:] * radial
    start, end, radii = hand_capsules(rig, joints_m.astype(np.float64))
    chosen = [*links, 15, 16, 17, 18]
    start, end, radii = start[:, chosen], end[:, chosen], radii[:, chosen]
    share = np.linspace(0.1, 1.0, 5)[:, None]
    points = start[:, :, None] + share * (end - start)[:, :, None]
    flat = points.reshape(len(points), -1, 3)
    thick = np.repeat(radii, len(share), 1)
    offset = np.full(len(points), _FAR_M)
    for _ in range(14):
        gap = (clearance(solids, axes, base + offset[:, None] * out, flat) - thick).min(1)
        offset -= 0.95 * np.clip(gap, -0.02, 0.05)
    return Held(solids, axes, base + (offset - _PRESSED_M)[:, None] * out)


def measure_pads(
    rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"], finger: Int[np.ndarray, "n"]
) -> tuple[Vectors, Vectors, Float[np.ndarray, "n"]]:
    """The middle between the pads of the thumb and a finger (0 index to 3 pinky), the unit vector from the thumb's to
    the finger's, and how far apart (m) their skins are."""
    start, end, radii = hand_capsules(rig, joints_m.astype(np.float64))
    rows, last = np.arange(len(joints_m)), _LAST_LINK[finger]
    share = np.linspace(0.35, 0.85, 7)[:, None]
    thumb = start[:, 2, None] + share * (end - start)[:, 2, None]
    other = start[rows, last][:, None] + share * (end - start)[rows, last][:, None]
    far = np.linalg.norm(thumb[:, :, None] - other[:, None], axis=-1).reshape(len(rows), -1)
    nearest = far.argmin(1)
    a, b = thumb[rows, nearest // len(share)], other[rows, nearest % len(share)]
    direction = unit(b - a)
    ra, rb = radii[:, 2], radii[rows, last]
    middle = (a + b + (ra - rb)[:, None] * direction) / 2
    return middle, direction, far.min(1) - ra - rb


def across(direction: Vectors, towards: Vectors) -> Float[np.ndarray, "n 3 3"]:
    """Axes (columns x, y, z) with z along `direction` and y as near to `towards` as that allows."""
    y = unit(towards - (towards * direction).sum(1, keepdims=True) * direction)
    return np.stack([np.cross(y, direction), y, direction], -1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors at length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
