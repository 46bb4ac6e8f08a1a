"""The papers' recipes from data to tables: convert, two steps, scores, every column. Small random networks, made-up
FreiHAND, ObMan and MANO."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets.training_set import convert_set
from knuckle.training.loop import WEIGHTS, Trainer
from knuckle.training.recipe import Recipe, read_recipe

from .conftest import FREIHAND_K, Freihand

PAPER = Path(__file__).parents[2] / "recipes" / "paper"
SMALL = {"backbone": "efficientnet_lite0", "patch_size": 64}
SWITCHES = {
    "dahyf": {**SMALL, "width": 16, "mlp_width": 32, "fusion": "topdown"},
    "ehpe": {
        **SMALL,
        **{"width": 16, "hourglass_width": 16, "hourglass_depth": 3, "refine_width": 16, "fusion": "topdown"},
        **{"node_width": 32, "fem_width": 32, "mesh_width": 16, "mesh_hidden": 32, "stacks": 1},
        **{"fem_self_blocks": 1, "fem_cross_blocks": 1},
    },
    "handar": {
        **SMALL,
        **{"fusion_width": 16, "mesh_width": 16, "depth_width": 8, "global_width": 16, "render_size": 32},
        **{"gin_hidden": 16, "gin_width": 8, "gin_tail": 8, "gin_blocks": 1},
        # A mesh that can be seen after two steps: silhouettes have columns too.
        "mean_start": True,
    },
}


def small(name: str, sets: list[Path], mano: Path, **changes) -> Recipe:
    """A paper's recipe for two steps of a small network."""
    recipe = read_recipe(PAPER / f"{name}.toml")
    return replace(
        recipe,
        switches={**recipe.switches, **SWITCHES[recipe.system], "rig": str(mano)},
        data=[str(folder) for folder in sets],
        **{"samples": 8, "batch": 4, "processes": 1, "workers": 0, "validation": 4, "pretrained": False},
        **changes,
    )


def write_evaluation(freihand: Freihand) -> None:
    """The evaluation split beside the training one: the same hands on grey."""
    joints, vertices = freihand.joints_m, freihand.vertices_m
    scale = np.linalg.norm(joints[:, 9] - joints[:, 10], axis=-1)
    parts = {"K": [FREIHAND_K.tolist()] * len(joints), "scale": scale.tolist()}
    parts |= {"xyz": joints.tolist(), "verts": vertices.tolist()}
    for part, rows in parts.items():
        (freihand.folder / f"evaluation_{part}.json").write_text(json.dumps(rows))
    (freihand.folder / "evaluation" / "rgb").mkdir(parents=True)
    for i in range(len(joints)):
        picture = np.full((224, 224, 3), 90, np.uint8)
        cv2.imwrite(str(freihand.folder / "evaluation" / "rgb" / f"{i:08d}.jpg"), picture)


def columns(printed: str) -> dict[str, list[str]]:
    """Heading of every table of a paper -> the figures of our row."""
    found = {}
    for title, body in re.findall(
        r"^(\w+, Table [^\n]*)\n(.*?)(?=\n\n|\n\w+, Table|\Z)", printed, re.M | re.S
    ):
        ours = next(line for line in body.splitlines() if "ours" in line)
        found[title.strip()] = [cell.strip() for cell in re.split("[│┃]", ours)[2:-1]]
    return found


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("dahyf-resnet50", {"dahyf, Table 1, FreiHAND": 4, "dahyf, Table 4, ResNet-50": 4}),
        ("ehpe-paper-resnet50", {"ehpe, Table 1, FreiHAND": 5}),
        (
            "handar-paper-obman",
            {"handar, Table 1, w/ ObMan": 5, "handar, Table 2": 4, "handar, Table 3": 4},
        ),
    ],
)
def test_from_the_data_to_every_column_of_the_paper(name, tables, freihand, obman, run, tmp_path, capsys):
    given = ["--rig", str(freihand.mano), "--size", "64", "--expand", "1.5", "--workers", "1"]
    sets = [tmp_path / "freihand-mano"]
    negatives = ["--negatives", "0.2"] if name.startswith("dahyf") else []
    command = ["convert", "freihand", str(freihand.folder), "--out", str(sets[0])]
    assert run(*command, *given, *negatives) == 0
    if name.endswith("obman"):
        sets.append(tmp_path / "obman-mano")
        assert run("convert", "obman", str(obman), "--out", str(sets[1]), *given) == 0
    phases = ["tw", "pg"] if name.startswith("ehpe") else [""]
    before: dict[str, str] = {}
    for phase in phases:
        folder = tmp_path / f"run{phase}"
        recipe = small("-".join(filter(None, (name, phase))), sets, freihand.mano, **before)
        scores = Trainer(recipe, folder).run()
        assert np.isfinite(scores["pa_mpvpe_mm"])
        before = {"init": str(folder / WEIGHTS)}
    write_evaluation(freihand)
    capsys.readouterr()
    arguments = ["--weights", str(folder / WEIGHTS), "--paper"]
    arguments += ["--mano", str(freihand.mano), "--alignment"] if name.startswith("handar") else []
    assert run("evaluate", "--data", str(freihand.folder), *arguments) == 0
    printed = columns(capsys.readouterr().out)
    assert {title: len(row) for title, row in printed.items()} == tables
    for row in printed.values():
        assert all(np.isfinite(float(cell)) for cell in row)


def test_a_recipe_of_another_rig_than_the_set_s_stops_before_the_first_step(freihand, tmp_path):
    convert_set("freihand", freihand.folder, tmp_path / "set", size=64)
    from knuckle.errors import KnuckleError

    with pytest.raises(
        KnuckleError, match=r"got those of the open rig; convert the set again with --rig .*pkl"
    ):
        Trainer(small("handar-paper", [tmp_path / "set"], freihand.mano), tmp_path / "run")
