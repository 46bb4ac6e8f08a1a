"""Which precision a run takes, and what it does to the gradients."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from knuckle.models import create_loss
from knuckle.synth.options import SynthOptions
from knuckle.synth.writer import render_set
from knuckle.training import precision
from knuckle.training.batches import Batch, HandSource, collate
from knuckle.training.checkpoint import load_model
from knuckle.training.objective import images_to_input, targets_of
from knuckle.training.precision import bf16_share_of_time, choose_precision

WEIGHTS = Path(__file__).parents[2] / "weights" / "dahyf-lite.safetensors"
CPU = torch.device("cpu")


@pytest.mark.parametrize("wanted", ["no", "bf16"])
def test_what_a_recipe_asks_for_is_taken_without_a_measurement(wanted, monkeypatch):
    monkeypatch.setattr(precision, "bf16_share_of_time", None)
    assert choose_precision(wanted, CPU).autocast == wanted


@pytest.mark.parametrize(("share", "taken"), [(0.5, "bf16"), (0.97, "no"), (1.9, "no")])
def test_auto_takes_bf16_where_the_processor_is_faster_in_it(share, taken, monkeypatch):
    monkeypatch.setattr(precision, "bf16_share_of_time", lambda: share)
    chosen = choose_precision("auto", CPU)
    assert chosen.autocast == taken and f"{share:.2f} of float32's time" in chosen.reason
    assert chosen.reason.endswith("float32") == (taken == "no")


@pytest.mark.parametrize(("has_bf16", "taken"), [(True, "bf16"), (False, "no")])
def test_auto_asks_a_gpu(has_bf16, taken, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert choose_precision("auto", torch.device("cuda")).autocast == taken


def test_the_measurement_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.randn(4)
    torch.manual_seed(3)
    assert 0.01 < bf16_share_of_time(rounds=1) < 100
    assert torch.equal(torch.randn(4), expected)


@pytest.fixture(scope="module")
def batch(tmp_path_factory) -> Batch:
    """Sixteen rendered crops."""
    folder = tmp_path_factory.mktemp("set") / "set"
    render_set(folder, 17, seed=5, options=SynthOptions(size=128, backgrounds="procedural"), workers=1)
    source = HandSource(folder, validation=1)
    return collate([source.item(int(index), rng=None) for index in source.train])


def test_a_step_under_autocast_has_the_gradient_of_float32(batch):
    """Of the trained network, to what rounding leaves: 0.994 to 0.997 by crops, 0.999 in float32 with weights that were
    rounded to bf16 once, 0.04 with sixteen other crops."""
    model, _ = load_model(WEIGHTS)
    model.train().to(memory_format=torch.channels_last)
    exact, rounded = (step_gradient(model, batch, bf16=bf16) for bf16 in (False, True))
    assert rounded.dtype == torch.float32
    assert F.cosine_similarity(exact, rounded, dim=0) > 0.99
    assert rounded.norm() == pytest.approx(exact.norm().item(), rel=0.03)


def step_gradient(model: Any, batch: Batch, *, bf16: bool) -> Tensor:
    patch = images_to_input(batch["image"]).contiguous(memory_format=torch.channels_last)
    crop, camera = batch["crop"], batch["camera"]
    loss = create_loss("dahyf", model.config)
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        total, _ = loss(model(patch, crop, camera), targets_of(batch), crop, camera, negatives=True)
    total.backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
