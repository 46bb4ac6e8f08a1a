"""The solid two hands touch each other with: tapered capsules, close to the skin of palm and wrist too."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.rig.penetration import hand_capsules
from knuckle.rig.rig import HandRig
from knuckle.rig.rotations import cross
from knuckle.skeleton import Side

# Thumb's two outer bones, then the fingers' twelve, as `hand_capsules` lists them.
_FINGER_BONES = slice(1, 15)
# Palm, wrist and heel: start and end (towards the thumb, along the middle metacarpal, palmar; from the wrist) and
# their radii, in lengths of the middle metacarpal. Least-squares fit to the open rig's skin: 1.2 mm rms.
_PALM = np.array(
    [
        (0.164, 0.182, 0.040, 0.269, 0.999, 0.050, 0.263, 0.152),
        (0.003, 0.079, -0.105, 0.015, 1.001, 0.055, 0.158, 0.184),
        (-0.156, 0.052, 0.044, -0.220, 0.921, 0.050, 0.214, 0.160),
        (-0.201, 0.171, 0.075, -0.389, 0.855, 0.115, 0.214, 0.133),
        (-0.121, 0.085, -0.100, -0.207, 0.660, -0.090, 0.112, 0.066),
        (0.062, -0.238, -0.016, 0.108, 0.047, -0.035, 0.207, 0.211),
        (-0.077, -0.241, 0.011, -0.050, 0.239, 0.006, 0.219, 0.231),
        (0.255, 0.260, -0.070, 0.249, 0.832, -0.069, 0.128, 0.071),
        (0.202, 0.192, 0.062, 0.557, 0.498, 0.233, 0.250, 0.197),
    ]
)
_TIPS = np.array([1, 4, 7, 10, 13])
"""Fingers' last bones, which end in the skin..."""
_PULLED_IN = 0.9
"""...so that their capsules end this many radii before."""
_THUMB_BALL = 8
"""Row of the palm that ends at the thumb's second joint, wherever that is."""

CAPSULE_LINK = np.array([14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9, *[0] * _THUMB_BALL, 13])
"""MANO joint that carries each capsule."""
CAPSULE_FINGER = np.array([0, 0, *np.repeat([1, 2, 3, 4], 3), *[-1] * _THUMB_BALL, 0])
"""Finger of each capsule, thumb 0; -1: the palm."""


class HandBody(NamedTuple):
    """Capsules of hands, metres; the radius runs evenly from the one end's to the other's."""

    start: Float[np.ndarray, "*n 23 3"]
    end: Float[np.ndarray, "*n 23 3"]
    start_radius: Float[np.ndarray, "*n 23"]
    end_radius: Float[np.ndarray, "*n 23"]


class Nearest(NamedTuple):
    """Every capsule of one hand against every capsule of the other: how far the skins overlap (metres, negative:
    the gap), and where on the axes, from start 0 to end 1, they are nearest."""

    overlap: Float[np.ndarray, "*n 23 23"]
    on_first: Float[np.ndarray, "*n 23 23"]
    on_second: Float[np.ndarray, "*n 23 23"]


def hand_body(rig_right: HandRig, joints_m: Float[np.ndarray, "*n 21 3"], *, side: Side) -> HandBody:
    """Capsules of posed hands of one side (metres, the joints' frame), as long as their palms and as thick as
    these are broad."""
    wrist = joints_m[..., 0, :]
    along, across = joints_m[..., 9, :] - wrist, joints_m[..., 5, :] - joints_m[..., 17, :]
    length = np.linalg.norm(along, axis=-1)[..., None]
    breadth = np.linalg.norm(across, axis=-1)[..., None] * _length_by_breadth(rig_right)
    along = along / length
    across = across - (across * along).sum(-1)[..., None] * along
    across = across / np.linalg.norm(across, axis=-1)[..., None]
    palmar = cross(across, along) * (1 if side == "right" else -1)
    axes = np.stack([across * breadth, along * length, palmar * breadth], -2)
    palm = _PALM.astype(joints_m.dtype)
    palm_start, palm_end = (
        wrist[..., None, :] + palm[:, 0:3] @ axes,
        wrist[..., None, :] + palm[:, 3:6] @ axes,
    )
    palm_end[..., _THUMB_BALL, :] = joints_m[..., 2, :]
    start, end, radius = hand_capsules(rig_right, joints_m)
    start, end = start[..., _FINGER_BONES, :], end[..., _FINGER_BONES, :]
    radius = radius[..., _FINGER_BONES] * (breadth / length)
    last = end[..., _TIPS, :] - start[..., _TIPS, :]
    end[..., _TIPS, :] -= last * (_PULLED_IN * radius[..., _TIPS] / np.linalg.norm(last, axis=-1))[..., None]
    return HandBody(
        np.concatenate([start, palm_start], -2),
        np.concatenate([end, palm_end], -2),
        np.concatenate([radius, palm[:, 6] * breadth], -1),
        np.concatenate([radius, palm[:, 7] * breadth], -1),
    )


@lru_cache(maxsize=8)
def _length_by_breadth(rig_right: HandRig) -> np.float32:
    joints = rig_right.joints_rest_m
    return np.float32(np.linalg.norm(joints[9] - joints[0]) / np.linalg.norm(joints[5] - joints[17]))


def nearest(first: HandBody, second: HandBody) -> Nearest:
    """Shortest distances between the capsules of two bodies (Ericson, Real-Time Collision Detection, 5.1.9).

    All products are matrix products, so that no array is larger than the answer.
    """
    middle = first.start.mean(-2, keepdims=True)
    a0, b0 = first.start - middle, second.start - middle
    along_a, along_b = first.end - first.start, second.end - second.start
    aa, bb = _row(_dot(along_a, along_a) + 1e-12), _column(_dot(along_b, along_b) + 1e-12)
    ab = along_a @ along_b.swapaxes(-1, -2)
    ar = _row(_dot(along_a, a0)) - along_a @ b0.swapaxes(-1, -2)
    br = a0 @ along_b.swapaxes(-1, -2) - _column(_dot(along_b, b0))
    squared = _row(_dot(a0, a0)) + _column(_dot(b0, b0)) - 2 * (a0 @ b0.swapaxes(-1, -2))
    s = np.clip((ab * br - ar * bb) / np.maximum(aa * bb - ab * ab, 1e-6 * aa * bb), 0, 1)
    t = np.clip((ab * s + br) / bb, 0, 1)
    s = np.clip((ab * t - ar) / aa, 0, 1)
    squared += s * (s * aa + 2 * ar) + t * (t * bb - 2 * br) - 2 * s * t * ab
    reach = _row(first.start_radius) + s * _row(first.end_radius - first.start_radius)
    reach += _column(second.start_radius) + t * _column(second.end_radius - second.start_radius)
    return Nearest(reach - np.sqrt(np.maximum(squared, 0)), s, t)


def on_axis(
    body: HandBody, capsule: Int[np.ndarray, "n k"], share: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, "n k 3"]:
    """Points on the axes of some capsules of each hand, at shares of their lengths."""
    rows = np.arange(len(capsule))[:, None]
    start = body.start[rows, capsule]
    return start + share[..., None] * (body.end[rows, capsule] - start)


def _row(values: np.ndarray) -> np.ndarray:
    return values[..., :, None]


def _column(values: np.ndarray) -> np.ndarray:
    return values[..., None, :]


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)
