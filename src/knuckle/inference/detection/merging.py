"""One answer out of several windows: places of one hand become one before the landmark network looks, and findings with
the same joints after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.inference.detection.looks import Look, turn_between
from knuckle.inference.detection.proposals import Proposals, Window

SAME_PLACE_IOU, SAME_PLACE_TURN_RAD = 0.45, np.radians(60)
"""Two places whose boxes overlap more, turned by less against each other, are of one hand."""
SAME_HAND = 0.25
"""Two findings whose joints lie this close, relative to the larger hand's size, are one hand."""
INSIDE, MUCH_SMALLER = 0.8, 0.6
"""Of a hand that lies by this share inside another one whose size it has less than this share of, the less probable one
is no hand, where the smaller one's middle lies ..."""
ON_HAND = 0.2
"""... so close to a joint of the larger, relative to the larger one's size."""
AT_EDGE = 0.02
"""A box ends at the edge of a window where it comes so close to it or goes beyond, relative to the window."""


def cut_by_window(
    boxes_px: Float[np.ndarray, "N 4"], window: Window, image_size: tuple[int, int]
) -> Bool[np.ndarray, "N"]:
    """Which boxes touch an edge of the window that lies within the picture (height, width): their hand may go on beyond
    it."""
    height, width = image_size
    near = AT_EDGE * max(window.width, window.height)
    low, high = boxes_px[:, :2] + 0.5, boxes_px[:, :2] + boxes_px[:, 2:] + 0.5
    cut = np.zeros(len(boxes_px), dtype=bool)
    for axis, (first, size, most) in enumerate(
        ((window.left, window.width, width), (window.top, window.height, height))
    ):
        if first > 0:
            cut |= low[:, axis] < first + near
        if first + size < most:
            cut |= high[:, axis] > first + size - near
    return cut


def distinct_places(
    proposals: Proposals, cut: Bool[np.ndarray, "N"], *, first: int = 0
) -> Int[np.ndarray, "M"]:
    """The best place of each hand, best first.

    cut: those that end at an edge within the picture; they go last, as the window beside shows the hand whole. first:
    so many are known already, and go before all others.
    """
    known = np.arange(len(proposals)) >= first
    kept: list[int] = []
    for number in np.lexsort((-proposals.scores, cut, known)).tolist():
        if number < first or not _is_at(proposals, number, kept, cut=bool(cut[number])):
            kept.append(number)
    return np.array(kept, dtype=int)


def _is_at(proposals: Proposals, number: int, others: list[int], *, cut: bool) -> bool:
    """Whether a place is where one of the others is."""
    box, boxes = proposals.boxes_px[number], proposals.boxes_px[others]
    square = proposals.squares[number]
    turns = np.array([turn_between(square, proposals.squares[other]) for other in others])
    same = (overlaps(box, boxes) > SAME_PLACE_IOU) & (turns < SAME_PLACE_TURN_RAD)
    # What a window shows of a hand lies inside the hand.
    return bool(same.any() or (cut and (shares_inside(box, boxes) > INSIDE).any()))


@dataclass(frozen=True, eq=False)
class FoundHand:
    """A hand, and what is known of it."""

    look: Look
    score: float
    """That there is a hand, 0 to 1."""
    place_score: float
    """That of the place where it was looked for."""
    place_right: float
    """That it is a right one, by the network that proposed the place."""


def distinct_hands(hands: Sequence[FoundHand]) -> list[FoundHand]:
    """The best finding of each hand, best first."""
    kept: list[FoundHand] = []
    for hand in sorted(hands, key=lambda hand: -hand.score):
        if not any(same_hand(hand.look, other.look) for other in kept):
            kept.append(hand)
    return kept


def same_hand(one: Look, other: Look) -> bool:
    """Whether two looks are of one hand: their joints lie on each other's, or one is a part of the other."""
    size, other_size = (float(look.box_px[2:].max()) for look in (one, other))
    distance = np.linalg.norm(one.joints_px - other.joints_px, axis=1).mean()
    if distance < SAME_HAND * max(size, other_size):
        return True
    small, large = (one, other) if size < other_size else (other, one)
    if min(size, other_size) > MUCH_SMALLER * max(size, other_size):
        return False
    inside = shares_inside(small.box_px, large.box_px[None])[0]
    nearest = np.linalg.norm(large.joints_px - small.joints_px.mean(0), axis=1).min()
    return bool(inside > INSIDE and nearest < ON_HAND * max(size, other_size))


def overlaps(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]:
    """Intersection over union of a box (x, y, w, h) with others; 0 where both are empty."""
    inner = _shared(box, others)
    return inner / np.maximum(box[2:].prod() + others[:, 2:].prod(1) - inner, 1e-12)


def shares_inside(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n"]:
    """Share of a box (x, y, w, h) that lies in each of the others."""
    return _shared(box, others) / max(float(box[2:].prod()), 1e-12)


def _shared(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    return np.clip(high - low, 0, None).prod(1)
