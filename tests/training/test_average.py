"""Weights of two runs averaged."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from knuckle.errors import KnuckleError
from knuckle.models import create_model
from knuckle.training.average import average_weights
from knuckle.training.checkpoint import load_model, save_weights


def saved(path: Path, seed: int, **switches: str) -> Path:
    torch.manual_seed(seed)
    model = create_model("dahyf", preset="lite", pretrained=False, **switches)
    described = {"system": "dahyf", "preset": "lite", "rig": "open", "recipe": f"run-{seed}"}
    save_weights(path, model, metadata=described | {"switches": json.dumps(switches)})
    return path


def test_the_mean_lies_between(tmp_path):
    first, second = saved(tmp_path / "a.safetensors", 0), saved(tmp_path / "b.safetensors", 1)
    out = tmp_path / "mean.safetensors"
    metadata = average_weights(first, second, out, share=0.25)
    assert metadata["recipe"] == "run-1" and metadata["averaged_with"] == "a of run-0, 0.25"
    one, two, mean = (load_file(path) for path in (first, second, out))
    for name, value in mean.items():
        if value.is_floating_point():
            expected = 0.25 * one[name].float() + 0.75 * two[name].float()
            torch.testing.assert_close(value.float(), expected, atol=2e-3, rtol=2e-3)
    assert any(not torch.equal(two[name], value) for name, value in mean.items())
    model, read = load_model(out)
    assert read == metadata and model.config.preset == "lite"


def test_weights_of_different_models_are_refused(tmp_path):
    first = saved(tmp_path / "a.safetensors", 0)
    second = saved(tmp_path / "c.safetensors", 0, rot_repr="aa")
    with pytest.raises(KnuckleError, match="expected switches"):
        average_weights(first, second, tmp_path / "d.safetensors", share=0.5)
    with pytest.raises(KnuckleError, match=r"share: expected 0 to 1, got 1\.5"):
        average_weights(first, first, tmp_path / "d.safetensors", share=1.5)
    assert not (tmp_path / "d.safetensors").exists()
