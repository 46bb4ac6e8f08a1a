"""Which of the hands found in a frame are which of those known, and which findings are of one hand."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from knuckle.inference.detection.boxes import overlaps
from knuckle.inference.detection.merging import SAME_HAND

FAR = 1.5
"""A hand that moved by more, over its size, is another one; `slack` adds to it."""
OTHER_SIZE, MOST_OTHER_SIZE = 1.8, 2.5
"""As is one that is so many times larger or smaller; `slack` adds to it up to the second one: fists open, and the last
frame of a hand that was lost is often a mistake."""
OTHER_SIDE_COST = 1.0
"""What a side that is surely another would count against a match, in hand sizes; ..."""
SURE_ODDS = 3.0
"""... hands that are of two sides with 95 % each are never one."""
SAME_BOX = 0.5
"""Hands whose boxes overlap more (intersection over union) are one: a fist that is read as a left and as a right hand
has two sets of joints."""


def match_hands(
    known_px: Float[np.ndarray, "K 21 2"],
    found_px: Float[np.ndarray, "N 21 2"],
    *,
    known_odds: Sequence[float],
    found_odds: Sequence[float],
    slack: Sequence[float],
) -> list[tuple[int, int]]:
    """Pairs (number of a known hand, number of a found one), the best first; each hand is in one pair at most.

    Args:
        known_px: joints where the known hands are expected.
        found_px: joints found.
        known_odds: logit of each known hand being a right one.
        found_odds: the same of the hands found.
        slack: how much farther than `FAR` each known hand may have gone, over its size, and how much more than
            `OTHER_SIZE` it may have grown: one not seen for a while.
    """
    costs: dict[tuple[int, int], float] = {}
    for k, known in enumerate(known_px):
        for f, found in enumerate(found_px):
            size, other = hand_size_px(known), hand_size_px(found)
            away = float(np.hypot(*(known.mean(0) - found.mean(0)))) / max(size, other)
            most = min(OTHER_SIZE + slack[k], MOST_OTHER_SIZE)
            if away > FAR + slack[k] or not 1 / most < size / other < most:
                continue
            apart = known_odds[k] * found_odds[f] < 0
            if apart and min(abs(known_odds[k]), abs(found_odds[f])) > SURE_ODDS:
                continue
            right = [1 / (1 + np.exp(-odds)) for odds in (known_odds[k], found_odds[f])]
            of_one_side = right[0] * right[1] + (1 - right[0]) * (1 - right[1])
            costs[k, f] = away + OTHER_SIDE_COST * float(1 - of_one_side)
    pairs: list[tuple[int, int]] = []
    for k, f in sorted(costs, key=lambda pair: (costs[pair], pair)):
        if all(k != other_k and f != other_f for other_k, other_f in pairs):
            pairs.append((k, f))
    return pairs


def in_one_place(joints_px: Float[np.ndarray, "N 21 2"]) -> Bool[np.ndarray, "N N"]:
    """Which hands' joints, or boxes, lie on which others': they are one hand seen twice, or one hides the other."""
    count, boxes = len(joints_px), boxes_of(joints_px)
    result = np.array([overlaps(box, boxes) > SAME_BOX for box in boxes]).reshape(count, count)
    np.fill_diagonal(result, False)
    for a in range(count):
        for b in range(a):
            size = max(hand_size_px(joints_px[a]), hand_size_px(joints_px[b]))
            away = np.linalg.norm(joints_px[a] - joints_px[b], axis=-1).mean()
            result[a, b] = result[b, a] = result[a, b] or away < SAME_HAND * size
    return result


def hand_size_px(joints_px: Float[np.ndarray, "21 2"]) -> float:
    """The longer side of the extent of a hand's joints."""
    return max(float(np.ptp(joints_px, axis=0).max()), 1.0)


def boxes_of(joints_px: Float[np.ndarray, "N 21 2"]) -> Float[np.ndarray, "N 4"]:
    """x, y, w, h of the extents of hands' joints."""
    low = joints_px.min(1, initial=np.inf)
    return np.concatenate([low, joints_px.max(1, initial=-np.inf) - low], axis=1)
