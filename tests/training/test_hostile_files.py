"""Recipes and weights that are made to break their readers are refused in one sentence."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from knuckle.errors import KnuckleError
from knuckle.standing.recipe import read_standing
from knuckle.training.checkpoint import load_model
from knuckle.training.launch import launch
from knuckle.training.recipe import read_keys


def test_recipes_nested_deeply(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(f"x = {'[' * 100_000}")
    for read in (read_keys, read_standing):
        with pytest.raises(KnuckleError, match=r"r.toml: expected a (standing )?recipe"):
            read(path)


@pytest.mark.parametrize("data", ["", 'data = ""', 'data = "gone"'])
def test_a_recipe_without_its_set_starts_nothing(tmp_path, data):
    (tmp_path / "r.toml").write_text(data)
    with pytest.raises(KnuckleError, match=r"expected data to name a folder"):
        launch(tmp_path / "r.toml", tmp_path / "run")


def test_the_middle_of_a_long_sentence_is_left_out():
    text = str(KnuckleError(f"r.toml: lr: expected float, got {'x' * 100_000} there"))
    assert len(text) < 4000 and text.startswith("r.toml: lr: expected float") and text.endswith("xx there")
    assert str(KnuckleError("short")) == "short"


@pytest.mark.parametrize("switches", ["[" * 100_000, "null", "[1]", "{"])
def test_switches_that_are_none(tmp_path, switches):
    path = tmp_path / "w.safetensors"
    record = {"system": "dahyf", "preset": "lite", "switches": switches}
    save_file({"a": np.zeros(2, np.float32)}, str(path), metadata=record)
    with pytest.raises(KnuckleError, match=r"w.safetensors: switches: expected a JSON object"):
        load_model(path)
