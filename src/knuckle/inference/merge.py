"""What a two-hand and a one-hand system say of the same pairs of hands, merged: their mistakes differ, and half cancel.

Where a joint is in the picture, and how far behind its wrist, is the mean of both. The two-hand system's share grows
with how much of a hand the other one's box covers: alone, a hand fills a crop of its own better. How far the wrists are
is the two-hand system's answer alone: it sees one hand beside the other. A one-hand system that sees a hand elsewhere
(it took the other hand, or some of its fingers) is not listened to.

The figures here are MPJPE of what "auto" makes of 800 held-out rendered pairs with dfl-lite (27.3 mm alone) and
dahyf-lite (29.3 mm alone), as `benchmarks/merge_shares.py` prints them. The wrists' MRRPE: 39.5 mm; at the mean of both
systems' depths 58.5 mm, with their mean distance and the two-hand system's difference 39.4 mm.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.camera import Camera
from knuckle.skeleton import WRIST

SHARE = 0.7
"""Of the two-hand system, where one hand's box covers much of the other. At 0.3, 0.5, 0.6, 0.7, 0.8 and 1: 25.9, 25.2,
25.0, 24.9, 24.9 and 25.3 mm; the same share wherever boxes meet has 25.2 mm at best, at 0.6."""
COVERED = 0.5
"""What is much: the share of the smaller box that lies in the other. At 0, 0.3, 0.5, 0.7 and 1: 25.3, 25.0, 24.9, 25.0
and 25.3 mm."""
APART = 0.25
"""Answers farther apart are not merged: mean distance of their joints in the picture over the longer side of the hand's
box. At 0.1, 0.15, 0.2, 0.25, 0.3, 0.5 and without: 25.3, 25.0, 24.9, 24.9, 25.0, 25.1 and 25.1 mm."""
AWAY = 0.35
"""How far the middle of a two-hand system's joints may lie from the middle of the box, over its longer side, before
the one-hand system's answer counts instead, where the two disagree. At 0.15, 0.2, 0.25, 0.35, 0.5 and without: 25.0,
24.8, 24.8, 24.9, 25.0 and 25.2 mm."""
REACH = 1.1
"""The wrist of a hand that the two-hand system rather does not see is as far as the one-hand system says, but at most
so many times nearer or farther than the two-hand system says: hidden hands are at times put a metre away. MRRPE at 1,
1.1, 1.2, 1.35, 1.5 and 2: 39.8, 39.5, 39.9, 40.4, 40.4 and 41.1 mm."""


class PairJoints(NamedTuple):
    """Joints of P pairs, the right hand first: px of the picture; m of the camera frame."""

    px: Float[np.ndarray, "P 2 21 2"]
    m: Float[np.ndarray, "P 2 21 3"]


class Merged(NamedTuple):
    """Merged joints, and the two-hand system's share in each hand: 1 or 0 where one system answers alone."""

    joints: PairJoints
    share: Float[np.ndarray, "P 2"]


def merge_pairs(
    two: PairJoints,
    one: PairJoints,
    boxes_px: Float[np.ndarray, "P 2 4"],
    camera: Camera,
    believed: Bool[np.ndarray, "P 2"],
    *,
    share: float = SHARE,
    covered: float = COVERED,
    apart: float = APART,
    away: float = AWAY,
    reach: float = REACH,
) -> Merged:
    """The joints of a two-hand and of a one-hand system as one answer; the wrists at the depths of the former.

    boxes_px: x, y, w, h of each hand. believed: whether the two-hand system sees the hand; one that it does not see is
    the one-hand system's, its wrist's depth too, within reach: a factor on the two-hand system's. share: the two-hand
    system's, 0 to 1, where the boxes overlap by `covered` or more; less below. apart: mean distance in the picture over
    the longer side of the box from which on one system alone answers. away: distance of the two-hand system's hand from
    the box, over the same side, from which on that is the one-hand system. Hands whose boxes do not meet are the
    one-hand system's but for the depth of their wrists.
    """
    distance, off = distance_over_box(two.px, one.px, boxes_px), off_box(two.px, boxes_px)
    cover = overlap(boxes_px)[:, None]
    merged = share * np.minimum(cover / covered, 1)
    shares = np.where(distance < apart, merged, np.where(off < away, 1.0, 0.0))
    shares *= (cover > 0) & believed
    weight = shares[..., None]
    px = weight[..., None] * two.px + (1 - weight[..., None]) * one.px
    theirs = two.m[..., WRIST, 2]
    wrist = np.where(believed, theirs, np.clip(one.m[..., WRIST, 2], theirs / reach, theirs * reach))
    depth = wrist[..., None] + weight * _behind_wrist(two.m) + (1 - weight) * _behind_wrist(one.m)
    return Merged(PairJoints(px, camera.backproject(px, depth)), shares)


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


def _behind_wrist(joints_m: Float[np.ndarray, "P 2 21 3"]) -> Float[np.ndarray, "P 2 21"]:
    return joints_m[..., 2] - joints_m[..., WRIST, 2, None]
