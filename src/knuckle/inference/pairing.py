"""Which boxes are seen together: a left and a right hand whose boxes overlap or lie within a hand of each other.

The rules, for any number of boxes and people:
- Boxes overlap when they meet after each has grown by `MARGIN` of its longer side on every side: hands that touch or
  nearly do hide and resemble each other, and of all that are near it tells how far one is from the other, which is
  what a two-hand system is for.
- Only a left and a right hand make a pair; two right hands that overlap stay two lone hands.
- Every box is used once. Of several candidates those that overlap most go first, measured by the share of the smaller
  grown box that lies in the other; ties go by the order of the boxes. The others are lone hands.
- Boxes of very different size (`LARGEST_RATIO`) belong to people at different distances: one crop of both would show
  the far hand with a few pixels, so they are lone hands. Overlapping hands of different people at about the same
  distance do make a pair: each is still estimated as what it is, a left or a right hand.
- A hand that is hidden so well that no box was found or given for it is not estimated: boxes make hands, nothing else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.skeleton import Side

MARGIN = 0.5
"""Of a box's longer side. At 0, 0.1, 0.25, 0.5 and 1 "auto" has an MRRPE of 45.0, 41.6, 39.6, 39.5 and 39.0 mm on the
pairs of `knuckle.inference.merge`, and the same MPJPE."""
LARGEST_RATIO = 3.0


class Pairing(NamedTuple):
    """pairs: (index of the right hand's box, of the left one's); lone: the other boxes, in their order."""

    pairs: tuple[tuple[int, int], ...]
    lone: tuple[int, ...]


def pair_boxes(
    boxes_px: Float[np.ndarray, "N 4"], sides: Sequence[Side], *, margin: float = MARGIN
) -> Pairing:
    """Pairs among boxes (x, y, w, h px), by the rules above; pairs stand in the order of their first box."""
    boxes = np.asarray(boxes_px, dtype=float).reshape(-1, 4)
    rights, lefts = ([i for i, own in enumerate(sides) if own == side] for side in ("right", "left"))
    shares = {(r, left): _shared(boxes[r], boxes[left], margin) for r in rights for left in lefts}
    candidates = [pair for pair, share in shares.items() if share > 0]
    free = set(range(len(boxes)))
    pairs = []
    for pair in sorted(candidates, key=lambda pair: (-shares[pair], sorted(pair))):
        if free >= set(pair):
            free -= set(pair)
            pairs.append(pair)
    return Pairing(tuple(sorted(pairs, key=min)), tuple(sorted(free)))


def union_box(boxes_px: Float[np.ndarray, "k 4"]) -> Float[np.ndarray, "4"]:
    """The smallest box (x, y, w, h px) round several."""
    low = boxes_px[:, :2].min(0)
    return np.concatenate([low, (boxes_px[:, :2] + boxes_px[:, 2:]).max(0) - low])


def seen_mirrored(right_box_px: Float[np.ndarray, "4"], left_box_px: Float[np.ndarray, "4"]) -> bool:
    """Whether a network is shown a pair mirrored: then, and not else, its mirror image is shown as it is.

    A trained network answers a picture and its mirror image a little differently. So that ours are mirrored exactly,
    the hand that stands lower in the picture is always shown as the right one; at the same height the larger box is.
    Hands with boxes of the same height, width and centre are shown as they are.
    """
    right, left = ((y + h / 2, w * h, w) for _, y, w, h in (right_box_px.tolist(), left_box_px.tolist()))
    return left > right


def _shared(a: np.ndarray, b: np.ndarray, margin: float) -> float:
    """Share of the smaller box that lies in the other, both grown; 0 for sizes too different."""
    sides = a[2:].max(), b[2:].max()
    if max(sides) > LARGEST_RATIO * min(sides):
        return 0.0
    lows = [box[:2] - margin * side for box, side in zip((a, b), sides, strict=True)]
    sizes = [box[2:] + 2 * margin * side for box, side in zip((a, b), sides, strict=True)]
    highs = [low + size for low, size in zip(lows, sizes, strict=True)]
    inner = np.minimum(*highs) - np.maximum(*lows)
    return float(np.prod(np.maximum(inner, 0)) / min(np.prod(size) for size in sizes))
