"""The lixel head against sums written out."""

import pytest
import torch

from knuckle.layers.lixel import LixelHead

BINS, WIDTH, POOLED = 12, 6, 10


def head(points: int = 5, **options) -> LixelHead:
    torch.manual_seed(0)
    made = LixelHead(WIDTH, POOLED, points, BINS, depth_width=4, **options)
    for row in made.rows:
        torch.nn.init.normal_(row.get_parameter("weight"))
    return made.eval()


def weight_of(made: LixelHead, axis: int) -> torch.Tensor:
    return made.rows[axis].get_parameter("weight")


def soft_argmax(logits: torch.Tensor) -> torch.Tensor:
    weight = logits.double().exp()
    return torch.stack([k * weight[..., k] for k in range(logits.shape[-1])]).sum(0) / weight.sum(-1)


def test_coordinates_are_expected_bins_of_averaged_maps():
    made = head()
    features, pooled = torch.randn(3, WIDTH, BINS, BINS), torch.randn(3, POOLED)
    points = made(features, pooled)
    for axis, over in ((0, 2), (1, 3)):
        weight = weight_of(made, axis)[..., 0]
        logits = torch.einsum("pc,bck->bpk", weight, features.mean(over))
        assert (points[..., axis] - soft_argmax(logits)).abs().max() < 1e-5
    depth = made.to_depth(pooled).view(3, 4, BINS)
    logits = torch.einsum("pc,bck->bpk", weight_of(made, 2)[..., 0], depth)
    assert (points[..., 2] - soft_argmax(logits)).abs().max() < 1e-5


def test_x_follows_columns_and_y_follows_rows():
    made = head(points=1)
    with torch.no_grad():
        for axis in (0, 1):
            weight_of(made, axis).zero_()
            weight_of(made, axis)[0, 0] = 1000.0
    features = torch.zeros(1, WIDTH, BINS, BINS)
    features[0, 0, 3, 8] = 1.0
    x, y, _ = made(features, torch.zeros(1, POOLED))[0, 0].tolist()
    assert (x, y) == (pytest.approx(8, abs=1e-3), pytest.approx(3, abs=1e-3))


def test_smaller_maps_are_enlarged_as_if_before_the_mean():
    made = head()
    features, pooled = torch.randn(2, WIDTH, 6, 6), torch.randn(2, POOLED)
    large = torch.nn.functional.interpolate(features, size=(BINS, BINS), mode="bilinear", align_corners=False)
    assert (made(features, pooled) - made(large, pooled)).abs().max() < 1e-4


@pytest.mark.parametrize("dilation", [1, 2])
def test_dilated_heads_learn(dilation):
    made = head(dilation=dilation).train()
    made(torch.randn(2, WIDTH, BINS, BINS), torch.randn(2, POOLED)).square().sum().backward()
    assert all(p.grad is not None for p in made.parameters())


def test_a_fresh_head_with_positions_says_where_it_was_told_to_start():
    wanted = torch.tensor([[3.0, 8.5, 5.0], [6.0, 4.0, 7.0]])
    made = LixelHead(WIDTH, POOLED, 2, BINS, depth_width=4, position=True).eval()
    made.start_at(wanted, sigma_bins=1.0)
    said = made(torch.rand(4, WIDTH, BINS, BINS), torch.randn(4, POOLED))
    assert (said - wanted).abs().max() < 0.05
