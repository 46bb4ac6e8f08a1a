"""The recipes of mixes, from their commands to two steps: small networks on miniatures, one backbone built for all."""

import copy
import re
import shlex
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knuckle.datasets.interhand_set import convert_interhand
from knuckle.datasets.registry import DATA_SETS
from knuckle.datasets.training_set import convert_set
from knuckle.layers import backbones
from knuckle.training.batches import TrainingBatches
from knuckle.training.loop import Trainer
from knuckle.training.recipe import Recipe, read_recipe

from .test_ho3d_training import Made as Ho3d
from .test_interhand import samples, written  # noqa: F401
from .test_own import own  # noqa: F401
from .test_paper_runs import SWITCHES
from .test_rhd import made as rhd_made  # noqa: F401

MIXES = Path(__file__).parents[2] / "recipes" / "mixes"
NAMES = sorted(path.stem for path in MIXES.glob("*.toml"))
SIZE = 64
SMALL: dict[str, dict[str, Any]] = {
    **SWITCHES,
    "dfl": {"backbone": "efficientnet_lite0", "patch_size": SIZE},
}


def commands(name: str) -> dict[str, list[str]]:
    """Folder of a set -> the words of the command that the recipe says makes it."""
    found = {}
    for line in re.findall(r"^# Data: (knuckle .*)$", (MIXES / f"{name}.toml").read_text(), re.M):
        words = shlex.split(line)
        found[words[words.index("--out") + 1] if "--out" in words else words[5]] = words
    return found


def option(words: list[str], name: str) -> str | None:
    return words[words.index(name) + 1] if name in words else None


@pytest.mark.parametrize("name", NAMES)
def test_every_set_is_made_by_a_command_of_the_recipe_as_it_needs_it(name):
    recipe, made = read_recipe(MIXES / f"{name}.toml"), commands(name)
    make_config = import_module(f"knuckle.models.{recipe.system}.config").make_config
    config = make_config(recipe.preset, **recipe.switches)
    assert set(made) == set(recipe.sets) and len(recipe.shares) == len(recipe.sets) > 1
    for words in made.values():
        size = option(words, "--size") or "128"
        assert int(size) == config.patch_size
        if words[1] == "data":
            assert (option(words, "--rig") == "MANO_RIGHT.pkl") == (config.rig == "MANO_RIGHT.pkl")
            entry = DATA_SETS.get(words[3])
            assert entry is None or entry.converts or words[3] == "interhand26m"
    if recipe.with_negatives(recipe.steps - 1) and recipe.negatives:
        assert any(option(words, "--negatives") for words in made.values())
    # Of FreiHAND all four versions of a photograph are held out, or none.
    if made[recipe.sets[0]][3] == "freihand":
        assert recipe.validation % 4 == 0


@pytest.fixture(scope="module")
def one_backbone():
    """timm's networks built once a kind, and copied."""
    built: dict[tuple, Any] = {}
    make = backbones._timm_body

    def body(name: str, **options: Any) -> Any:
        key = (name, *sorted(options.items()))
        if key not in built:
            built[key] = make(name, **options)
        return copy.deepcopy(built[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbones, "_timm_body", body)
        yield built


@pytest.fixture
def miniatures(freihand, obman, rhd_made, own, written, two_hand_miniature, tmp_path):  # noqa: F811
    """What makes the miniature of a data set a set: (its words, where) -> nothing."""
    (tmp_path / "ho3d").mkdir()
    ho3d = Ho3d(tmp_path / "ho3d", ".jpg")
    folders = {
        "freihand": freihand.folder,
        "obman": obman,
        "ho3d": ho3d.folder,
        "rhd": rhd_made[0].parent,
        "own": own[0],
    }

    def make(words: list[str], out: Path) -> None:
        if words[1] == "synth":
            shutil.copytree(two_hand_miniature if "--hands" in words else folders["synth"], out)
            return
        data_set, negatives = words[3], float(option(words, "--negatives") or 0)
        if data_set == "interhand26m":
            convert_interhand(written.folder, out, size=SIZE, limit=5)
            return
        # A data set without a miniature here is stood for by FreiHAND's.
        folder = folders.get(data_set, freihand.folder)
        known = data_set if data_set in folders else "freihand"
        rig = freihand.mano if option(words, "--rig") else None
        convert_set(known, folder, out, size=SIZE, rig=rig, negatives=0.2 if negatives else 0.0)

    make_set = make
    folders["synth"] = tmp_path / "synth"
    convert_set("freihand", freihand.folder, folders["synth"], size=SIZE, negatives=0.2)
    return make_set, freihand.mano


@pytest.fixture(scope="module")
def two_hand_miniature(written, tmp_path_factory) -> Path:  # noqa: F811
    """Of pairs; in place of rendered ones, those of InterHand2.6M's miniature, the last crop without a hand."""
    folder = tmp_path_factory.mktemp("pairs") / "set"
    convert_interhand(written.folder, folder, size=SIZE, limit=5)
    for name in ("is_hand", "part_mask"):
        rows = np.load(folder / f"{name}.npy")
        rows[-1] = 0
        np.save(folder / f"{name}.npy", rows)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_on_miniatures(name, miniatures, one_backbone, tmp_path):
    make, mano = miniatures
    sets = []
    for place, (folder, words) in enumerate(commands(name).items()):
        out = tmp_path / f"{place}-{Path(folder).name}"
        make(words, out)
        sets.append(str(out))
    recipe = read_recipe(MIXES / f"{name}.toml")
    switches = {**recipe.switches, **SMALL[recipe.system]}
    if "rig" in switches:
        switches["rig"] = str(mano)
    changes: dict[str, Any] = {"samples": 16, "batch": 8, "processes": 1, "workers": 0, "precision": "no"}
    changes |= {"validation": 1 if recipe.system == "dfl" else 4, "pretrained": False, "warmup_samples": 0}
    small: Recipe = replace(recipe, data=sets, switches=switches, **changes)
    scores = Trainer(small, tmp_path / "run").run()
    # Of a single held-out pair there are no single hands to score.
    assert np.isfinite(scores["mpjpe_all_mm" if recipe.system == "dfl" else "pa_mpjpe_mm"])
    # Systems differ in the finest map that they take of it.
    assert {name for name, *_ in one_backbone} == {"efficientnet_lite0"} and len(one_backbone) <= 3
    # The rows of a long run come from the sets by their shares.
    batches = TrainingBatches(replace(small, samples=8 * 500, negatives=0.0))
    drawn = np.zeros(len(sets))
    for step in range(0, 500, 5):
        for row in range(8):
            source, _, _ = batches.sample(step, row)
            drawn[batches.sources.index(source)] += 1
    assert np.abs(drawn / drawn.sum() - recipe.shares).max() < 0.06
