"""Focal and dice loss against sums done by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from knuckle.layers.segmentation_loss import dice_loss, focal_loss

P = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]]])
"""One picture of two pixels and three classes."""
LABELS = torch.tensor([[0, 2]])


def test_focal_loss_by_hand():
    # The paper prints (1 - p^gamma); meant is (1 - p)^gamma.
    expected = -(0.3**2 * math.log(0.7) + 0.7**2 * math.log(0.3)) / 2
    assert focal_loss(P.log(), LABELS, gamma=2.0).tolist() == pytest.approx([expected], rel=1e-5)


def test_focal_loss_without_gamma_is_the_cross_entropy():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 6, 4), torch.randint(0, 4, (2, 6))
    expected = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(1)
    assert torch.allclose(focal_loss(logits.log_softmax(-1), labels, gamma=0.0), expected)


def test_dice_loss_by_hand():
    # Class 0: T.p 0.7, areas 1 and 0.8; class 1: 0, 0 and 0.8; class 2: 0.3, 1 and 0.4.
    ratios = [(1.4 + 0.5) / (1.8 + 0.5), 0.5 / (0.8 + 0.5), (0.6 + 0.5) / (1.4 + 0.5)]
    assert dice_loss(P, LABELS, smooth=0.5).tolist() == pytest.approx([1 - sum(ratios) / 3], rel=1e-5)


def test_both_vanish_on_the_truth_and_push_the_right_way():
    labels = torch.tensor([[0, 1, 2, 1]])
    exact = F.one_hot(labels, 3).float()
    assert dice_loss(exact, labels, smooth=1.0).abs().max() < 1e-6
    assert focal_loss((exact + 1e-12).log(), labels).abs().max() < 1e-6
    logits = torch.zeros(1, 4, 3, requires_grad=True)
    loss = dice_loss(logits.softmax(-1), labels) + focal_loss(logits.log_softmax(-1), labels)
    loss.sum().backward()
    assert logits.grad is not None
    assert bool((logits.grad.gather(2, labels[..., None]) < 0).all())
