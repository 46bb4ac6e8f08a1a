"""`knuckle evaluate` as typed."""

import json
import pickle
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from knuckle.cli.main import app


def run(*arguments: str):
    return CliRunner().invoke(app, ["evaluate", *arguments])


def test_writes_a_report_and_a_plot_a_source(photo_index, fake_model, tmp_path):
    out = tmp_path / "out"
    result = run("--data", str(photo_index), "--weights", fake_model, "--out", str(out), "--by-class")
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["a.png", "b.png", "photos.json"]
    reports = json.loads((out / "photos.json").read_text())["reports"]
    assert [(r["benchmark"], r["count"], r["model"]) for r in reports] == [
        ("A", 5, "fake-lite"),
        ("B", 2, "fake-lite"),
    ]
    assert reports[0]["scores"]["2D error"]["value"] > 0
    assert "W wrist" in result.output and "PA-MPJPE" in result.output
    picture = cv2.imread(str(out / "a.png"))
    assert picture.shape[0] > 300 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 20


def test_plots_are_asked_for_before_anything_is_scored(photo_index, fake_model, tmp_path, monkeypatch):
    monkeypatch.setattr("knuckle.view.charts.find_spec", lambda _: None)
    arguments = ("--data", str(photo_index), "--weights", fake_model, "--out", str(tmp_path / "out"))
    result = run(*arguments)
    assert result.exit_code == 2 and not (tmp_path / "out").exists()
    assert 'charts need matplotlib: pip install "knuckle[train]", or give --no-plot' in result.output
    assert run(*arguments, "--no-plot").exit_code == 0


@pytest.fixture
def own_model(fake_model, tmp_path) -> Path:
    """A copy of the fake network and its record, to write to."""
    folder = tmp_path / "own weights"
    folder.mkdir()
    for suffix in (".onnx", ".json"):
        shutil.copy(Path(fake_model).with_suffix(suffix), folder)
    return folder / Path(fake_model).name


def test_records_scores_with_the_command_that_prints_them(photo_index, own_model):
    record, network = own_model.with_suffix(".json"), own_model.read_bytes()
    older = {"B, fake-lite": {"hands": 1}, "elsewhere, fake-lite": {"hands": 7, "command": "x"}}
    record.write_text(json.dumps({**json.loads(record.read_text()), "scores": older}))
    before = json.loads(record.read_text())
    arguments = ("--data", str(photo_index), "--weights", str(own_model), "--limit", "2")
    assert run(*arguments).exit_code == 0 and json.loads(record.read_text()) == before
    result = run(*arguments, "--record")
    assert result.exit_code == 0, result.output
    assert f"recorded in {record}" in result.output
    after = json.loads(record.read_text())
    scores = after.pop("scores")
    before.pop("scores")
    assert after == before and own_model.read_bytes() == network
    assert len(list(record.parent.iterdir())) == 2, "nothing half-written is left"
    assert set(scores) == {"A, fake-lite", "B, fake-lite", "elsewhere, fake-lite"}
    assert scores["elsewhere, fake-lite"] == older["elsewhere, fake-lite"]
    command = scores["B, fake-lite"]["command"]
    assert scores["B, fake-lite"]["hands"] == 2
    # The command, typed again, prints these figures.
    again = run(*shlex.split(command)[2:])
    assert f"{scores['A, fake-lite']['pa_mpjpe_mm']:.2f} mm" in again.output
    assert f"{scores['B, fake-lite']['error_2d_percent_of_box']:.2f} % of box" in again.output
    assert run(*arguments, "--record", "--no-refine", "--expand", "1.25").exit_code == 0
    scores = json.loads(record.read_text())["scores"]
    assert "B, fake-lite" in scores
    command = scores["B, fake-lite (network alone)"]["command"]
    assert command.endswith("--limit 2 --expand 1.25 --no-refine")


def test_shipped_weights_are_recorded_under_their_full_name(photo_index, installed):
    result = run("--data", str(photo_index), "--weights", "dahyf", "--weights", "dfl", "--record")
    assert result.exit_code == 0, result.output
    for name in ("dahyf-lite", "dfl-lite"):
        scores = json.loads((installed / f"{name}.json").read_text())["scores"]
        assert set(scores) == {f"A, {name}", f"B, {name}"}
        assert scores[f"A, {name}"]["command"].endswith(f"--weights {name}")


