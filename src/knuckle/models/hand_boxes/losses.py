"""The hand detector's loss."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from knuckle.models.hand_boxes.model import Answers
from knuckle.models.hand_boxes.targets import UNKNOWN, HandLabels, assign

SCORE, BOX, SIDE, DIRECTION = 1.0, 2.0, 0.5, 1.0
"""Weights of the terms."""
SIDED_PX = 32
"""Longer side of the smallest hands whose side counts: of smaller ones it cannot be seen."""
ALPHA, GAMMA = 1.0, 1.5
"""Of background cells in the score's term: their weight is ALPHA p^GAMMA."""


def hand_boxes_loss(
    answers: Answers, labels: Sequence[HandLabels], cells: Float[Tensor, "N 3"]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The total and its terms, each the mean over the cells that say a hand.

    The score learns how well the cell's box fits (varifocal loss, Zhang et al. 2021), the box by its generalised IoU
    (Rezatofighi et al. 2019), side and direction where they are known.
    """
    targets = [assign(one, cells) for one in labels]
    hand = torch.stack([target.hand for target in targets])
    counts = torch.stack([target.counts for target in targets])
    picture, cell = torch.nonzero(hand >= 0, as_tuple=True)
    chosen = hand[picture, cell]
    first = torch.tensor([0, *(len(one.boxes) for one in labels)], device=cells.device).cumsum(0)
    row = first[picture] + chosen
    boxes = torch.cat([one.boxes for one in labels])[row]
    right = torch.cat([one.right for one in labels])[row]
    direction = torch.cat([one.direction for one in labels])[row]

    said = answers.boxes(cells)[picture, cell]
    iou, generalised = box_ious(said, boxes)
    wanted = torch.zeros_like(answers.logits)
    wanted[picture, cell] = iou.detach().clamp(0.05, 1)
    count = wanted.sum().clamp(min=1.0)
    score = varifocal(answers.logits, wanted)[counts].sum() / count
    weight = wanted[picture, cell].detach()
    box = (weight * (1 - generalised)).sum() / count

    sided = (right != UNKNOWN) & (boxes[:, 2:].amax(-1) >= SIDED_PX)
    side = F.binary_cross_entropy_with_logits(
        answers.right[picture, cell], right.clamp(min=0), reduction="none"
    )
    side = (weight * side * sided).sum() / (weight * sided).sum().clamp(min=1.0)
    turned = direction.any(-1)
    along = F.normalize(answers.direction[picture, cell], dim=-1, eps=1e-3)
    turn = (weight * (1 - (along * direction).sum(-1)) * turned).sum() / (weight * turned).sum().clamp(
        min=1.0
    )
    total = SCORE * score + BOX * box + SIDE * side + DIRECTION * turn
    mean_iou = iou.detach().mean() if len(iou) else torch.zeros(())
    return total, {"score": score, "box": box, "side": side, "direction": turn, "iou": mean_iou}


def varifocal(logits: Float[Tensor, "*n"], wanted: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Cross entropy towards the wanted scores: by them where they are above 0, by ALPHA p^GAMMA elsewhere."""
    weight = torch.where(wanted > 0, wanted, ALPHA * logits.detach().sigmoid() ** GAMMA)
    return weight * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")


def box_ious(
    a: Float[Tensor, "n 4"], b: Float[Tensor, "n 4"]
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    """IoU and generalised IoU of boxes x, y, w, h, pair by pair."""
    a_high, b_high = a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]
    inner = (torch.minimum(a_high, b_high) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(-1)
    union = a[:, 2:].prod(-1) + b[:, 2:].prod(-1) - inner
    hull = (torch.maximum(a_high, b_high) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    iou = inner / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)
