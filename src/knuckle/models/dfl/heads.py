"""What DFL answers: joints in 2.5D, and (the paper leaves both open) which hands are there and how far away."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from knuckle.geometry.float32 import in_float32
from knuckle.layers.camera_head import root_depth
from knuckle.models.dfl.config import DEPTH_BOX_M, DflConfig
from knuckle.models.dfl.streams import JOINTS


class JointHead(nn.Module):
    """A linear layer, the same for every joint, to coordinates in -1..1; in float32 whatever the features are in."""

    def __init__(self, width: int, coordinates: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, coordinates)
        nn.init.normal_(self.linear.weight, std=1e-2 / width**0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, joints: Float[Tensor, "B 42 C"]) -> Float[Tensor, "B 2 21 k"]:
        # Not a matrix product, which mixed precision would round to 8 bits.
        answer = (joints.float()[:, :, None] * self.linear.weight).sum(-1) + self.linear.bias
        return answer.unflatten(1, (2, JOINTS // 2))


class PooledJoints(nn.Module):
    """Table 1's ID1: a linear layer on the averages of every scale's appearance features, to coordinates in -1..1.

    The position features' averages, which are the same for every picture, are left out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, JOINTS * 3)
        nn.init.normal_(self.linear.weight, std=1e-2 / channels**0.5)
        nn.init.zeros_(self.linear.bias)

    @in_float32
    def forward(self, tokens: dict[int, Float[Tensor, "B n C"]]) -> Float[Tensor, "B 2 21 3"]:
        pooled = torch.cat([tokens[scale].mean(1) for scale in sorted(tokens)], dim=1)
        return self.linear(pooled).unflatten(1, (2, JOINTS // 2, 3))


class PairState(NamedTuple):
    """validity_logit: right, left hand there; depth_m: of the wrists' middle, or of the only wrist; relative_m: how
    much farther the left wrist is than the right one."""

    validity_logit: Float[Tensor, "B 2"]
    depth_m: Float[Tensor, "B"]
    relative_m: Float[Tensor, "B"]


class PairHead(nn.Module):
    """Two small networks on the pooled image feature; the one for the depths also sees the mean feature of each hand's
    joints, and the 2.5D joints, through which no gradient flows."""

    def __init__(self, config: DflConfig, channels: int, joint_width: int) -> None:
        super().__init__()
        self.scale_prior = config.scale_prior
        self.validity = _mlp(channels, config.head_hidden, 2)
        self.depth = _mlp(channels + 2 * joint_width + 3 * JOINTS, config.head_hidden, 2)

    @in_float32
    def forward(
        self,
        pooled: Float[Tensor, "B C"],
        features: Float[Tensor, "B 42 F"],
        joints: Float[Tensor, "B 2 21 3"],
        crop: Float[Tensor, "B 3"],
        camera: Float[Tensor, "B 4"],
    ) -> PairState:
        """features: of the joints, F may be 0; joints: -1..1."""
        hands = features.unflatten(1, (2, -1)).mean(2)
        raw = self.depth(torch.cat([pooled, hands.flatten(1), joints.detach().flatten(1)], dim=1))
        scale = self.scale_prior * raw[:, 0].clamp(-2.5, 2.5).exp()
        depth_m = root_depth(scale, crop, camera)
        return PairState(self.validity(pooled), depth_m, raw[:, 1] * (DEPTH_BOX_M / 2))


def wrist_depths(state: PairState, both: Bool[Tensor, "B"]) -> Float[Tensor, "B 2"]:
    """Depth of the right and left wrist, metres; the relative depth counts where `both` hands are there."""
    half = torch.where(both, state.relative_m / 2, 0.0)
    return torch.stack([state.depth_m - half, state.depth_m + half], dim=1)


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    last = nn.Linear(hidden, outputs)
    nn.init.normal_(last.weight, std=1e-2 / hidden**0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(inplace=True), last)