@pytest.mark.parametrize(
    "weights", ["auto", "run.safetensors", "no-such.onnx", "no-such", "broken", "scores"]
)
def test_scores_need_a_record_to_go_into(weights, photo_index, own_model):
    record = own_model.with_suffix(".json")
    message = {
        "no-such.onnx": "no-such.json: expected the record of a weights file",
        "no-such": "model: expected one of",
        "broken": "fake.json: expected the record of a weights file (JSON)",
        "scores": "fake.json: scores: expected an object, got [1]",
    }.get(
        weights, f"record: expected weights with a record (a model's name or an .onnx file), got '{weights}'"
    )
    if weights == "broken":
        record.write_text("{")
    elif weights == "scores":
        record.write_text(json.dumps({**json.loads(record.read_text()), "scores": [1]}))
    before = record.read_bytes()
    named = str(own_model) if weights in ("broken", "scores") else weights
    result = run("--data", str(photo_index), "--weights", named, "--record")
    assert result.exit_code == 2 and message in result.output, result.output
    assert "PA-MPJPE" not in result.output, "told before anything is scored"
    assert record.read_bytes() == before


def test_several_data_and_limit(photo_index, rendered_folder, fake_model):
    result = run(
        "--data", str(photo_index), "--data", str(rendered_folder), "--weights", fake_model, "--limit", "2"
    )
    assert result.exit_code == 0, result.output
    assert "A · 2 hands" in result.output and "rendered · 2 hands" in result.output
    assert "confidence ROC-AUC" in result.output


def test_meshes_and_silhouettes_of_a_rendered_set(rendered_folder, fake_model, tmp_path):
    out = tmp_path / "out"
    result = run(
        *("--data", str(rendered_folder), "--weights", fake_model, "--out", str(out)),
        *("--alignment", "--by-class", "--no-refine"),
    )
    assert result.exit_code == 0, result.output
    scores = json.loads((out / "rendered.json").read_text())["reports"][0]["scores"]
    assert scores["PA-MPVPE"]["value"] > 0 and 0 < scores["F@15 aligned"]["value"] <= 1
    assert 0 < scores["mIoU fingers"]["value"] < scores["mIoU hand"]["value"] < 100
    assert scores["Hausdorff hand"]["value"] > 1 and scores["Hausdorff hand"]["unit"] == "px"
    assert "relative to tips (%)" in result.output and "224x224 px" in result.output


def test_several_models_share_a_report_and_a_plot(rendered_folder, fake_model, tmp_path):
    out = tmp_path / "out"
    result = run(
        *("--data", str(rendered_folder), "--weights", fake_model, "--weights", fake_model),
        *("--out", str(out), "--limit", "2"),
    )
    assert result.exit_code == 0, result.output
    reports = json.loads((out / "rendered.json").read_text())["reports"]
    assert [r["model"] for r in reports] == ["fake-lite (1)", "fake-lite (2)"]
    assert reports[0]["scores"] == reports[1]["scores"]
    assert sorted(p.name for p in out.iterdir()) == ["rendered.json", "rendered.png"]


def test_silhouettes_need_a_mesh_whose_triangles_are_known(
    photo_index, freihand_folder, fake_model, tmp_path
):
    out = tmp_path / "out"
    result = run("--data", str(photo_index), "--weights", fake_model, "--alignment", "--out", str(out))
    assert result.exit_code == 2 and not out.exists()
    assert "alignment: expected data with a mesh a hand, A has none" in result.output
    result = run("--data", str(freihand_folder), "--weights", fake_model, "--alignment")
    assert result.exit_code == 2 and "--mano" in result.output and "778 vertices" in result.output


