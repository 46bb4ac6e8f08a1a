"""Graph convolution on a hand's skeleton, with weights of their own for each direction along a bone."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from knuckle.skeleton import BONES, JOINT_COUNT


def skeleton_partitions() -> Float[Tensor, "3 21 21"]:
    """Row-normalised adjacency of the 21 joints: the joint itself, its neighbour towards the wrist, those beyond it."""
    parent, child = torch.zeros(JOINT_COUNT, JOINT_COUNT), torch.zeros(JOINT_COUNT, JOINT_COUNT)
    for start, end in BONES:
        parent[end, start] = child[start, end] = 1.0
    parts = torch.stack([torch.eye(JOINT_COUNT), parent, child])
    return parts / parts.sum(2, keepdim=True).clamp(min=1)


class SkeletonConv(nn.Module):
    """y_i = sum over the three partitions k of mean over neighbours j of W_k x_j; any number of hands share it.

    partner: a fourth partition, the same joint of the other hand; joints then have an axis of two hands.
    """

    partitions: Tensor

    def __init__(self, inputs: int, outputs: int, *, partner: bool = False) -> None:
        super().__init__()
        self.project = nn.Linear(inputs, 3 * outputs)
        self.partner = nn.Linear(inputs, outputs, bias=False) if partner else None
        self.register_buffer("partitions", skeleton_partitions(), persistent=False)

    def forward(self, joints: Float[Tensor, "*b 21 C"]) -> Float[Tensor, "*b 21 D"]:
        projected = self.project(joints).unflatten(-1, (3, -1)).transpose(-2, -3)
        gathered = (self.partitions @ projected).sum(-3)
        return gathered if self.partner is None else gathered + self.partner(joints.flip(-3))
