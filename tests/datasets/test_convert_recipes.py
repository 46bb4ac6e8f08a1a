"""The papers' recipes: every value stated and marked, crops of the size they ask for, the papers' schedules."""

import re
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from knuckle.training.augmentation import Augmentation
from knuckle.training.recipe import Recipe, read_recipe

RECIPES = Path(__file__).parents[2] / "recipes" / "paper"
EPOCH, INTERHAND = 130_240, 1_361_062
EHPE = [f"ehpe-paper-{backbone}" for backbone in ("resnet50", "hrnet", "fastvit")]
NAMES = sorted(path.stem for path in RECIPES.glob("*.toml"))
# What a run has without saying so, as it is not of its kind or changes nothing that it learns.
NOT_STATED = {
    *(
        "name",
        "shares",
        "init",
        "init_parts",
        "shared",
        "shared_parts",
        "frozen",
        "threads",
        "decay_fraction",
    ),
    *("checkpoint_seconds", "validate_every"),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_value_is_stated_and_says_whose_it_is(name):
    text = (RECIPES / f"{name}.toml").read_text()
    given = tomllib.loads(text)
    assert {field.name for field in fields(Recipe)} - NOT_STATED <= given.keys()
    assert given["augmentation"].keys() == {field.name for field in fields(Augmentation)}
    assert {"rig", "patch_size"} <= given["switches"].keys()
    for line in (line for line in text.splitlines() if " = " in line and not line.startswith("#")):
        whose = re.search(r"  # (paper|code|open|ours)", line)
        assert whose, line
        # What is open names the section that says what was looked for.
        if whose[1] == "open":
            assert re.search(r"\(spec/\w+\.md|src/knuckle/models", line), line


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_clipped_averaged_or_spoilt_that_the_paper_does_not_name(name):
    recipe = read_recipe(RECIPES / f"{name}.toml")
    assert recipe.clip == recipe.ema == recipe.weight_decay == 0 and recipe.optimiser == "adam"
    spoilt = (recipe.augmentation[what] for what in ("grey", "blur", "noise", "cover"))
    assert not any(spoilt)


@pytest.mark.parametrize("name", NAMES)
def test_crops_are_of_the_recipe_s_size_and_rig_and_the_comment_says_how_to_make_them(name):
    text = (RECIPES / f"{name}.toml").read_text()
    recipe = read_recipe(RECIPES / f"{name}.toml")
    make_config = import_module(f"knuckle.models.{recipe.system}.config").make_config
    config = make_config(recipe.preset, **recipe.switches)
    found = re.findall(r"(knuckle (?:convert|synth) .*?--out (\S+).*)", text)
    commands = {folder: command for command, folder in found}
    for folder in recipe.sets:
        assert f"--size {config.patch_size}" in commands[folder]
        assert ("--rig MANO_RIGHT.pkl" in commands[folder]) == (config.rig == "MANO_RIGHT.pkl")
        # Only DaHyF knows patches without a hand.
        assert ("--negatives" in commands[folder]) == (recipe.system == "dahyf")
    assert recipe.with_negatives(recipe.steps - 1) == (recipe.system == "dahyf")


def test_handar_rolls_as_far_as_its_code_and_hangs_depths_on_the_wrist():
    for name in ("handar-paper", "handar-paper-obman"):
        recipe = read_recipe(RECIPES / f"{name}.toml")
        assert (recipe.augmentation["roll"], recipe.augmentation["roll_deg"]) == ("uniform", 90.0)
        assert recipe.switches["z_root"] == "wrist" and recipe.switches["head_dilation"] > 0
        assert recipe.sync_batch_norm and recipe.validation == 2000


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


def test_ehpe_s_stages_on_interhand_have_their_own_epochs_and_rates():
    first, second = (
        read_recipe(RECIPES / f"ehpe-paper-fastvit-interhand-{phase}.toml") for phase in ("tw", "pg")
    )
    assert (first.samples, second.samples) == (20 * INTERHAND, 40 * INTERHAND)
    assert first.switches["hands"] == second.switches["hands"] == 2
    assert second.init == f"runs/{first.name}/weights.safetensors"
    assert first.learning_rate(0) == first.learning_rate(first.steps - 1) == 1e-3
    epoch = second.steps / 40
    rates = [second.learning_rate(round(epoch * after)) for after in (14.9, 15.1, 19.9, 20.1)]
    assert rates == pytest.approx([1e-4, 1e-5, 1e-5, 1e-6])


def test_dfl_takes_the_frames_of_each_part_of_its_table():
    whole, filtered = (read_recipe(RECIPES / f"{name}.toml") for name in ("dfl-paper", "dfl-paper-filtered"))
    assert whole.samples == 50 * INTERHAND
    for recipe, chosen in ((whole, False), (filtered, True)):
        text = (RECIPES / f"{recipe.name}.toml").read_text()
        commands = re.findall(r"^# (?:Data|Scores): (.*)$", text, re.M)
        assert len(commands) == 2 and all(("--filtered" in command) == chosen for command in commands)


@pytest.mark.parametrize(("version", "frames"), [("v2", 66_034), ("v3", 83_325)])
def test_dahyf_is_fine_tuned_for_three_epochs_on_each_ho3d(version, frames):
    recipe = read_recipe(RECIPES / f"dahyf-ho3d-{version}.toml")
    before = read_recipe(RECIPES / "dahyf-paper.toml")
    assert recipe.samples == 3 * frames and recipe.init == f"runs/{before.name}/weights.safetensors"
    assert recipe.learning_rate(0) == pytest.approx(before.learning_rate(before.steps - 1))
    assert recipe.switches == before.switches


def test_handar_drops_every_ten_epochs():
    recipe = read_recipe(RECIPES / "handar-paper.toml")
    rates = [
        recipe.learning_rate(round(epoch * EPOCH / recipe.batch)) for epoch in (9.9, 10.1, 19.9, 20.1, 24.9)
    ]
    assert rates == [pytest.approx(rate) for rate in (5e-4, 5e-5, 5e-5, 5e-6, 5e-6)]