def test_silhouettes_of_manos_mesh_with_the_users_file(freihand_folder, fake_model, tmp_path):
    rng = np.random.default_rng(0)
    tree = np.array([(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14), range(16)])
    mano = {
        "v_template": rng.uniform(-0.1, 0.1, (778, 3)),
        "f": rng.integers(0, 778, (1538, 3)),
        "kintree_table": tree,
        "weights": rng.uniform(0, 1, (778, 16)),
        "hands_mean": np.zeros(45),
        "J_regressor": np.full((16, 778), 1 / 778),
        "shapedirs": np.zeros((778, 3, 10)),
        "posedirs": np.zeros((778, 3, 135)),
    }
    (tmp_path / "MANO_RIGHT.pkl").write_bytes(pickle.dumps(mano))
    out = tmp_path / "out"
    result = run(
        *("--data", str(freihand_folder), "--weights", fake_model, "--out", str(out), "--no-plot"),
        *("--alignment", "--mano", str(tmp_path / "MANO_RIGHT.pkl")),
    )
    assert result.exit_code == 0, result.output
    scores = json.loads((out / "freihand.json").read_text())["reports"][0]["scores"]
    assert 0 < scores["mIoU hand"]["value"] < 100 and "PA-MPVPE" not in scores


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nonsense"], "expected synthetic, synthetic-two, eval-dev or the folder"),
        (["--weights", "nothing"], "model: expected"),
        (["--expand", "0"], "expand: expected"),
        (["--limit", "0"], "limit: expected"),
        (["--root", "guess"], "guess"),
        (["--alignment", "--mano", "none.pkl"], "none.pkl"),
        (["--mano", "none.pkl"], "none.pkl: expected a MANO file"),
    ],
)
def test_bad_options_end_in_one_sentence(photo_index, fake_model, arguments, message):
    given = ["--data", str(photo_index), "--weights", fake_model, *arguments]
    if "--data" in arguments:
        given = given[2:]
    result = run(*given)
    assert result.exit_code == 2
    assert message in result.output and "Traceback" not in result.output


def test_damaged_data_writes_nothing(photo_index, fake_model, tmp_path):
    (photo_index / "images" / "left3.png").write_text("no picture")
    out = tmp_path / "out"
    result = run("--data", str(photo_index), "--weights", fake_model, "--out", str(out))
    assert result.exit_code == 2 and "left3.png" in result.output
    assert list(out.iterdir()) == []


def test_out_that_is_a_file(photo_index, fake_model, tmp_path):
    (tmp_path / "out").write_text("x")
    result = run("--data", str(photo_index), "--weights", fake_model, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2 and "expected a folder to write to" in result.output


def test_weights_of_a_training_run(photo_index, tmp_path):
    import torch

    from knuckle.models import create_model
    from knuckle.training.checkpoint import save_weights

    torch.manual_seed(0)
    path = tmp_path / "run.safetensors"
    save_weights(path, create_model("dahyf"), metadata={"system": "dahyf", "preset": "lite"})
    out = tmp_path / "out"
    result = run(
        "--data", str(photo_index), "--weights", str(path), "--limit", "1", "--out", str(out), "--no-plot"
    )
    assert result.exit_code == 0, result.output
    scores = json.loads((out / "photos.json").read_text())["reports"][0]["scores"]
    assert scores["2D error of the 2D branch"]["value"] > 1 and scores["PA-MPJPE"]["value"] > 1
    save_weights(path, create_model("dahyf"), metadata={})
    result = run("--data", str(photo_index), "--weights", str(path))
    assert result.exit_code == 2 and "names no system" in result.output


def test_models_are_scored_with_the_evidence_of_the_photographs_unless_told_not_to(
    photo_index, fake_model, monkeypatch, tmp_path
):
    """A landmark network that sees all joints in the middle of what it is shown: it pulls the hands there."""
    from knuckle import open_model as predictors
    from knuckle.inference.detection.landmarks import Landmarks

    asked: list[tuple[int, ...]] = []

    class Dot:
        def look(self, image, square):
            asked.append(image.shape)
            offsets = np.random.default_rng(0).normal(0, 0.05, (21, 3))
            joints = offsets[:, :2] * square.side_px + square.centre_px
            return joints, Landmarks(np.zeros((21, 3)), offsets, 0.999, 0.999)

    monkeypatch.setattr(predictors, "landmark_network", Dot)
    scores = {}
    for switch in ("--evidence", "--no-evidence"):
        out = tmp_path / switch
        arguments = (
            "--data",
            str(photo_index),
            "--weights",
            fake_model,
            "--out",
            str(out),
            "--no-plot",
            switch,
        )
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        report = json.loads((out / "photos.json").read_text())["reports"][0]
        scores[report["model"]] = report["scores"]["2D error"]["value"]
        if switch == "--evidence":
            assert len(asked) >= 7 and all(len(shape) == 3 for shape in asked)
            asked.clear()
    assert not asked
    assert set(scores) == {"fake-lite", "fake-lite (no evidence)"}
    assert scores["fake-lite"] != scores["fake-lite (no evidence)"]
