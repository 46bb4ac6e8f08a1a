"""Pairs of hands: which boxes make one, where a two-hand network looks for it, and what is estimated of it.

Boxes are seen together if they are of a left and a right hand and overlap or lie within a hand of each other. The
rules, for any number of boxes and people:
- Boxes overlap when they meet after each has grown by `MARGIN` of its longer side on every side: hands that touch or
  nearly do hide and resemble each other, and how far one near hand is from the other is what a two-hand system is for.
- Only a left and a right hand make a pair; two right hands that overlap stay two lone hands.
- Every box is used once. Of several candidates those that overlap most go first, measured by the share of the smaller
  grown box that lies in the other; ties go by the order of the boxes. The others are lone hands.
- Boxes of very different size (`LARGEST_RATIO`) belong to people at different distances: one crop of both would show
  the far hand with a few pixels, so they are lone hands. Overlapping hands of different people at about the same
  distance do make a pair: each is still estimated as what it is, a left or a right hand.
- A hidden hand for which no box was found or given is not estimated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from knuckle.geometry.mirror import MIRROR_POINT, mirror_px
from knuckle.skeleton import Side

MARGIN = 0.5
"""Of a box's longer side; chosen by `benchmarks/accuracy/merge_shares.py` (docs/accuracy/ablations.md)."""
LARGEST_RATIO = 3.0


class Pairing(NamedTuple):
    """Which boxes are seen together."""

    pairs: tuple[tuple[int, int], ...]
    """Index of the right hand's box, and of the left one's."""
    lone: tuple[int, ...]
    """The other boxes, in their order."""


@dataclass(frozen=True, eq=False)
class PairWindow:
    """Where a two-hand network looks."""

    box_px: Float[np.ndarray, "4"]
    """x, y, w, h in the picture."""
    mirrored: bool
    """Whether it is shown the mirrored picture."""
    hands_px: Float[np.ndarray, "2 4"] = field(default_factory=lambda: np.full((2, 4), np.nan))
    """The boxes of its right and its left hand; NaN where none is known or asked for."""

    @classmethod
    def of_pair(
        cls, right_box_px: Float[np.ndarray, "4"], left_box_px: Float[np.ndarray, "4"]
    ) -> "PairWindow":
        """Round both hands of a pair."""
        boxes = np.stack([right_box_px, left_box_px])
        return cls(union_box(boxes), seen_mirrored(right_box_px, left_box_px), boxes)

    @classmethod
    def of_hand(cls, box_px: Float[np.ndarray, "4"], side: Side) -> "PairWindow":
        """Round a lone hand, which is shown as a right one."""
        hands = np.full((2, 4), np.nan)
        hands[int(side == "left")] = box_px
        return cls(box_px, side == "left", hands)

    def turned(self) -> "PairWindow":
        """The same window shown the other way round."""
        return replace(self, mirrored=not self.mirrored)


@dataclass(frozen=True, eq=False)
class PairEstimate:
    """Both hands of P pairs, the right one first, there or not; the camera frame of the picture as it is.

    A two-hand network gives joints and confidences, looks and systems are merged as such, and the fit adds the rest.
    """

    joints_px: Float[np.ndarray, "P 2 21 2"]
    joints_m: Float[np.ndarray, "P 2 21 3"]
    confidence: Float[np.ndarray, "P 2"]
    """That the hand is there, 0 to 1."""
    vertices_m: Float[np.ndarray, "P 2 V 3"] | None = None
    pose_rad: Float[np.ndarray, "P 2 16 3"] | None = None
    """Axis-angle in MANO order; a left hand's turns the left rig."""
    shape: Float[np.ndarray, "P 2 10"] | None = None
    residual_m: Float[np.ndarray, "P 2"] | None = None
    """How far the fitted rig stays from the joints it was fitted to, on average; NaN where no hand could be fitted."""
    branches_px: Float[np.ndarray, "P 2 21"] | None = None
    evidence_px: Float[np.ndarray, "P 2 21"] | None = None
    evidence_m: Float[np.ndarray, "P 2 21"] | None = None
    """These and the residual as of `knuckle.inference.disagreement.Disagreement`."""

    @classmethod
    def of_outputs(cls, outputs: Mapping[str, np.ndarray]) -> "PairEstimate":
        """Of a two-hand network's outputs, as `OnnxModel` gives them."""
        joints_px, joints_m, confidence = (
            np.asarray(outputs[name], dtype=float) for name in ("joints_px", "joints_m", "confidence")
        )
        # Rounding may leave a probability a hair outside.
        return cls(joints_px, joints_m, np.clip(confidence, 0, 1))

    def arrays(self) -> dict[str, Any]:
        """The fields that there are, by name."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def joints_mirrored(self, where: Bool[np.ndarray, "P"], width: int) -> "PairEstimate":
        """Joints and confidences of the pairs where `where` is true in the mirrored picture of that width, where right
        hands are left ones."""

        def chosen(mirrored: np.ndarray, own: np.ndarray) -> np.ndarray:
            return np.where(where.reshape(-1, *(1,) * (own.ndim - 1)), mirrored[:, ::-1], own)

        return PairEstimate(
            chosen(mirror_px(self.joints_px, width), self.joints_px),
            chosen(self.joints_m * MIRROR_POINT, self.joints_m),
            chosen(self.confidence, self.confidence),
        )


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
