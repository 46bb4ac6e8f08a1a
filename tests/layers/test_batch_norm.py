"""Batch norm with its activation: the compiled kernels give torch's own answers, gradients and statistics."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from knuckle.layers import batch_norm, batch_norm_kernels
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


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("narrow_in", [False, True])
def test_under_autocast_only_what_is_stored_is_rounded(act, wide, narrow_in):
    own, plain = pair(37, act)
    own.wide = wide
    maps = maps_of(37).detach()
    maps = (maps.bfloat16() if narrow_in else maps).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        answer = own(maps)
    assert answer.dtype == (torch.float32 if wide else torch.bfloat16)
    expected = plain(maps.double())
    # Half a unit of bf16's last bit is 2^-9 of a number.
    tolerance = 2e-6 if wide else 2**-8
    assert torch.allclose(answer.double(), expected, rtol=tolerance, atol=2e-5)
    given = torch.randn_like(answer)
    own_maps, *own_others = torch.autograd.grad(answer, (maps, *own.parameters()), given)
    true_maps, *others = torch.autograd.grad(expected, (maps, *plain.parameters()), given.double())
    assert own_maps.dtype == maps.dtype
    assert torch.allclose(own_maps.double(), true_maps.double(), rtol=2**-7, atol=1e-4)
    for gradient, other in zip(own_others, others, strict=True):
        assert torch.allclose(gradient.double(), other, rtol=1e-4, atol=1e-4)


def test_numbers_are_rounded_as_torch_rounds_them():
    """Scale 1 and offset 0: what is stored is the input, rounded, ties among them."""
    numbers = torch.cat([torch.randn(4000), torch.arange(96) * 2.0**-9 + 1]).view(-1, 1)
    bits = torch.empty(len(numbers), 1, dtype=torch.uint16).numpy()
    one, zero, bound = np.ones(1, np.float32), np.zeros(1, np.float32), np.float32(np.inf)
    batch_norm_kernels.normalise(numbers.numpy(), one, zero, -bound, bound, bits)
    assert torch.equal(torch.from_numpy(bits).view(torch.bfloat16), numbers.bfloat16())


def test_the_backbone_keeps_the_names_of_its_batch_norms():
    body = Backbone("efficientnet_lite0", finest=2).body
    norms = {name: m for name, m in body.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert len(norms) == 48 and all(isinstance(m, BatchNormAct) for m in norms.values())
    assert sum(m.act == "relu6" for m in norms.values() if isinstance(m, BatchNormAct)) == 32
    assert all(f"{name}.running_var" in body.state_dict() for name in norms)
    # Those before a depthwise convolution: the stem's and one a block but for the first, which has no other.
    assert sum(m.wide for m in norms.values() if isinstance(m, BatchNormAct)) == 16
    assert norms["bn1"].wide and norms["blocks.1.0.bn1"].wide and not norms["blocks.1.0.bn2"].wide


def test_synchronised_norms_answer_and_save_as_before():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        BatchNormAct(8, "relu6"),
        nn.Sequential(nn.Flatten(), nn.Linear(288, 5), nn.BatchNorm1d(5)),
    )
    synchronised = copy.deepcopy(module)
    batch_norm.synchronise_batch_norms(synchronised)
    assert sum(isinstance(m, nn.SyncBatchNorm) for m in synchronised.modules()) == 2
    assert synchronised.state_dict().keys() == module.state_dict().keys()
    picture = torch.randn(4, 3, 8, 8)
    for mode in (True, False):
        # One process: the statistics are those of its own maps.
        torch.testing.assert_close(synchronised.train(mode)(picture), module.train(mode)(picture))
    assert all(torch.equal(a, b) for a, b in zip(synchronised.buffers(), module.buffers(), strict=True))
