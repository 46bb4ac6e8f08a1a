"""The recipes that train on converted sets: presets, sizes and schedules of the papers."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from knuckle.training.recipe import read_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
EPOCH = 130_240
EHPE = [f"ehpe-paper-{backbone}" for backbone in ("resnet50", "hrnet", "fastvit")]
NAMES = [*(f"{name}-{phase}" for name in EHPE for phase in ("tw", "pg")), "handar-paper"]


@pytest.mark.parametrize("name", NAMES)
def test_crops_are_of_the_preset_s_size_and_the_comment_says_how_to_make_them(name):
    path = RECIPES / f"{name}.toml"
    recipe = read_recipe(path)
    config = import_module(f"knuckle.models.{recipe.system}.config").make_config(recipe.preset)
    command = re.search(r"knuckle convert freihand \S+ --out (\S+) --size (\d+)", path.read_text())
    assert command is not None and command[1] == recipe.data and int(command[2]) == config.patch_size
    # FreiHAND has no patch without a hand.
    assert not recipe.with_negatives(recipe.steps - 1)


@pytest.mark.parametrize("name", EHPE)
def test_ehpe_trains_its_stages_one_after_the_other(name):
    first, second = (read_recipe(RECIPES / f"{name}-{phase}.toml") for phase in ("tw", "pg"))
    assert (first.samples, second.samples) == (50 * EPOCH, 100 * EPOCH)
    assert (first.phase, second.phase) == ("tw", "pg")
    assert second.init == f"runs/{name}-tw/weights.safetensors" and first.preset == second.preset
    assert first.learning_rate(0) == first.learning_rate(first.steps - 1) == 5e-3
    middle = second.steps // 2
    rates = (second.learning_rate(middle - 1), second.learning_rate(middle))
    assert rates == (pytest.approx(5e-4), pytest.approx(5e-5))


def test_handar_drops_every_ten_epochs():
    recipe = read_recipe(RECIPES / "handar-paper.toml")
    rates = [
        recipe.learning_rate(round(epoch * EPOCH / recipe.batch)) for epoch in (9.9, 10.1, 19.9, 20.1, 24.9)
    ]
    assert rates == [pytest.approx(rate) for rate in (5e-4, 5e-5, 5e-5, 5e-6, 5e-6)]
