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

from .conftest import write_freihand, write_obman
from .hot3d_miniature import Made as Hot3d
from .test_arctic import Made as Arctic
from .test_coco_wholebody import write_split
from .test_dexycb import Made as Dexycb
from .test_dexycb import small as small_dexycb  # noqa: F401
from .test_hanco import made as hanco_made  # noqa: F401
from .test_ho3d_training import Made as Ho3d
from .test_interhand import samples, written  # noqa: F401
from .test_own import own  # noqa: F401
from .test_paper_runs import SWITCHES
from .test_rhd import made as rhd_made  # noqa: F401

MIXES = Path(__file__).parents[2] / "recipes" / "mixes"
NAMES = sorted(path.stem for path in MIXES.glob("*.toml"))
SIZE = 64
MADE = ((Dexycb, "dexycb"), (Arctic, "arctic"), (Hot3d, "hot3d"))
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
            entry = DATA_SETS[words[3]]
            assert entry.converts or words[3] == "interhand26m"
            assert option(words, "--variant") in (None, *entry.variants)
            assert entry.negatives or not option(words, "--negatives")
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


@pytest.fixture(scope="module")
def folders(tmp_path_factory, rhd_made) -> dict[str, Path]:  # noqa: F811
    """The miniature of every data set that a recipe names, in its own layout, by its name; "mano" is the one MANO file
    that all of them share."""
    top = tmp_path_factory.mktemp("folders")
    for _, name in MADE:
        (top / name).mkdir()
    dexycb, arctic, hot3d = (make(top / name) for make, name in MADE)
    # All three write the same file; FreiHAND's tips and all joints are where the plain one has them.
    assert dexycb.mano.read_bytes() == arctic.mano.read_bytes() == hot3d.mano.read_bytes()
    (top / "ho3d").mkdir()
    (top / "COCO").mkdir()
    write_split(top / "COCO", "train", seed=20)
    return {
        "mano": dexycb.mano,
        "dexycb": dexycb.folder,
        "arctic": arctic.folder,
        "hot3d": hot3d.folder,
        "freihand": write_freihand(top / "FreiHAND", dexycb.mano).folder,
        "obman": write_obman(top / "obman"),
        "ho3d": Ho3d(top / "ho3d", ".jpg").folder,
        "rhd": rhd_made[0].parent,
        "coco-wholebody": top / "COCO",
    }


@pytest.fixture(scope="module")
def converted() -> dict[tuple[str, ...], Path]:
    """Sets that a recipe made already, by what tells them apart."""
    return {}


@pytest.fixture
def miniatures(folders, converted, own, hanco_made, written, two_hand_miniature, tmp_path_factory):  # noqa: F811
    """What makes the miniature of a data set a set, unless another recipe did: (its words) -> its folder."""

    def make(words: list[str]) -> Path:
        rig = folders["mano"] if option(words, "--rig") else None
        with_negatives = 0.2 if option(words, "--negatives") else 0.0
        told = (words[1], words[3], option(words, "--variant"), rig, with_negatives, "--hands" in words)
        key = tuple(map(str, told))
        if key in converted:
            return converted[key]
        out = converted[key] = tmp_path_factory.mktemp("set") / "set"
        if words[1] == "synth" and "--hands" in words:
            return shutil.copytree(two_hand_miniature, out)
        if words[1] == "synth":
            # Of rendered hands; in their place FreiHAND's.
            convert_set("freihand", folders["freihand"], out, size=SIZE, negatives=0.2)
        elif words[3] == "interhand26m":
            convert_interhand(written.folder, out, size=SIZE, limit=5)
        else:
            known = folders | {"own": own[0], "hanco": hanco_made.folder}
            convert_set(
                words[3],
                known[words[3]],
                out,
                size=SIZE,
                rig=rig,
                negatives=with_negatives,
                variant=option(words, "--variant"),
                limit=None if words[3] in ("freihand", "own") else 6,
            )
        return out

    return make, folders["mano"]


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
    sets = [str(make(words)) for words in commands(name).values()]
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
