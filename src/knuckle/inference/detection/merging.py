"""One answer out of several windows: places of one hand become one before the landmark network looks, and findings with
the same joints after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.inference.detection.boxes import overlaps, shares_inside
from knuckle.inference.detection.evidence import LEAST_PRESENCE
from knuckle.inference.detection.looks import Look, same_square, turn_between
from knuckle.inference.detection.proposals import Proposals, Window

SAME_PLACE_IOU, SAME_PLACE_TURN_RAD = 0.45, np.radians(60)
"""Two places whose boxes overlap more, turned by less against each other, are of one hand."""
KNOWN_WITHIN = 2.0
"""A place whose square is that of a known hand, within so many times the tolerance of a second look, is that hand's."""
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


def places_of_known(known: Proposals, places: Proposals) -> Bool[np.ndarray, "N"]:
    """Which places are those of hands that are known with their joints: of each hand one at most, the one whose square
    lies nearest to its own. Another hand on it keeps its place.

    Boxes do not tell: a palm's is the extent of a usual hand, which that of a known one may be far from.
    """
    apart = {
        (one, number): float(np.hypot(*np.subtract(square.centre_px, hand.centre_px)) / hand.side_px)
        for one, hand in enumerate(known.squares)
        for number, square in enumerate(places.squares)
        if same_square(hand, square, within=KNOWN_WITHIN)
    }
    taken, theirs = set(), np.zeros(len(places), dtype=bool)
    for one, number in sorted(apart, key=lambda couple: (apart[couple], couple)):
        if one not in taken and not theirs[number]:
            taken.add(one)
            theirs[number] = True
    return theirs


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
    """A hand, and what both networks say of it."""

    look: Look
    place_px: Float[np.ndarray, "4"]
    """x, y, w, h of the place proposed."""
    place_right: float
    """That it is a right one, by the network that proposed the place."""
    signals: Float[np.ndarray, "k"]
    """What the two say of it, as `knuckle.inference.detection.judge` weighs it ..."""
    score: float
    """... into the probability that there is a hand."""

    @property
    def seen(self) -> bool:
        """Whether the landmark network sees a hand; else its joints mean nothing."""
        return self.look.landmarks.presence >= LEAST_PRESENCE

    @property
    def box_px(self) -> Float[np.ndarray, "4"]:
        """x, y, w, h of the extent of its joints: of those that the landmark network sees, or as proposed."""
        return self.look.box_px if self.seen else self.place_px


def distinct_hands(hands: Sequence[FoundHand]) -> list[FoundHand]:
    """The best finding of each hand, best first."""
    kept: list[FoundHand] = []
    for hand in sorted(hands, key=lambda hand: -hand.score):
        if not any(same_hand(hand, other) for other in kept):
            kept.append(hand)
    return kept


def same_hand(one: FoundHand, other: FoundHand) -> bool:
    """Whether two findings are of one hand: their joints lie on each other's, or one is a part of the other.

    Where the landmark network does not see one of them, their boxes decide.
    """
    small, large = sorted((one, other), key=lambda hand: float(hand.box_px[2:].max()))
    if not (one.seen and other.seen):
        inside = shares_inside(small.box_px, large.box_px[None])[0]
        return bool(overlaps(one.box_px, other.box_px[None])[0] > SAME_PLACE_IOU or inside > INSIDE)
    size = float(large.box_px[2:].max())
    if np.linalg.norm(one.look.joints_px - other.look.joints_px, axis=1).mean() < SAME_HAND * size:
        return True
    if small.box_px[2:].max() > MUCH_SMALLER * size:
        return False
    inside = shares_inside(small.box_px, large.box_px[None])[0]
    away = np.linalg.norm(large.look.joints_px - small.look.joints_px.mean(0), axis=1).min()
    return bool(inside > INSIDE and away < ON_HAND * size)
