"""Which cells of the hand detector shall say which hand."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from knuckle.geometry.cells import CELL_STRIDES

SIZES = ((0.0, 56.0), (40.0, 144.0), (104.0, float("inf")))
"""Longer sides, px, of the boxes that the cells of each stride say; where they overlap, both strides' cells do."""
RADIUS = 1.5
"""A cell says a box whose centre lies within so many strides of its own, along both axes."""

UNKNOWN = -1.0


@dataclass(frozen=True, eq=False)
class HandLabels:
    """The hands of one picture of a batch, and where nothing is known; px, pixel edges."""

    boxes: Float[Tensor, "n 4"]
    """x, y, w, h of the extent of the joints; may reach beyond the picture."""
    right: Float[Tensor, "n"]
    """1 for right hands, 0 for left ones, `UNKNOWN`."""
    direction: Float[Tensor, "n 2"]
    """Cosine and sine of the roll; zeros where it is not known."""
    ignored: Float[Tensor, "m 4"]
    """Boxes in which there may be hands without a label."""


class Targets(NamedTuple):
    """What each cell of a picture shall say."""

    hand: Int[Tensor, "N"]
    """Which hand, or -1."""
    counts: Bool[Tensor, "N"]
    """Whether its score counts: not where there may be a hand without a label."""


def assign(labels: HandLabels, cells: Float[Tensor, "N 3"]) -> Targets:
    """Give each hand the cells round its centre, on the grids of its size; a cell between hands takes the nearer one.

    A cell of no hand counts as background unless it lies in an ignored box and in no hand's own.
    """
    centres, stride = cells[:, :2], cells[:, 2:]
    inside_ignored = _inside(centres, labels.ignored).any(1)
    if not len(labels.boxes):
        return Targets(torch.full((len(cells),), -1), ~inside_ignored)
    box_centres = labels.boxes[:, :2] + labels.boxes[:, 2:] / 2
    away = ((centres[:, None] - box_centres).abs() / stride[:, None]).amax(-1)
    longer = labels.boxes[:, 2:].amax(-1)
    of_size = torch.zeros_like(away, dtype=torch.bool)
    for step, (low, high) in zip(CELL_STRIDES, SIZES, strict=True):
        of_size |= (stride == step) & (longer >= low) & (longer < high)
    # In px of the hand's size, so that of two hands the one whose middle this is wins.
    distance = torch.linalg.vector_norm(
        (centres[:, None] - box_centres) / labels.boxes[:, 2:].clamp(min=1), dim=-1
    )
    distance = torch.where(of_size & (away <= RADIUS), distance, torch.inf)
    nearest, hand = distance.min(1)
    hand = torch.where(nearest.isinf(), -1, hand)
    counts = (hand >= 0) | ~inside_ignored | _inside(centres, labels.boxes).any(1)
    return Targets(hand, counts)


def _inside(centres: Float[Tensor, "N 2"], boxes: Float[Tensor, "n 4"]) -> Bool[Tensor, "N n"]:
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    return ((centres[:, None] >= low) & (centres[:, None] <= high)).all(-1)
