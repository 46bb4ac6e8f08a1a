"""Does the hand run through itself? Capsules round the bones, fast enough to sift a pool of poses."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues

# Capsules run between joints of the common order: 15 finger bones, then the four metacarpals of the palm.
_SEGMENTS = np.array(
    [(4 * finger + part, 4 * finger + part + 1) for finger in range(5) for part in (1, 2, 3)]
    + [(0, 5), (0, 9), (0, 13), (0, 17)]
)
_SEGMENT_PART = np.array([13, 14, 15, 1, 2, 3, 4, 5, 6, 10, 11, 12, 7, 8, 9, 0, 0, 0, 0])
_SEGMENT_FINGER = np.array([finger for finger in range(5) for _ in range(3)] + [1, 2, 3, 4])
_SEGMENT_LEVEL = np.array([1, 2, 3] * 5 + [0] * 4)
_FIRST_METACARPAL = 15


@dataclass(frozen=True)
class _Capsules:
    radii_m: Float[np.ndarray, "19"]
    pairs: Int[np.ndarray, "p 2"]
    reach_m: Float[np.ndarray, "p"]
    """Distance between two bones from which on their skins meet; no more than they have in the rest pose."""
    of_finger: tuple[Int[np.ndarray, "m"], ...]
    """Pairs in which each finger, thumb first, is the one to give way."""
    palm_length_m: float


def penetration(
    rig: HandRig, pose: Float[np.ndarray, "n 16 3"], shape: Float[np.ndarray, "n 10"] | None = None
) -> Float[np.ndarray, "n"]:
    """Deepest overlap in metres (0 = none) between two fingers, or a finger and the palm, of every pose.

    Bones are capsules as thick as the rig's skin round them, scaled with the palm. Neighbours along a finger
    and the thumb's root, whose skin is one with the palm's, do not count. Soft flesh gives way: contact reads
    as 1-3 mm.
    """
    joints, _ = rig.posed_joints(rodrigues(np.asarray(pose, np.float32) + rig.pose_mean), shape)
    return joints_penetration(rig, joints)


def joints_penetration(rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"]) -> Float[np.ndarray, "n"]:
    """`penetration` of joints already posed (metres, common order)."""
    return finger_penetration(rig, joints_m).max(-1)


def finger_penetration(rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"]) -> Float[np.ndarray, "n 5"]:
    """Deepest overlap in metres of each finger with another or the palm; the thumb first.

    What the thumb overlaps counts for the thumb alone: it is the one that lies on top.
    """
    capsules = _capsules(rig)
    depth = _pair_depth(capsules, joints_m)
    return np.stack([depth[..., chosen].max(-1) for chosen in capsules.of_finger], -1)


def finger_overlap(rig: HandRig, joints_m: Float[np.ndarray, "n 21 3"]) -> Float[np.ndarray, "n 5"]:
    """`finger_penetration` with every overlap counted for each finger that has part in it; the thumb first."""
    capsules = _capsules(rig)
    depth = _pair_depth(capsules, joints_m)
    finger, level = _SEGMENT_FINGER[capsules.pairs], _SEGMENT_LEVEL[capsules.pairs]
    has_part = [((finger == f) & ((level > 0) | (f == 0))).any(1) for f in range(5)]
    return np.stack([depth[..., chosen].max(-1) for chosen in has_part], -1)


def segment_radii(rig: HandRig) -> Float[np.ndarray, "16"]:
    """Thickness in metres of the skin round every MANO joint's bone (half a finger's width; 0: the
    palm's)."""
    radii = np.zeros(16)
    radii[_SEGMENT_PART] = _capsules(rig).radii_m
    return radii


def hand_capsules(
    rig: HandRig, joints_m: Float[np.ndarray, "*n 21 3"]
) -> tuple[Float[np.ndarray, "*n 19 3"], Float[np.ndarray, "*n 19 3"], Float[np.ndarray, "*n 19"]]:
    """Starts, ends and radii (metres, scaled with the palm) of the capsules round the bones of posed joints.

    Fifteen finger bones, thumb first, each from its base out, then the four metacarpals of the palm.
    """
    capsules = _capsules(rig)
    scale = np.linalg.norm(joints_m[..., 9, :] - joints_m[..., 0, :], axis=-1) / capsules.palm_length_m
    radii = capsules.radii_m.astype(joints_m.dtype) * scale[..., None]
    return joints_m[..., _SEGMENTS[:, 0], :], joints_m[..., _SEGMENTS[:, 1], :], radii


