"""Tables of the papers: the data file, rows trained in stages and resumed, and their order beside the paper's."""

import argparse
import json
import math
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.shared.paper_tables import (
    TABLES,
    Column,
    PaperTable,
    Row,
    read_reasons,
    read_table,
    table_names,
)
from benchmarks.shared.row_order import order_lines, order_of, rows_of
from benchmarks.training import ablations, table_runs
from benchmarks.training.table_command import _changes, add_table_options
from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.geometry.projection import project
from knuckle.models import create_model
from knuckle.rig.load import load_rig
from knuckle.sets.storage import FORMAT
from knuckle.synth.options import SynthOptions
from knuckle.training.checkpoint import load_weights, read_metadata
from knuckle.training.recipe import Recipe, read_recipe

ROOT = Path(__file__).parents[2]
EHPE = {"patch_size": 64, "width": 16, "hourglass_width": 16, "refine_width": 16, "refine_out": 8}
EHPE |= {"hourglass_depth": 2, "node_width": 16, "fem_width": 16, "mesh_hidden": 16, "mesh_width": 8}


@pytest.fixture(scope="module")
def small_set(tmp_path_factory) -> Path:
    """Twelve hands of the open rig, 64 px, on noise."""
    folder = tmp_path_factory.mktemp("set") / "set"
    folder.mkdir()
    rng, rig = np.random.default_rng(4), load_rig("open")
    pose, shape = rng.normal(0, 0.3, (12, 16, 3)), rng.normal(0, 0.5, (12, 10))
    translation = rng.uniform(-0.05, 0.05, (12, 3)) + np.array([0, 0, 0.6])
    joints = rig.posed(pose, shape, translation).joints
    lens = np.array([150, 150, 79.5, 59.5])
    affine = Crop((80.0, 60.0), 100.0, 64).patch_from_frame
    arrays = {
        "images": rng.integers(0, 255, (12, 64, 64, 3), dtype=np.uint8),
        "is_hand": np.ones(12, bool),
        "joints_px": apply_affine(affine, project(joints, lens)),
        "joints_m": joints,
        "pose": pose,
        "shape": shape,
        "translation": translation,
        "camera": np.tile(lens, (12, 1)),
        "patch_from_frame": np.tile(affine, (12, 1, 1)),
    }
    specs = {}
    for name, array in arrays.items():
        stored = array.astype(np.float32) if array.dtype == np.float64 else array
        np.save(folder / f"{name}.npy", stored)
        specs[name] = {"shape": list(stored.shape), "dtype": stored.dtype.name}
    about = {"format": FORMAT, "count": 12, "seed": 0, "rig": rig.fingerprint, "complete": True}
    about["options"] = SynthOptions(size=64).to_dict()
    (folder / "index.json").write_text(json.dumps(about | {"arrays": specs}))
    return folder


def small_table(folder: Path, data: Path) -> Path:
    """Two rows of EHPE in two stages of one step, with random backbones."""
    switches = ", ".join(f"{name} = {json.dumps(value)}" for name, value in EHPE.items())
    for phase in ("tw", "pg"):
        (folder / f"{phase}.toml").write_text(
            f'system = "ehpe"\nphase = "{phase}"\ndata = "{data}"\nsamples = 4\nbatch = 4\nvalidation = 4\n'
            f"negatives = 0.0\nwarmup_samples = 0\npretrained = false\nema = 0.0\nswitches = {{ {switches} }}\n"
        )
    path = folder / "tables.toml"
    path.write_text(
        f"""[[plans.ehpe.small]]
recipe = "{folder / "tw.toml"}"
reads = ["stages", "tw_joint_set"]
unless = {{ stages = "pg_only" }}
[[plans.ehpe.small]]
recipe = "{folder / "pg.toml"}"
keeps = ["backbone.", "fusion.", "tw."]
[small]
title = "a small table"
plan = "ehpe"
full = "both"
columns = [["PA-MPJPE (mm)", "PA-MPJPE"], ["PA-MPVPE (mm)", "PA-MPVPE"]]
also = [["EPE (px)", "EPE of the 2D branch"], ["mIoU (%)", "mIoU hand"]]
[small.rows."PG"]
switches = {{ stages = "pg_only" }}
paper = [7.2, 7.3]
[small.rows."SPI"]
switches = {{ use_fem = false }}
paper = [6.0, 6.1]
[small.rows."both"]
paper = [5.6, 5.7]
"""
    )
    return path


