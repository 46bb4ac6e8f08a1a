"""Whether a patch shows a hand at all: a head for systems whose papers give no confidence."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from knuckle.geometry.float32 import in_float32


class ConfidenceHead(nn.Module):
    """One hidden layer on a pooled feature: a logit, its sigmoid being the confidence.

    The gradient stops at the feature, so that the published system learns as if the head were not there.
    """

    def __init__(self, channels: int, *, hidden: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 1))

    @in_float32
    def forward(self, feature: Float[Tensor, "B C"] | Float[Tensor, "B C h w"]) -> Float[Tensor, "B"]:
        pooled = feature.mean((2, 3)) if feature.dim() == 4 else feature
        return self.layers(pooled.detach())[:, 0]


def confidence_loss(
    logit: Float[Tensor, "B"], is_hand: Bool[Tensor, "B"], *, negatives: bool
) -> Float[Tensor, ""]:
    """Binary cross-entropy in which hands and patches without one weigh the same in all.

    negatives: whether the batch has patches without a hand; if not, the loss is zero with a zero gradient (hands
    alone would teach to say yes).
    """
    per_patch = F.binary_cross_entropy_with_logits(logit, is_hand.float(), reduction="none")
    hands, others = is_hand.float(), (~is_hand).float()
    balanced = sum((per_patch * rows).sum() / rows.sum().clamp(min=1) for rows in (hands, others))
    return torch.as_tensor(balanced) * 0.5 * float(negatives)
