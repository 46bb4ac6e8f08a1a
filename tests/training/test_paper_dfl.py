"""DFL's paper recipe on rendered pairs, to its table: two steps of a small random network, scored on hands held out."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import from_text
from knuckle.training.checkpoint import read_metadata
from knuckle.training.loop import WEIGHTS, Trainer
from knuckle.training.recipe import read_recipe

RECIPE = Path(__file__).parents[2] / "recipes" / "paper" / "dfl-paper.toml"
SMALL = {
    **{"backbone": "efficientnet_lite0", "patch_size": 64, "width": 16, "position_width": 16, "heads": 4},
    **{"ffn": 16, "seg_hidden": 0, "head_hidden": 16, "rig": "open"},
}


def test_from_pairs_to_every_column_of_the_paper(two_hand_set, run, tmp_path, capsys):
    recipe = read_recipe(RECIPE)
    recipe = replace(
        recipe,
        switches={**recipe.switches, **SMALL},
        data=str(two_hand_set),
        **{"samples": 8, "batch": 4, "processes": 1, "workers": 0, "validation": 5, "pretrained": False},
    )
    scores = Trainer(recipe, tmp_path).run()
    weights = str(tmp_path / WEIGHTS)
    origin = SynthSet(two_hand_set).origin
    # The last three of 24 crops show no hand, the five before them are held out.
    assert from_text(read_metadata(Path(weights))["trained_sets"]) == {origin: (16, 24)}
    capsys.readouterr()
    assert run("evaluate", "--data", str(two_hand_set), "--weights", weights, "--paper") == 0
    printed = capsys.readouterr().out
    assert "16 of 21 hands left out, as training saw them" in " ".join(printed.split())
    table = printed[printed.index("dfl, Table 4") :]
    heading = re.split("[│┃]", next(line for line in table.splitlines() if "Single" in line))[2:-1]
    ours = re.split("[│┃]", next(line for line in table.splitlines() if "ours" in line))[2:-1]
    assert [name.split()[0] for name in heading] == ["Single", "Two", "All", "FPS", "parameters"]
    values = [float(cell) for cell in ours]
    assert np.isfinite(values).all() and values[2] == round(scores["mpjpe_all_mm"], 2)
