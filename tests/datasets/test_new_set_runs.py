"""Recipes on the data sets that came later: sets of miniatures mixed by share, two steps, scores."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from knuckle.datasets.training_set import convert_set
from knuckle.training.loop import Trainer
from knuckle.training.recipe import read_recipe

from .test_coco_wholebody import write_split
from .test_hanco import edit
from .test_hanco import made as hanco_made  # noqa: F401 (a fixture)
from .test_paper_runs import SWITCHES

PAPER = Path(__file__).parents[2] / "recipes" / "paper"


def test_dahyf_on_freihand_hanco_and_coco(freihand, hanco_made, tmp_path):  # noqa: F811 (the fixture)
    options = {"size": 64, "rig": freihand.mano, "negatives": 0.25}
    convert_set("freihand", freihand.folder, tmp_path / "freihand", **options)
    # Both with one file, so that the poses mean the same; the other miniature's fits are of another file.
    folder = shutil.copytree(hanco_made.folder, tmp_path / "HanCo")
    edit(folder / "meta.json", lambda meta: meta | {"is_valid": [[False, False]] * 2})
    convert_set("hanco", folder, tmp_path / "hanco", **options)
    (tmp_path / "COCO").mkdir()
    write_split(tmp_path / "COCO", "train", seed=20)
    convert_set("coco-wholebody", tmp_path / "COCO", tmp_path / "coco", size=64, rig=freihand.mano)
    recipe = read_recipe(PAPER / "dahyf-paper.toml")
    assert recipe.shares == (0.5, 0.5) and len(recipe.sets) == 2
    recipe = replace(
        recipe,
        switches={**recipe.switches, **SWITCHES["dahyf"], "rig": str(freihand.mano)},
        # A set of joints in the picture alone beside the recipe's own.
        data=[str(tmp_path / name) for name in ("freihand", "hanco", "coco")],
        shares=(0.4, 0.4, 0.2),
        negatives_from=0.0,
        negatives=0.25,
        **{"samples": 8, "batch": 4, "processes": 1, "workers": 0, "validation": 4, "pretrained": False},
    )
    scores = Trainer(recipe, tmp_path / "run").run()
    assert np.isfinite(scores["pa_mpvpe_mm"])