def test_every_table_names_rows_that_can_be_built_and_recipes_that_can_be_read():
    names = table_names()
    assert names == [f"ehpe-{n}" for n in (3, 4, 5, 6)] + ["dahyf-4", "handar-3"] + [
        f"dfl-{n}" for n in (1, 2, 3)
    ]
    for name in names:
        for budget in ("small", "paper"):
            table = read_table(name, budget=budget)  # type: ignore[arg-type]
            for stage in table.stages:
                recipe = read_recipe(ROOT / stage.recipe)
                make = import_module(f"knuckle.models.{recipe.system}.config").make_config
                for row in table.rows:
                    # Refused where a switch or its value is unknown; a user's MANO file is not opened here.
                    make(recipe.preset, **{**recipe.switches, **stage.switches_of(row)})


def test_a_row_is_trained_in_its_stages_once_and_scored(small_set, tmp_path, monkeypatch, capsys):
    tables = small_table(tmp_path, small_set)
    monkeypatch.setattr(read_table, "__kwdefaults__", {"budget": "small", "path": tables})
    runs: list[str] = []
    train = table_runs.Trainer.run

    def counted(trainer: table_runs.Trainer) -> dict[str, float]:
        runs.append(trainer.folder.name)
        return train(trainer)

    monkeypatch.setattr(table_runs.Trainer, "run", counted)
    monkeypatch.setattr(ablations, "add_table_options", with_choice(ablations.add_table_options))
    words = ["ablations", "--table", "small", "--seeds", "1", "--out", str(tmp_path / "out"), "--speed"]
    monkeypatch.setattr(sys, "argv", [*words, "--markdown", str(tmp_path / "t.md")])
    ablations.main()
    # The row without SPI's change shares the first stage of the full one, PG alone has none.
    expected = ["pg-stages-pg_only-0", "tw-full-0", "pg-use_fem-false-0", "pg-full-0"]
    assert runs == expected
    text = (tmp_path / "t.md").read_text()
    assert text.startswith("### a small table")
    heading = "| row | seeds | PA-MPJPE (mm) | paper | PA-MPVPE (mm) | paper | EPE (px) | mIoU (%)"
    assert f"{heading} | parameters (M) | speed, full = 1 | why |" in text
    assert "| both | 1 |" in text and "| 5.60 |" in text
    # The second stage leaves the first one's weights as they are.
    first, second = (
        load_weights_of(tmp_path / "out" / name / "weights.safetensors")
        for name in ("tw-full-0", "pg-full-0")
    )
    tw = [name for name in first if name.startswith("tw.")]
    assert tw and all(torch.equal(first[name], second[name]) for name in tw)
    assert any(not torch.equal(first[n], second[n]) for n in first if n.startswith("pg."))
    # All is there: nothing is trained or scored again.
    monkeypatch.setattr(table_runs, "open_model", None)
    monkeypatch.setattr(sys, "argv", words[:-1])
    ablations.main()
    assert runs == expected
    assert "all columns:" in capsys.readouterr().out


def test_a_folder_of_another_recipe_is_refused(small_set, tmp_path, monkeypatch):
    table = read_table("small", path=small_table(tmp_path, small_set))
    monkeypatch.setattr(table_runs.Trainer, "run", lambda trainer: {})
    table_runs.train_row(table, table.rows[0], tmp_path / "out", seed=0)
    with pytest.raises(KnuckleError, match=r"expected a run of the recipe pg .* got one with other samples"):
        table_runs.train_row(table, table.rows[0], tmp_path / "out", seed=0, changes={"samples": 8})


def test_a_row_without_a_module_neither_loads_nor_freezes_it():
    whole = Recipe("r", system="ehpe", switches=EHPE, init="w", init_parts=("backbone.", "fusion."))
    whole = replace(whole, frozen=("backbone", "fusion"))
    assert table_runs.with_own_parts(whole) == whole
    # The second stage alone, on the coarsest features, has no fusion of the finer ones.
    less = replace(whole, switches={**EHPE, "stages": "pg_only", "pg_feature": "coarse"})
    found = table_runs.with_own_parts(less)
    assert (found.init_parts, found.frozen) == (("backbone.",), ("backbone",))
    with pytest.raises(KnuckleError, match="recipe r: init_parts: expected some of its network's, got none"):
        table_runs.with_own_parts(replace(less, init_parts=("fusion.",)))


def with_choice(add):
    """The options, with the small table beside the papers'."""

    def changed(parser):
        add(parser)
        action = next(a for a in parser._actions if "--table" in a.option_strings)
        action.choices = [*action.choices, "small"]

    return changed


def load_weights_of(path: Path) -> dict[str, torch.Tensor]:
    switches = json.loads(read_metadata(path)["switches"])
    model = create_model("ehpe", **switches)
    load_weights(path, model)
    return model.state_dict()