def _pair_depth(capsules: "_Capsules", joints_m: Float[np.ndarray, "n 21 3"]) -> Float[np.ndarray, "n p"]:
    """Overlap in metres of every pair of bones that counts."""
    scale = np.linalg.norm(joints_m[..., 9, :] - joints_m[..., 0, :], axis=-1) / capsules.palm_length_m
    start, end = joints_m[..., _SEGMENTS[:, 0], :], joints_m[..., _SEGMENTS[:, 1], :]
    first, second = capsules.pairs[:, 0], capsules.pairs[:, 1]
    distance = segment_distance(
        start[..., first, :], end[..., first, :], start[..., second, :], end[..., second, :]
    )
    return np.maximum(capsules.reach_m * scale[..., None] - distance, 0)


def segment_distance(
    a0: Float[np.ndarray, "*n 3"],
    a1: Float[np.ndarray, "*n 3"],
    b0: Float[np.ndarray, "*n 3"],
    b1: Float[np.ndarray, "*n 3"],
) -> Float[np.ndarray, "*n"]:
    """Shortest distance between segments a0-a1 and b0-b1 (Ericson, Real-Time Collision Detection, 5.1.9)."""
    along_a, along_b, between = a1 - a0, b1 - b0, a0 - b0
    aa, bb, ab = _dot(along_a, along_a) + 1e-12, _dot(along_b, along_b) + 1e-12, _dot(along_a, along_b)
    ar, br = _dot(along_a, between), _dot(along_b, between)
    determinant = aa * bb - ab * ab
    s = np.clip((ab * br - ar * bb) / np.maximum(determinant, 1e-6 * aa * bb), 0, 1)
    t = np.clip((ab * s + br) / bb, 0, 1)
    s = np.clip((ab * t - ar) / aa, 0, 1)
    gap = between + s[..., None] * along_a - t[..., None] * along_b
    return np.sqrt(_dot(gap, gap))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)


@lru_cache(maxsize=16)
def _capsules(rig: HandRig) -> _Capsules:
    joints = rig.joints_rest_m.astype(np.float64)
    start, end = joints[_SEGMENTS[:, 0]], joints[_SEGMENTS[:, 1]]
    bone = end - start
    offset = rig.vertices[:, None].astype(np.float64) - start
    along = np.clip((offset * bone).sum(-1) / np.maximum((bone**2).sum(-1), 1e-12), 0, 1)
    offset = offset - along[..., None] * bone
    radii = np.zeros(len(_SEGMENTS))
    part, distance = rig.skin_weights.argmax(1), np.linalg.norm(offset, axis=-1)
    palmar = np.cross(joints[5] - joints[0], joints[17] - joints[0])
    steepness = np.abs(offset @ palmar) / np.maximum(distance * np.linalg.norm(palmar), 1e-12)
    for segment in range(len(_SEGMENTS)):
        own = part == _SEGMENT_PART[segment]
        if segment >= _FIRST_METACARPAL:
            # The palm is a slab: what counts is its skin above and below the bone, not at its rims.
            own &= (distance.argmin(1) == segment) & (steepness[:, segment] > 0.8)
        # The middle of a bone, clear of its joints' folds and webs.
        own &= (along[:, segment] > 0.25) & (along[:, segment] < 0.9)
        radii[segment] = np.median(distance[own, segment]) if own.any() else 0
    pairs = np.array([pair for pair in combinations(range(len(_SEGMENTS)), 2) if _counts(*pair)])
    rest = segment_distance(start[pairs[:, 0]], end[pairs[:, 0]], start[pairs[:, 1]], end[pairs[:, 1]])
    reach = np.minimum(radii[pairs].sum(1), rest)
    length = float(np.linalg.norm(joints[9] - joints[0]))
    movable = (_SEGMENT_LEVEL[pairs] > 0) & (_SEGMENT_FINGER[pairs] > 0)
    with_thumb = (_SEGMENT_FINGER[pairs] == 0).any(1)
    of_finger = (
        np.flatnonzero(with_thumb),
        *(
            np.flatnonzero(((_SEGMENT_FINGER[pairs] == finger) & movable).any(1) & ~with_thumb)
            for finger in range(1, 5)
        ),
    )
    return _Capsules(radii, pairs, reach.astype(np.float32), of_finger, length)


def _counts(first: int, second: int) -> bool:
    (finger_a, finger_b), (level_a, level_b) = (
        _SEGMENT_FINGER[[first, second]],
        _SEGMENT_LEVEL[[first, second]],
    )
    if finger_a == finger_b:
        return abs(int(level_a) - int(level_b)) > 1
    if level_a == level_b == 0:
        return False
    thumb_level = level_a if finger_a == 0 else level_b if finger_b == 0 else 3
    return bool(thumb_level > 1 or min(level_a, level_b) > 1)
