"""What every system promises: the same inputs, outputs, losses, files and symmetries."""

import hashlib
import json
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import onnxruntime
import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.export.onnx import INPUTS, export_onnx
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.one_hand import Predictor
from knuckle.models import SYSTEMS, create_loss, create_model
from knuckle.models.contract import System, Targets, TwoHandTargets
from knuckle.rig.load import load_rig
from knuckle.training.checkpoint import load_model, load_weights, save_weights
from knuckle.weights import WeightsRecord

SMALL: dict[str, dict[str, Any]] = {system: {"patch_size": 64} for system in SYSTEMS}
SMALL["dahyf"] |= {"width": 32, "pool_width": 64, "mlp_width": 64}
"""Sizes at which a system runs in a moment; no switch of a paper's table among them."""


def inputs(batch: int, size: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    patch = torch.rand(batch, 3, size, size, generator=generator) * 2 - 1
    crop = torch.tensor([120.0, 90.0, 150.0]) + 20 * torch.rand(batch, 3, generator=generator)
    camera = torch.tensor([[500.0, 500.0, 160.0, 120.0]]).repeat(batch, 1)
    return patch, crop, camera


def targets(batch: int, crop: torch.Tensor, *, hands: int, size: int = 64) -> Targets | TwoHandTargets:
    """A plausible hand, or two, in the middle of each crop; the last row has none, of two hands the second row the
    right one alone and the third the left one."""
    generator = torch.Generator().manual_seed(7)
    lead = (batch,) if hands == 1 else (batch, hands)
    depth = 0.5 + 0.1 * torch.rand(*lead, 21, generator=generator)
    patch_px = (0.2 + 0.6 * torch.rand(*lead, 21, 2, generator=generator)) * size
    window = crop.reshape(batch, *[1] * len(lead), 3)
    frame = (patch_px - (size - 1) / 2) * window[..., 2:] / size + window[..., :2]
    ray = (frame - torch.tensor([160.0, 120.0])) / 500.0
    row = torch.arange(batch)
    one = Targets(
        joints_patch=patch_px,
        joints_px=frame,
        joints_m=torch.cat([ray * depth[..., None], depth[..., None]], -1),
        pose=0.6 * (torch.rand(*lead, 16, 3, generator=generator) - 0.5),
        shape=torch.rand(*lead, 10, generator=generator) - 0.5,
        is_hand=row < max(batch - 1, 1),
    )
    if hands == 1:
        return one
    mask = torch.randint(0, 33, (batch, size // 2, size // 2), generator=generator).to(torch.uint8)
    there = torch.stack([one.is_hand & (row != 2), one.is_hand & (row != 1)], dim=1)
    return TwoHandTargets(*one._replace(is_hand=there)[:6], part_mask=mask)


def switch_values() -> list[tuple[str, str, Any]]:
    """(system, field, value) of every named or yes-no choice that is not the lite preset's own."""
    found = []
    for system in SYSTEMS:
        config = import_module(f"knuckle.models.{system}.config").make_config("lite")
        hints = get_type_hints(type(config))
        for item in fields(config):
            hint, own = hints[item.name], getattr(config, item.name)
            values = get_args(hint) if get_origin(hint) is Literal else (True, False) if hint is bool else ()
            found += [(system, item.name, value) for value in values if value != own]
    return found


@cache
def small_model(system: str) -> Any:
    torch.manual_seed(0)
    model = create_model(system, **SMALL[system]).eval()
    if system == "dahyf":
        with torch.no_grad():
            # A fresh head's logits are nearly flat, and which bin of a plain is highest is chance: give them peaks.
            model.to_maps[-1].weight.mul_(200)
    if system == "dfl":
        with torch.no_grad():
            # A fresh head is in two minds whether there are two hands, and rounding decides which depth they get.
            model.pair.validity[-1].bias.fill_(1.0)
    return model


def learn(system: str, model: Any, phase: str = "all") -> tuple[torch.Tensor, dict[str, torch.Tensor], Any]:
    loss = create_loss(system, model.config, phase=phase)
    patch, crop, camera = inputs(4)
    output = model.train()(patch, crop, camera)
    total, terms = loss(output, targets(4, crop, hands=model.hands), crop, camera, negatives=True)
    total.backward()
    return total, terms, loss


@pytest.mark.parametrize(("system", "name", "value"), switch_values(), ids=str)
def test_every_switch_value_builds_and_learns(system, name, value):
    model = create_model(system, **{**SMALL[system], name: value})
    total, terms, loss = learn(system, model)
    assert torch.isfinite(total) and all(torch.isfinite(v) for v in terms.values())
    parameters = [*model.named_parameters(), *loss.named_parameters()]
    assert not [n for n, p in parameters if p.requires_grad and p.grad is None]


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_is_one_and_refuses_a_phase_it_does_not_have(system):
    model = create_model(system, **SMALL[system])
    assert isinstance(model, System) and model.hands in (1, 2) and "all" in model.PHASES
    assert model.upright == getattr(model.config, "upright", False)
    with pytest.raises(KnuckleError, match="phase: expected one of"):
        model.set_phase("second")


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_loss_reaches_every_trainable_parameter_in_every_phase(system):
    for phase in create_model(system, **SMALL[system]).PHASES:
        model = create_model(system, **SMALL[system])
        if phase != "all":
            model.set_phase(phase)
        total, terms, loss = learn(system, model, phase)
        assert torch.isfinite(total) and all(torch.isfinite(v) for v in terms.values())
        trained = [
            (n, p) for n, p in [*model.named_parameters(), *loss.named_parameters()] if p.requires_grad
        ]
        assert trained and not [n for n, p in trained if p.grad is None]
        frozen = [p for p in model.parameters() if not p.requires_grad]
        assert all(p.grad is None for p in frozen)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_batch_without_hands_has_a_finite_loss(system):
    model = create_model(system, **SMALL[system]).train()
    patch, crop, camera = inputs(4)
    none = targets(4, crop, hands=model.hands)
    none = none._replace(is_hand=torch.zeros_like(none.is_hand))
    total, _ = create_loss(system, model.config)(
        model(patch, crop, camera), none, crop, camera, negatives=True
    )
    total.backward()
    assert torch.isfinite(total)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("system", SYSTEMS)
def test_inference_gives_hands_for_any_batch(system, batch):
    model = small_model(system)
    patch, crop, camera = inputs(batch)
    with torch.inference_mode():
        output = model.infer(patch, crop, camera)
    lead = (batch,) if model.hands == 1 else (batch, 2)
    assert output.joints_m.shape == (*lead, 21, 3) and output.joints_px.shape == (*lead, 21, 2)
    assert output.confidence.shape == lead
    if model.hands == 1:
        assert output.vertices_m.shape == (batch, len(load_rig().vertices), 3)
    else:
        assert output.joints_patch.shape == (batch, 2, 21, 2)
        check_attention(output.attention, batch)
    assert bool(((output.confidence >= 0) & (output.confidence <= 1)).all())
    view = Camera(500.0, 500.0, 160.0, 120.0, 320, 240)
    projected = view.project(output.joints_m.double().numpy())
    assert np.abs(projected - output.joints_px.numpy()).max() < 1e-2
    for row in range(batch):
        one = slice(row, row + 1)
        with torch.inference_mode():
            alone = model.infer(patch[one], crop[one], camera[one])
        assert torch.allclose(alone.joints_px, output.joints_px[one], atol=2e-2)


def check_attention(attention: torch.Tensor | None, batch: int) -> None:
    """Each map is a softmax over its own cells; one that was enlarged k-fold sums to k^2."""
    assert attention is not None and attention.shape[0] == batch and attention.shape[2:4] == (2, 42)
    sums = attention.sum((-1, -2))
    assert bool((attention >= 0).all()) and torch.allclose(sums, sums.sqrt().round().square(), rtol=1e-4)
    assert bool((sums > 0.5).all())


@pytest.mark.parametrize("system", SYSTEMS)
def test_saved_weights_come_back_and_foreign_ones_are_refused(system, tmp_path):
    model = create_model(system, **SMALL[system]).eval()
    path = tmp_path / "weights.safetensors"
    metadata = {"system": system, "preset": "lite", "switches": json.dumps(SMALL[system])}
    save_weights(path, model, metadata=metadata)
    load_weights(path, model)
    again, found = load_model(path)
    assert found == metadata
    values = inputs(2)
    with torch.inference_mode():
        assert torch.equal(again.infer(*values).joints_m, model.infer(*values).joints_m)
    other = create_model(SYSTEMS[(SYSTEMS.index(system) + 1) % len(SYSTEMS)])
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(KnuckleError, match="do not fit"):
        load_weights(path, other)
    assert all(torch.equal(before[name], tensor) for name, tensor in other.state_dict().items())


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> dict[str, Path]:
    return {system: tmp_path_factory.mktemp("onnx") / f"{system}-small.onnx" for system in SYSTEMS}


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("system", SYSTEMS)
def test_onnx_agrees_with_torch_and_a_mirrored_picture_gives_the_mirrored_hand(system, exported):
    model, path = small_model(system), exported[system]
    export_onnx(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    for batch in (1, 3):
        values = inputs(batch)
        with torch.inference_mode():
            expected = model.infer(*values)._asdict()
        got = session.run(names, dict(zip(INPUTS, (v.numpy() for v in values), strict=True)))
        for name, value in zip(names, got, strict=True):
            # Fresh networks are nearly flat, which enlarges rounding: shipped ones are held to less.
            tolerance = 2e-5 if name.endswith("_m") else 5e-3 if name.startswith("joints") else 1e-3
            assert np.abs(value - expected[name].numpy()).max() < tolerance, name
    if model.hands == 1:
        check_mirroring(path, system)


def check_mirroring(path: Path, system: str) -> None:
    WeightsRecord(
        name=system,
        system=system,
        preset="lite",
        rig="open",
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size=64,
        expand=1.5,
        confidence_threshold=0.5,
        licence="Apache-2.0",
        trained_on="nothing",
        recipe="none",
        commit="none",
        samples_seen=0,
        train_seconds=0.0,
    ).write(path.with_suffix(".json"))
    predictor = Predictor(str(path), threads=1, refine=False)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    box, camera = np.array([[40.0, 30.0, 60.0, 50.0]]), Camera(200.0, 200.0, 70.0, 60.0, 160, 120)
    hands = predictor(image, box, ["right"], camera)
    mirrored_box = np.array([[159 - 40.0 - 60.0, 30.0, 60.0, 50.0]])
    mirrored = predictor(np.ascontiguousarray(image[:, ::-1]), mirrored_box, ["left"], camera.mirrored())
    assert isinstance(hands, Hands) and mirrored.sides == ("left",)
    assert np.abs(mirrored.joints_px * [-1, 1] + [159, 0] - hands.joints_px).max() < 0.1
    assert np.abs(mirrored.joints_m * [-1, 1, 1] - hands.joints_m).max() < 1e-3
    assert np.abs(mirrored.vertices_m * [-1, 1, 1] - hands.vertices_m).max() < 1e-3


@pytest.mark.parametrize("system", SYSTEMS)
def test_wrong_names_are_refused_with_the_valid_ones(system):
    with pytest.raises(KnuckleError, match=f"{system} preset: expected one of lite, "):
        create_model(system, preset="huge")
    with pytest.raises(KnuckleError, match=f"{system}: expected switches among .*patch_size"):
        create_model(system, heads_of_lettuce=3)
    if hasattr(create_model(system).config, "backbone"):
        with pytest.raises(KnuckleError, match=f"{system} backbone: expected one of .*resnet50"):
            create_model(system, backbone="vgg")
    with pytest.raises(KnuckleError, match=f"{system} patch_size: expected a multiple of 32"):
        create_model(system, patch_size=100)


def test_a_phase_that_a_system_lacks_is_refused():
    config = create_model("dahyf", **SMALL["dahyf"]).config
    with pytest.raises(KnuckleError, match="dahyf phase: expected one of all, got 'tw'"):
        create_loss("dahyf", config, phase="tw")
