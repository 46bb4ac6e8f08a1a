"""What a two-hand and a one-hand system say of the same pairs of hands, merged: their mistakes differ, and half cancel.

Where a joint is in the picture, and how far behind its wrist, is a mean of both, weighed hand by hand and joint by
joint: by how much of a hand the other one's box covers (alone, a hand fills a crop of its own better), and by whose
joints fill the hand's box and lie in its middle (a system that took the other hand, or some of its fingers, draws its
joints there). How much each signal counts was learnt on held-out rendered pairs
(`benchmarks/training/evidence_weights.py`). How far the wrists are is the two-hand system's answer alone: it sees one
hand beside the other.

MRRPE below is that of what "auto" makes of 800 held-out rendered pairs with dfl-lite and dahyf-lite, as
`benchmarks/accuracy/merge_shares.py` prints it; with the wrists at the mean of both systems' depths it is 58.5 mm,
with their mean distance and the two-hand system's difference 39.4 mm.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.geometry.camera import Camera
from knuckle.inference.trust import Odds, box_overlap
from knuckle.skeleton import WRIST

REACH = 1.1
"""The wrist of a hand that the two-hand system rather does not see is as far as the one-hand system says, but at most
so many times nearer or farther than the two-hand system says: hidden hands are at times put a metre away. MRRPE at 1,
1.1, 1.2, 1.35, 1.5 and 2: 39.8, 39.5, 39.9, 40.4, 40.4 and 41.1 mm."""

SIGNALS = ("cover", "two: overlap", "one: overlap", "two: off", "one: off", "apart")
"""Of a hand, in the order of the numbers of `MergeOdds`."""


class MergeOdds(NamedTuple):
    """By which a two-hand system's joints count against a one-hand system's."""

    picture: Odds
    depth: Odds


class PairJoints(NamedTuple):
    """Joints of P pairs, the right hand first: px of the picture; m of the camera frame."""

    px: Float[np.ndarray, "P 2 21 2"]
    m: Float[np.ndarray, "P 2 21 3"]


class Merged(NamedTuple):
    """Merged joints, and the two-hand system's mean share in the picture in each hand, 0 where it has no say."""

    joints: PairJoints
    share: Float[np.ndarray, "P 2"]


def merge_pairs(
    two: PairJoints,
    one: PairJoints,
    boxes_px: Float[np.ndarray, "P 2 4"],
    camera: Camera,
    believed: Bool[np.ndarray, "P 2"],
    *,
    odds: MergeOdds,
    reach: float = REACH,
) -> Merged:
    """The joints of a two-hand and of a one-hand system as one answer; the wrists at the depths of the former.

    boxes_px: x, y, w, h of each hand. believed: whether the two-hand system sees the hand; one that it does not see is
    the one-hand system's, its wrist's depth too, within reach: a factor on the two-hand system's. Hands whose boxes do
    not meet are the one-hand system's but for the depth of their wrists.
    """
    told = merge_signals(two, one, boxes_px)
    away = distance_over_box(two.px, one.px, boxes_px).reshape(-1)
    counts = ((overlap(boxes_px)[:, None] > 0) & believed)[..., None]
    picture, depth = (of.share(told, away).reshape(*believed.shape, 21) * counts for of in odds)
    px = picture[..., None] * two.px + (1 - picture[..., None]) * one.px
    theirs = two.m[..., WRIST, 2]
    wrist = np.where(believed, theirs, np.clip(one.m[..., WRIST, 2], theirs / reach, theirs * reach))
    relief = depth * behind_wrist(two.m) + (1 - depth) * behind_wrist(one.m)
    # Their wrist is where depths are counted from, whatever the shares.
    joints_depth = wrist[..., None] + relief
    return Merged(PairJoints(px, camera.backproject(px, joints_depth)), picture.mean(-1))


def merge_signals(
    two: PairJoints, one: PairJoints, boxes_px: Float[np.ndarray, "P 2 4"]
) -> Float[np.ndarray, "N 6"]:
    """What tells how good either answer is, hand by hand (N = 2 P), in the order of `SIGNALS`."""
    boxes = boxes_px.reshape(-1, 4)
    return np.stack(
        [
            np.repeat(overlap(boxes_px), 2),
            *(box_overlap(joints.px.reshape(-1, 21, 2), boxes) for joints in (two, one)),
            *(off_box(joints.px, boxes_px).reshape(-1) for joints in (two, one)),
            np.log(distance_over_box(two.px, one.px, boxes_px).reshape(-1) + 1e-2),
        ],
        axis=-1,
    )


def distance_over_box(
    first_px: Float[np.ndarray, "P 2 21 2"],
    second_px: Float[np.ndarray, "P 2 21 2"],
    boxes_px: Float[np.ndarray, "P 2 4"],
) -> Float[np.ndarray, "P 2"]:
    """Mean distance of two answers' joints in the picture, over the longer side of the hand's box (x, y, w, h)."""
    return np.linalg.norm(first_px - second_px, axis=-1).mean(-1) / boxes_px[..., 2:].max(-1)


def off_box(
    joints_px: Float[np.ndarray, "P 2 21 2"], boxes_px: Float[np.ndarray, "P 2 4"]
) -> Float[np.ndarray, "P 2"]:
    """Distance of the middle of the joints from the middle of the hand's box (x, y, w, h), over its longer side."""
    middle = (joints_px.min(-2) + joints_px.max(-2)) / 2
    box_middle = boxes_px[..., :2] + boxes_px[..., 2:] / 2
    return np.linalg.norm(middle - box_middle, axis=-1) / boxes_px[..., 2:].max(-1)


def overlap(boxes_px: Float[np.ndarray, "P 2 4"]) -> Float[np.ndarray, "P"]:
    """Share of the smaller of two boxes (x, y, w, h) that lies in the other."""
    low, high = boxes_px[..., :2], boxes_px[..., :2] + boxes_px[..., 2:]
    common = np.maximum(high.min(1) - low.max(1), 0).prod(-1)
    return common / boxes_px[..., 2:].prod(-1).min(1)


def behind_wrist(joints_m: Float[np.ndarray, "P 2 21 3"]) -> Float[np.ndarray, "P 2 21"]:
    """Depths of joints behind their wrist, metres."""
    return joints_m[..., 2] - joints_m[..., WRIST, 2, None]
