"""Two answers to the same pairs of hands as one: two looks of a two-hand system, or its answer and a one-hand system's.

Two looks, one of them mirrored: a network answers a picture and its mirror image a little differently. The mean of both
is nearer to the truth than either; where they contradict each other, one has mistaken right for left, and the boxes
tell which. No part of DFL's paper (switch: `PairPredictor(looks=1)`).

Two systems: their mistakes differ, and half cancel. Where a joint is in the picture, and how far behind its wrist, is a
mean of both, weighed hand by hand and joint by joint: by how much of a hand the other one's box covers (alone, a hand
fills a crop of its own better), and by whose joints fill the hand's box and lie in its middle (a system that took the
other hand, or some of its fingers, draws its joints there). The weights were learnt on held-out rendered pairs
(`benchmarks/training/evidence_weights.py`). How far the wrists are is the two-hand system's answer alone: it sees one
hand beside the other. Constants here were chosen by `benchmarks/accuracy/merge_shares.py` (docs/accuracy/ablations.md).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.geometry.camera import Camera
from knuckle.inference.pairing import PairEstimate
from knuckle.inference.trust import Odds, box_overlap
from knuckle.skeleton import WRIST

CONTRADICT = 0.25
"""Mean distance of two looks' joints in the picture, over the longer side of the hand's box, from which on a pair is
the look whose hands lie nearer to their boxes."""

REACH = 1.1
"""The wrist of a hand that the two-hand system rather does not see is as far as the one-hand system says, but at most
so many times nearer or farther than the two-hand system says: hidden hands are at times put a metre away."""

SIGNALS = ("cover", "two: overlap", "one: overlap", "two: off", "one: off", "apart")
"""Of a hand, in the order of the numbers of `MergeOdds`."""


class MergeOdds(NamedTuple):
    """By which a two-hand system's joints count against a one-hand system's."""

    picture: Odds
    depth: Odds


class Merged(NamedTuple):
    """Two systems' answers to pairs as one."""

    pairs: PairEstimate
    """Joints and confidences; the two-hand system's confidence where it has a share in a hand."""
    share: Float[np.ndarray, "P 2"]
    """The two-hand system's mean share in the picture in each hand; 0 where it is not used."""
    changed: Bool[np.ndarray, "P 2"]
    """Which hands are not simply the one-hand system's: believed, or brought within reach."""


def join_looks(
    first: PairEstimate,
    second: PairEstimate,
    boxes_px: Float[np.ndarray, "P 2 4"],
    camera: Camera,
    *,
    contradict: float = CONTRADICT,
) -> PairEstimate:
    """The mean of two looks: places in the picture, depths and confidences; of pairs where they contradict each other,
    one look.

    boxes_px: x, y, w, h of each hand; NaN for a hand that is not asked for, which is ignored. contradict: see
    `CONTRADICT`.
    """
    known = np.isfinite(boxes_px)
    asked, boxes = known.all(axis=-1), np.where(known, boxes_px, 1.0)

    def of_pair(values: Float[np.ndarray, "P 2"]) -> Float[np.ndarray, "P"]:
        return np.where(asked, values, 0.0).sum(-1)

    apart = np.where(asked, distance_over_box(first.joints_px, second.joints_px, boxes), 0.0).max(-1)
    nearer = of_pair(off_box(first.joints_px, boxes)) <= of_pair(off_box(second.joints_px, boxes))
    share = np.where(apart < contradict, 0.5, nearer)[:, None]
    px = _mean(share[..., None, None], first.joints_px, second.joints_px)
    depth = _mean(share[..., None], first.joints_m[..., 2], second.joints_m[..., 2])
    confidence = _mean(share, first.confidence, second.confidence)
    branches_px = np.linalg.norm(first.joints_px - second.joints_px, axis=-1)
    return PairEstimate(px, camera.backproject(px, depth), confidence, branches_px=branches_px)


def merge_pairs(
    two: PairEstimate,
    one: PairEstimate,
    boxes_px: Float[np.ndarray, "P 2 4"],
    camera: Camera,
    believed: Bool[np.ndarray, "P 2"],
    *,
    odds: MergeOdds,
    reach: float = REACH,
) -> Merged:
    """The joints of a two-hand and of a one-hand system as one answer; the wrists at the depths of the former.

    Hands whose boxes do not meet are the one-hand system's but for the depth of their wrists.

    Args:
        two: the two-hand system's.
        one: the one-hand system's, of the same pairs.
        boxes_px: x, y, w, h of each hand.
        camera: of the picture.
        believed: whether the two-hand system sees the hand; one that it does not see is the one-hand system's, its
            wrist's depth too, within reach.
        odds: of the two-hand system's joints.
        reach: see `REACH`.
    """
    told = merge_signals(two, one, boxes_px)
    away = distance_over_box(two.joints_px, one.joints_px, boxes_px).reshape(-1)
    counts = ((overlap(boxes_px)[:, None] > 0) & believed)[..., None]
    picture, depth = (of.share(told, away).reshape(*believed.shape, 21) * counts for of in odds)
    px = _mean(picture[..., None], two.joints_px, one.joints_px)
    theirs, own = (pairs.joints_m[..., WRIST, 2] for pairs in (two, one))
    wrist = np.where(believed, theirs, np.clip(own, theirs / reach, theirs * reach))
    within_reach = (own >= theirs / reach) & (own <= theirs * reach)
    relief = _mean(depth, behind_wrist(two.joints_m), behind_wrist(one.joints_m))
    # Their wrist is where depths are counted from, whatever the shares.
    joints_m = camera.backproject(px, wrist[..., None] + relief)
    share = picture.mean(-1)
    confidence = np.where(share > 0, two.confidence, one.confidence)
    branches_px = np.linalg.norm(two.joints_px - one.joints_px, axis=-1)
    merged = PairEstimate(px, joints_m, confidence, branches_px=branches_px)
    return Merged(merged, share, believed | ~within_reach)


def merge_signals(
    two: PairEstimate, one: PairEstimate, boxes_px: Float[np.ndarray, "P 2 4"]
) -> Float[np.ndarray, "N 6"]:
    """What tells how good either answer is, hand by hand (N = 2 P), in the order of `SIGNALS`."""
    boxes = boxes_px.reshape(-1, 4)
    return np.stack(
        [
            np.repeat(overlap(boxes_px), 2),
            *(box_overlap(pairs.joints_px.reshape(-1, 21, 2), boxes) for pairs in (two, one)),
            *(off_box(pairs.joints_px, boxes_px).reshape(-1) for pairs in (two, one)),
            np.log(distance_over_box(two.joints_px, one.joints_px, boxes_px).reshape(-1) + 1e-2),
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


def _mean(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return share * first + (1 - share) * second