def made_table(*rows: Row) -> PaperTable:
    return PaperTable("t", "t", (Column("error", "e"),), (), rows[0].name, rows, ())


def test_pairs_further_apart_than_the_spread_are_compared_with_the_paper():
    table = made_table(Row("a", {}, (1.0,)), Row("b", {}, (2.0,)), Row("c", {}, (3.0,)), Row("d", {}, (3.0,)))
    ours = {"a": (10.0, 10.2), "b": (12.0, 12.2), "c": (11.0, 11.2), "d": (11.1, 11.3)}
    found = {row: [{"e": value} for value in values] for row, values in ours.items()}
    order = order_of(found, table, 0)
    assert order.spread == pytest.approx(0.1 * math.sqrt(2))
    # c and d lie nearer than the spread, and the paper has them equal; b stands above both, the paper has it below.
    assert (order.apart, order.agree) == (5, 3)
    assert set(order.against) == {("c", "b"), ("d", "b")}
    assert order_lines(found, table)[-1] == (
        "all columns: 5 pairs of rows further apart than the spread, 3 in the paper's order (60 %)"
    )


def test_rows_that_are_missing_and_figures_the_paper_lacks_are_left_out():
    table = made_table(Row("a", {}, (1.0,)), Row("b", {}, (math.nan,)), Row("c", {}, (2.0,)))
    found = {"a": [{"e": 1.0}], "b": [{"e": 2.0}]}
    order = order_of(found, table, 0)
    assert math.isnan(order.spread) and order.apart == 0
    found["c"] = [{"e": 3.0}]
    # One seed has no spread to be further apart than.
    said = "1 pair of rows that differ at all, 1 in the paper's order"
    assert order_lines(found, table) == [
        f"error: seeds' spread not known (one seed); {said}",
        f"all columns: {said} (100 %)",
    ]
    found.pop("c")
    headings, rows = rows_of(found, table, reasons={"a": "because"}, speeds={"a": 1.0, "b": 2.0})
    assert headings == ["row", "seeds", "error", "paper", "parameters (M)", "speed, full = 1", "why"]
    assert rows[0] == ["a", "1", "1.00", "1.00", "-", "1.00", "because"]
    assert rows[1] == ["b", "1", "2.00", "-", "-", "2.00", "-"]
    assert rows[2] == ["c", "0", "-", "2.00", "-", "-", "-"]


def test_reasons_are_those_of_a_run_of_the_same_length(tmp_path):
    path = tmp_path / "reasons.toml"
    path.write_text('[one]\nsamples = 64\n"a" = "because"\n[other]\n"b" = "so"\n')
    assert read_reasons("one", samples=64, path=path) == {"a": "because"}
    assert read_reasons("one", samples=None, path=path) == {}
    assert read_reasons("other", samples=None, path=path) == {"b": "so"}
    assert read_reasons("other", samples=64, path=path) == {}
    assert read_reasons("none", samples=None, path=path) == {}
    # Those that are written name rows of their tables.
    for name in table_names():
        rows = {row.name for row in read_table(name).rows}
        for samples in (None, 3200):
            assert set(read_reasons(name, samples=samples)) <= rows
    assert read_reasons("ehpe-3", samples=3200)


def test_hands_may_be_held_out_by_number(small_set, tmp_path):
    table = read_table("small", path=small_table(tmp_path, small_set))
    words = ["--table", "ehpe-3", "--held-out", "5", "--samples", "8"]
    parser = argparse.ArgumentParser()
    add_table_options(parser)
    parser.add_argument("--data", action="append", default=[])
    changes = _changes(parser.parse_args(words))
    recipe = table_runs.recipe_of(table.stages[0], table.rows[0], seed=0, changes=changes)
    assert (recipe.validation, recipe.samples) == (5, 8)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("paper = [5.6, 5.7]", "paper = [5.6]", "small: both: expected a figure a column, 2, got 1"),
        ('full = "both"', 'full = "all"', "full: expected one of its rows, got 'all'"),
        ('plan = "ehpe"', 'plan = "other"', "small: expected the keys of a table, got KeyError"),
        ("[small]", "[small", "expected tables of papers"),
    ],
)
def test_a_damaged_data_file_is_named(tmp_path, old, new, said):
    path = small_table(tmp_path, tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(KnuckleError, match=str(path)) as caught:
        read_table("small", path=path)
    assert said in str(caught.value)
    with pytest.raises(KnuckleError, match="table: expected one of ehpe-3"):
        read_table("ehpe-9", path=TABLES)
