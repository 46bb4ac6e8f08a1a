"""Two hands by their joint angles, rotations and places, posed together as the solids that touch each other: tapered
capsules, close to the skin of palm and wrist too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.geometry.mirror import MIRROR_POINT, MIRROR_TURN
from knuckle.poses.penetration import hand_capsules
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.limits import basis
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


@dataclass(frozen=True)
class PairPose:
    """Pairs of hands as they are built; of every axis of 2 the right hand is the first.

    angles: anatomical, radians (they mean the same on both sides); the wrist's are not used. turn: pair_from_rig
    rotations. wrist: where the wrist joints are, metres in the pair's frame.
    """

    angles: Float[np.ndarray, "n 2 16 3"]
    shape: Float[np.ndarray, "n 2 10"]
    turn: Float[np.ndarray, "n 2 3 3"]
    wrist: Float[np.ndarray, "n 2 3"]

    def __len__(self) -> int:
        return len(self.angles)

    def rows(self, chosen: np.ndarray) -> "PairPose":
        """The pairs of an index or mask."""
        return PairPose(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def replaced(self, chosen: np.ndarray, other: "PairPose") -> "PairPose":
        """These, but the pairs of an index or mask as in the other."""
        arrays = [getattr(self, field.name).copy() for field in fields(self)]
        for array, field in zip(arrays, fields(self), strict=True):
            array[chosen] = getattr(other, field.name)
        return PairPose(*arrays)

    def mirrored(self) -> "PairPose":
        """The pairs in a mirror (x -> -x): what the right hand did the left one does."""
        return PairPose(
            self.angles[:, ::-1],
            self.shape[:, ::-1],
            (self.turn * MIRROR_TURN)[:, ::-1],
            (self.wrist * MIRROR_POINT)[:, ::-1],
        )

    @staticmethod
    def joined(parts: Sequence["PairPose"]) -> "PairPose":
        """One after the other."""
        return PairPose(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(PairPose))
        )


class PosedPairs(NamedTuple):
    """Joints (metres, common order) and rotations of MANO's 16 links (pair_from_rest), in the pair's frame."""

    joints_m: Float[np.ndarray, "n 2 21 3"]
    links: Float[np.ndarray, "n 2 16 3 3"]


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


def find_nearest(first: HandBody, second: HandBody) -> Nearest:
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


@lru_cache(maxsize=8)
def both_rigs(rig_right: HandRig) -> tuple[HandRig, HandRig]:
    """The right rig and its mirror image: one object a rig, as what is cached by rig needs."""
    return rig_right, rig_right.mirrored()


def link_matrices(rig: HandRig, angles: Float[np.ndarray, "n 16 3"]) -> Float[np.ndarray, "n 16 3 3"]:
    """`limits.angles_to_matrices`, written out and in float32, the wrist unturned: five times as fast."""
    _, rest, handed = basis(rig)
    delta = ((angles - rest) * handed[:, None]).astype(np.float32)
    (ct, cs, cb), (st, ss, sb) = (np.moveaxis(part, -1, 0) for part in (np.cos(delta), np.sin(delta)))
    # R_bend R_splay R_twist in the joint's own axes (x twist, y splay, z bend), row by row.
    entries = [cb * cs, cb * ss * st - sb * ct, cb * ss * ct + sb * st]
    entries += [sb * cs, sb * ss * st + cb * ct, sb * ss * ct - cb * st]
    entries += [-ss, cs * st, cs * ct]
    own = np.stack(entries, -1).swapaxes(0, 1)
    matrices = (own @ _change_of_axes(rig)).swapaxes(0, 1).reshape(-1, 16, 3, 3)
    matrices[:, 0] = np.eye(3)
    return matrices


@lru_cache(maxsize=8)
def _change_of_axes(rig: HandRig) -> Float[np.ndarray, "16 9 9"]:
    """What takes the nine entries of a rotation in a joint's own axes to those in the rest frame's."""
    axes = basis(rig)[0]
    return np.einsum("jki,jlm->jklim", axes, axes).reshape(16, 9, 9).astype(np.float32)


def pose_hand(
    rig_right: HandRig, pose: PairPose, hand: int
) -> tuple[Float[np.ndarray, "n 21 3"], Float[np.ndarray, "n 16 3 3"]]:
    """Joints and link rotations of the right (0) or left (1) hands; float32."""
    rig = both_rigs(rig_right)[hand]
    joints, links = rig.posed_joints(
        link_matrices(rig, pose.angles[:, hand]), pose.shape[:, hand].astype(np.float32)
    )
    turn = pose.turn[:, hand].astype(np.float32)
    joints = (joints - joints[:, :1]) @ turn.swapaxes(1, 2) + pose.wrist[:, hand, None].astype(np.float32)
    return joints, turn[:, None] @ links


def pose_pairs(rig_right: HandRig, pose: PairPose) -> PosedPairs:
    """Both hands in the pair's frame."""
    hands = [pose_hand(rig_right, pose, hand) for hand in (0, 1)]
    return PosedPairs(*(np.stack(part, 1) for part in zip(*hands, strict=True)))


def pair_bodies(rig_right: HandRig, joints_m: Float[np.ndarray, "n 2 21 3"]) -> tuple[HandBody, HandBody]:
    """Capsules of the right and the left hands."""
    return (
        hand_body(rig_right, joints_m[:, 0], side="right"),
        hand_body(rig_right, joints_m[:, 1], side="left"),
    )
