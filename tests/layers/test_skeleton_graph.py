"""The skeleton's graph convolution: who hears of whom."""

import pytest
import torch

from knuckle.layers.skeleton_graph import SkeletonConv, skeleton_partitions
from knuckle.skeleton import BONES


def test_partitions_are_the_joint_itself_its_parent_and_its_children():
    own, parent, child = skeleton_partitions()
    assert torch.equal(own, torch.eye(21))
    assert parent[0].sum() == 0 and torch.equal(parent[1:].sum(1), torch.ones(20))
    assert child[0, [1, 5, 9, 13, 17]].tolist() == pytest.approx([0.2] * 5) and child[4].sum() == 0
    assert all(parent[end, start] == 1 and child[start, end] > 0 for start, end in BONES)


def test_a_joint_reaches_its_neighbours_only_and_either_hand_alike():
    torch.manual_seed(0)
    layer = SkeletonConv(4, 5)
    joints = torch.randn(1, 2, 21, 4)
    other = joints.clone()
    other[:, 0, 6] += 1
    with torch.no_grad():
        change = (layer(other) - layer(joints)).abs().sum(-1)[0]
        assert torch.allclose(layer(joints.flip(1)), layer(joints).flip(1), atol=1e-6)
    assert set(change[0].nonzero().flatten().tolist()) == {5, 6, 7}
    assert change[1].sum() == 0


def test_each_partition_has_its_own_weights():
    layer = SkeletonConv(2, 3)
    with torch.no_grad():
        layer.project.weight.zero_()
        layer.project.bias.zero_()
        layer.project.weight[3:6] = 1  # towards the wrist
        answer = layer(torch.arange(21.0)[:, None].expand(21, 2))
    assert answer[0].abs().sum() == 0
    assert answer[6, 0] == 2 * 5 and answer[5, 0] == 0
