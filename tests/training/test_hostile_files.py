"""Recipes and weights that are made to break their readers are refused in one sentence."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from knuckle.errors import KnuckleError
from knuckle.standing.recipe import read_standing
from knuckle.training.checkpoint import load_model
from knuckle.training.recipe import read_keys


def test_recipes_nested_deeply(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(f"x = {'[' * 100_000}")
    for read in (read_keys, read_standing):
        with pytest.raises(KnuckleError, match=r"r.toml: expected a (standing )?recipe"):
            read(path)


@pytest.mark.parametrize("switches", ["[" * 100_000, "null", "[1]", "{"])
def test_switches_that_are_none(tmp_path, switches):
    path = tmp_path / "w.safetensors"
    record = {"system": "dahyf", "preset": "lite", "switches": switches}
    save_file({"a": np.zeros(2, np.float32)}, str(path), metadata=record)
    with pytest.raises(KnuckleError, match=r"w.safetensors: switches: expected a JSON object"):
        load_model(path)
