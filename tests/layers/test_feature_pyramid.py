"""The feature pyramid: what is added to what, and what is not built."""

import pytest
import torch
from torch import nn

from knuckle.layers.feature_pyramid import FeaturePyramid


def maps(batch: int = 2) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(batch, c, s, s) for c, s in ((3, 16), (4, 8), (5, 4), (6, 2))]


def test_a_scale_is_its_own_lateral_and_all_coarser_ones_enlarged():
    pyramid = FeaturePyramid([3, 4, 5, 6], 8, [0, 2])
    kernel = torch.zeros(8, 8, 3, 3)
    kernel[range(8), range(8), 1, 1] = 1
    for smooth in pyramid.smooth.values():
        assert isinstance(smooth, nn.Conv2d) and smooth.bias is not None
        smooth.weight.data, smooth.bias.data = kernel, torch.zeros(8)
    values = maps()
    with torch.no_grad():
        kept = pyramid(values)
        laterals = [pyramid.laterals[str(i)](values[i]) for i in range(4)]
    total = torch.zeros(2, 8, 1, 1)
    for lateral in reversed(laterals[2:]):
        total = total.repeat_interleave(lateral.shape[-1] // total.shape[-1], 2)
        total = total.repeat_interleave(lateral.shape[-1] // total.shape[-1], 3) + lateral
    assert torch.allclose(kept[2], total, atol=1e-5)
    assert sorted(kept) == [0, 2] and kept[0].shape == (2, 8, 16, 16)


@pytest.mark.parametrize("kind", ["conv", "separable"])
def test_only_what_is_read_is_built_and_all_of_it_learns(kind):
    pyramid = FeaturePyramid([3, 4, 5, 6], 8, [3, 1], kind=kind)
    assert sorted(pyramid.laterals) == ["1", "2", "3"] and sorted(pyramid.smooth) == ["1", "3"]
    kept = pyramid(maps())
    torch.stack([m.square().sum() for m in kept.values()]).sum().backward()
    assert all(p.grad is not None for p in pyramid.parameters())
