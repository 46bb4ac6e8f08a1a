"""The `knuckle` command as a whole: its list, its version, missing extras, `info`, `demo`."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import knuckle
from knuckle.cli.main import COMMANDS, app
from knuckle.inference.detection.detection import Detection
from knuckle.inference.merge import SIGNALS
from knuckle.inference.trust import CLASSES, Odds


def run(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_lists_every_command_and_imports_none():
    code = (
        "import sys\nfrom knuckle.cli.main import app\n"
        "try:\n    app(['--help'])\nfinally:\n"
        "    print('LOADED', sorted({'numpy', 'cv2', 'torch', 'onnxruntime'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in result.stdout
    for name in COMMANDS:
        assert name in result.stdout


def test_version():
    result = run("--version")
    assert result.exit_code == 0
    assert result.output.startswith("knuckle 0.")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_its_help(name):
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert f"knuckle {name}" in result.output or f"{name} [OPTIONS]" in result.output


def test_unknown_command_suggests_a_known_one():
    result = run("estimat")
    assert result.exit_code == 2
    assert "estimate" in result.output


@pytest.mark.parametrize(("module", "extra"), [("torch", "train"), ("matplotlib", "train")])
def test_missing_extra_is_named(monkeypatch, module, extra):
    def missing(_):
        raise ModuleNotFoundError(f"No module named '{module}.nn'", name=f"{module}.nn")

    monkeypatch.setattr("knuckle.cli.main.import_module", missing)
    result = run("train", "recipe.toml")
    assert result.exit_code == 2
    assert (
        f'knuckle train needs {module}, which is not installed: pip install "knuckle[{extra}]"'
        in result.output
    )


def test_another_missing_module_is_a_bug_and_not_hidden(monkeypatch):
    def missing(_):
        raise ModuleNotFoundError("No module named 'knuckle.cli.lost'", name="knuckle.cli.lost")

    monkeypatch.setattr("knuckle.cli.main.import_module", missing)
    result = run("train", "recipe.toml")
    assert isinstance(result.exception, ModuleNotFoundError)


def test_python_dash_m_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "knuckle", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, f"knuckle {knuckle.__version__}"), done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "knuckle", "estimate", "no-such.jpg"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and done.stderr.startswith("error: no-such.jpg"), done.stderr


def test_info_tells_that_the_detector_is_unusable(monkeypatch, tmp_path):
    monkeypatch.setattr("knuckle.inference.detection.landmarks.DETECTOR_FOLDER", tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    result = run("info")
    assert result.exit_code == 0, result.output
    assert "unusable:" in result.output and "palm_detection_full.json" in result.output


def test_info_names_versions_and_the_detector(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = run("info")
    assert result.exit_code == 0, result.output
    for words in (
        "knuckle 0.",
        "Python 3.",
        "onnxruntime",
        np.__version__,
        "MB, Apache-2.0, ready",
        "knuckle[train]",
    ):
        assert words in result.output


@pytest.fixture
def assets(monkeypatch, tmp_path) -> Path:
    """The demo's folder, still empty."""
    folder = tmp_path / "assets"
    folder.mkdir()
    monkeypatch.setattr("knuckle.photos.sample.SAMPLE_PHOTO", folder / "two_hands.jpg")
    return folder


def write_sample(assets: Path, *boxes: list[int]) -> None:
    """A grey photo of 100 x 80 px, and beside it the boxes (x, y, w, h in px) of its right and its left hand."""
    cv2.imwrite(str(assets / "two_hands.jpg"), np.full((80, 100, 3), 120, np.uint8))
    about = {"boxes": boxes, "sides": ["right", "left"], "camera": [90, 90, 50, 40]}
    (assets / "two_hands.json").write_text(json.dumps(about))


def found_in_sample(assets: Path, monkeypatch: pytest.MonkeyPatch, *boxes: list[int]) -> None:
    """The sample with these hands, which a detector finds."""
    write_sample(assets, *boxes)
    found = [
        Detection(np.array(box, dtype=float), side, 0.9)
        for box, side in zip(boxes, ("right", "left"), strict=True)
    ]
    monkeypatch.setattr("knuckle.inference.detection.finder.default_detector", lambda **_: lambda _: found)


def test_demo_finds_the_hands_and_takes_the_camera_from_the_sidecar(
    assets, tmp_path, fake_model, monkeypatch
):
    found_in_sample(assets, monkeypatch, [5, 10, 40, 40], [50, 10, 40, 40])
    result = run("demo", "--out", tmp_path / "out", "--model", fake_model)
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "out" / "two_hands.json").read_text())
    assert [hand["side"] for hand in data["hands"]] == ["right", "left"]
    assert data["camera"]["fx"] == 90
    assert not data["camera"]["assumed"]
    assert "two_hands.overlay.png" in result.output


def test_demo_sees_touching_hands_together(assets, tmp_path, installed, monkeypatch):
    # The fake systems see different things: pairs are all the two-hand system's.
    all_joints = Odds(np.zeros(len(SIGNALS)), np.full(len(CLASSES), 60.0))
    monkeypatch.setattr("knuckle.inference.auto.merge_odds", lambda *_: (all_joints, all_joints))
    found_in_sample(assets, monkeypatch, [5, 10, 50, 40], [40, 10, 40, 40])
    result = run("demo", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / "out" / "two_hands.json").read_text())
    assert [hand["model"].split("+")[0] for hand in data["hands"]] == ["dfl-lite", "dfl-lite"]


def test_info_says_how_many_hands_and_the_errors(monkeypatch, tmp_path, installed):
    monkeypatch.setenv("COLUMNS", "200")
    path = installed / "dfl-lite.json"
    scores = {"synthetic-two, dfl-lite": {"mpjpe_all_mm": 21.347, "command": "x"}}
    path.write_text(json.dumps({**json.loads(path.read_text()), "scores": scores}))
    result = run("info")
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line for line in result.output.splitlines() if "-lite" in line}
    assert rows["dahyf-lite"].split()[1] == "1" and rows["dfl-lite"].split()[1] == "2"
    assert "synthetic-two: 21.35 mm (MPJPE of both hands)" in rows["dfl-lite"]


def test_demo_with_a_broken_sidecar(assets, tmp_path, fake_model):
    (assets / "two_hands.json").write_text("{}")
    result = run("demo", "--out", tmp_path / "out", "--model", fake_model)
    assert result.exit_code == 2
    assert "expected the sample photo's boxes, sides and camera" in result.output
