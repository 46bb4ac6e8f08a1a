"""The papers' recipes on InterHand2.6M from data to tables: a miniature converted, two steps of small random networks,
every column."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knuckle.training.loop import WEIGHTS, Trainer
from knuckle.training.recipe import Recipe, read_recipe

from .interhand_miniature import Miniature
from .test_interhand import samples, written  # noqa: F401 (fixtures)
from .test_paper_runs import PAPER, SMALL, SWITCHES, columns

NETWORKS = {
    **SWITCHES,
    "dfl": {
        **SMALL,
        **{"width": 16, "position_width": 16, "heads": 4, "ffn": 16, "seg_hidden": 0, "head_hidden": 16},
    },
}


def small(name: str, data: Path, mano: Path, **changes) -> Recipe:
    """A paper's recipe for two steps of a small network."""
    recipe = read_recipe(PAPER / f"{name}.toml")
    return replace(
        recipe,
        switches={**recipe.switches, **NETWORKS[recipe.system], "rig": str(mano)},
        data=str(data),
        **{"samples": 8, "batch": 4, "processes": 1, "workers": 0, "validation": 1, "pretrained": False},
        **changes,
    )


@pytest.fixture(scope="module")
def both_splits(written, tmp_path_factory) -> Miniature:  # noqa: F811 (the fixture)
    """The miniature, its test split the same frames."""
    folder = tmp_path_factory.mktemp("splits") / "InterHand2.6M"
    shutil.copytree(written.folder, folder)
    for kind in ("images", "annotations"):
        shutil.copytree(folder / kind / "train", folder / kind / "test")
    for path in (folder / "annotations" / "test").glob("*.json"):
        path.rename(path.with_name(path.name.replace("train", "test")))
    return replace(written, folder=folder)


@pytest.mark.parametrize(
    ("phases", "title", "names"),
    [
        (
            ["ehpe-paper-fastvit-interhand-tw", "ehpe-paper-fastvit-interhand-pg"],
            "ehpe, Table 2, InterHand2.6M",
            2,
        ),
        (["dfl-paper"], "dfl, Table 4, InterHand2.6M", 5),
    ],
)
def test_from_the_data_to_every_column_of_the_paper(phases, title, names, both_splits, run, tmp_path, capsys):
    made = both_splits
    data = tmp_path / "set"
    command = ["convert", "interhand", str(made.folder), "--out", str(data), "--rig", str(made.mano)]
    # With a limit the miniature is not taken for a version that lacks frames.
    assert run(*command, "--size", "64", "--workers", "1", "--limit", "5") == 0
    weights = ""
    for name in phases:
        recipe = small(name, data, made.mano, **({"init": weights} if weights else {}))
        Trainer(recipe, tmp_path / name).run()
        weights = str(tmp_path / name / WEIGHTS)
    capsys.readouterr()
    arguments = ["--data", str(made.folder), "--mano", str(made.mano), "--weights", weights, "--paper"]
    assert run("evaluate", *arguments) == 0
    printed = columns(capsys.readouterr().out)
    assert {name: len(row) for name, row in printed.items()} == {title: names}
    assert np.isfinite([float(cell) for cell in printed[title]]).all()
