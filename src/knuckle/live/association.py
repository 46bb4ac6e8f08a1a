"""Which of the hands found in a frame are which of those known, and which findings are of one hand."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from knuckle.inference.detection.merging import SAME_HAND

FAR = 1.5
"""A hand that moved by more, over its size, is another one; `slack` adds to it."""
OTHER_SIZE = 1.8
"""As is one that is so many times larger or smaller."""
SURE_ODDS = 3.0
"""Of a side: 95 %. Hands that are surely of two sides are never one."""


def match_hands(
    known_px: Float[np.ndarray, "K 21 2"],
    found_px: Float[np.ndarray, "N 21 2"],
    *,
    known_odds: Sequence[float],
    found_odds: Sequence[float],
    slack: Sequence[float],
    same_side: bool = False,
) -> list[tuple[int, int]]:
    """Pairs (number of a known hand, number of a found one), the best first; each hand is in one pair at most.

    Args:
        known_px: joints where the known hands are expected.
        found_px: joints found.
        known_odds: logit of each known hand being a right one.
        found_odds: the same of the hands found.
        slack: how much farther than `FAR` each known hand may have gone, over its size: one not seen for a while.
        same_side: whether both must surely be of one side.
    """
    costs: dict[tuple[int, int], float] = {}
    for k, known in enumerate(known_px):
        for f, found in enumerate(found_px):
            size, other = hand_size_px(known), hand_size_px(found)
            away = float(np.hypot(*(known.mean(0) - found.mean(0)))) / max(size, other)
            if away > FAR + slack[k] or not 1 / OTHER_SIZE < size / other < OTHER_SIZE:
                continue
            sure = min(abs(known_odds[k]), abs(found_odds[f])) > SURE_ODDS
            alike = known_odds[k] * found_odds[f] > 0
            if (sure and alike) if same_side else (alike or not sure):
                costs[k, f] = away
    pairs: list[tuple[int, int]] = []
    for k, f in sorted(costs, key=lambda pair: (costs[pair], pair)):
        if all(k != other_k and f != other_f for other_k, other_f in pairs):
            pairs.append((k, f))
    return pairs


def on_each_other(joints_px: Float[np.ndarray, "N 21 2"]) -> Bool[np.ndarray, "N N"]:
    """Which hands' joints lie on which other hands': they are one hand seen twice, or one hides the other."""
    count = len(joints_px)
    result = np.zeros((count, count), dtype=bool)
    for a in range(count):
        for b in range(a):
            size = max(hand_size_px(joints_px[a]), hand_size_px(joints_px[b]))
            away = np.linalg.norm(joints_px[a] - joints_px[b], axis=-1).mean()
            result[a, b] = result[b, a] = away < SAME_HAND * size
    return result


def hand_size_px(joints_px: Float[np.ndarray, "21 2"]) -> float:
    """The longer side of the extent of a hand's joints."""
    return max(float(np.ptp(joints_px, axis=0).max()), 1.0)


def boxes_of(joints_px: Float[np.ndarray, "N 21 2"]) -> Float[np.ndarray, "N 4"]:
    """x, y, w, h of the extents of hands' joints."""
    low = joints_px.min(1, initial=np.inf)
    return np.concatenate([low, joints_px.max(1, initial=-np.inf) - low], axis=1)
