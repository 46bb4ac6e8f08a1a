"""Batch norm with its activation: the compiled kernels give torch's own answers, gradients and statistics."""

import copy

import pytest
import torch
from torch import nn

from knuckle.layers import batch_norm
from knuckle.layers.backbones import Backbone
from knuckle.layers.batch_norm import BatchNormAct

ACTS = {"none": nn.Identity(), "relu": nn.ReLU(), "relu6": nn.ReLU6()}


def maps_of(channels: int, *, mean: float = 0.5) -> torch.Tensor:
    maps = 2 * torch.randn(3, channels, 5, 7) + mean
    return maps.contiguous(memory_format=torch.channels_last).requires_grad_()


def pair(channels: int, act: batch_norm.Act) -> tuple[BatchNormAct, nn.Sequential]:
    """The layer, and torch's two in float64."""
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.2)
    nn.init.normal_(plain.weight, 3.0)
    nn.init.normal_(plain.bias, 2.0)
    return BatchNormAct.like(copy.deepcopy(plain), act), nn.Sequential(plain, ACTS[act]).double()


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(("channels", "mean"), [(1, 0.5), (37, 0.5), (300, -40.0)])
def test_answers_gradients_and_statistics_are_those_of_torch(act, channels, mean, monkeypatch):
    own, plain = pair(channels, act)
    maps = maps_of(channels, mean=mean)
    assert batch_norm._is_fast(maps)
    given = torch.randn_like(maps)
    expected = plain(maps.double())
    answer = own(maps)
    assert torch.allclose(answer.double(), expected, atol=2e-5)
    others = torch.autograd.grad(expected, (maps, *plain.parameters()), given.double())
    for gradient, other in zip(
        torch.autograd.grad(answer, (maps, *own.parameters()), given), others, strict=True
    ):
        assert torch.allclose(gradient.double(), other.double(), rtol=1e-4, atol=1e-4)
    for name, value in own.state_dict().items():
        assert torch.allclose(value.double(), plain[0].state_dict()[name].double(), rtol=1e-5), name
    # Not the kernels' chance: torch's own way of the same layer agrees too.
    monkeypatch.setattr(batch_norm, "_is_fast", lambda _: False)
    assert torch.allclose(own(maps), answer, atol=2e-4)


@pytest.mark.parametrize("act", ACTS)
def test_evaluation_other_layouts_and_other_numbers_take_torchs_kernels(act):
    own, plain = pair(6, act)
    maps = maps_of(6).detach()
    for own_maps in (maps.contiguous(), maps.double()):
        answer = copy.deepcopy(own).to(own_maps.dtype)(own_maps)
        assert torch.allclose(answer.double(), copy.deepcopy(plain)(maps.double()), atol=2e-5)
    own.eval(), plain.eval()
    assert torch.allclose(own(maps).double(), plain(maps.double()), atol=2e-5)


@pytest.mark.parametrize("act", ACTS)
def test_a_nan_is_not_hidden(act):
    own, _ = pair(4, act)
    maps = maps_of(4).detach().clone(memory_format=torch.preserve_format)
    maps[1, 2, 3, 3] = float("nan")
    answer = own(maps.requires_grad_())
    assert answer[:, 2].isnan().all() and not answer[:, [0, 1, 3]].isnan().any()


def test_the_backbone_keeps_the_names_of_its_batch_norms():
    body = Backbone("efficientnet_lite0", finest=2).body
    norms = {name: m for name, m in body.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert len(norms) == 48 and all(isinstance(m, BatchNormAct) for m in norms.values())
    assert sum(m.act == "relu6" for m in norms.values() if isinstance(m, BatchNormAct)) == 32
    assert all(f"{name}.running_var" in body.state_dict() for name in norms)
