"""`knuckle estimate --model all`: every installed model on the same boxes, and what is written."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from knuckle import weights
from knuckle.cli.main import app
from knuckle.inference import estimate
from knuckle.inference.detection.detection import Detection
from knuckle.photos.reading import read_image

from .conftest import names, one_error

BOX = ["--box", "30,20,60,64", "--side", "left"]
PAIR = [*BOX, "--box", "70,20,60,64", "--side", "right"]
SEEN_PAIR = ["--box", "10,5,44,40", "--side", "right", "--box", "46,25,44,40", "--side", "left"]
"""Boxes in which the two-hand network of these tests draws its hands."""
FILES = [
    "photo.compare.png",
    "photo.first-lite.glb",
    "photo.first-lite.json",
    "photo.second-lite.glb",
    "photo.second-lite.json",
]


@pytest.fixture
def photo(tmp_path) -> Path:
    image = np.full((120, 260, 3), 60, np.uint8)
    cv2.circle(image, (60, 50), 20, (150, 180, 230), -1)
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), image)
    return path


def run(*arguments: object, model: str = "all"):
    return CliRunner().invoke(app, ["estimate", "--model", model, *map(str, arguments)])


def test_writes_a_column_and_files_for_each_model(two_models, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "out"
    result = run(photo, *BOX, "--out", out)
    assert result.exit_code == 0, result.output
    assert names(out) == FILES
    found = [json.loads((out / f"photo.{name}.json").read_text())["hands"] for name in two_models]
    assert [[hand["model"] for hand in hands] for hands in found] == [[name] for name in two_models]
    assert found[0][0]["box_px"] == found[1][0]["box_px"] == [30, 20, 60, 64]
    assert found[0][0]["joints_px"] != found[1][0]["joints_px"]
    picture = read_image(out / "photo.compare.png")
    assert picture.shape[0] > 120
    assert picture.shape[1] > 2 * 260
    for name in (*two_models, *FILES):
        assert name in result.output


def test_picture_stands_beside_the_photo_of_each_overlay(two_models, photo):
    run(photo, *BOX)
    compared = read_image(photo.with_suffix(".compare.png"))
    for number, name in enumerate(two_models):
        run(photo, *BOX, model=name)
        overlay = read_image(photo.with_suffix(".overlay.png"))
        left = number * (compared.shape[1] - 260)
        np.testing.assert_array_equal(compared[-120:, left : left + 260], overlay)


def test_detector_runs_once_a_photo(two_models, photo, monkeypatch):
    seen = []

    def detect(image):
        seen.append(image.shape)
        return [Detection(np.array([30.0, 20, 60, 64]), "right", 0.9)]

    monkeypatch.setattr("knuckle.inference.detection.finder.default_detector", lambda **_: detect)
    assert run(photo).exit_code == 0
    assert seen == [(120, 260, 3)]
    for name in two_models:
        hands = json.loads(photo.with_suffix(f".{name}.json").read_text())["hands"]
        assert [hand["side"] for hand in hands] == ["right"]


def test_no_hand(two_models, photo, monkeypatch):
    monkeypatch.setattr("knuckle.inference.detection.finder.default_detector", lambda **_: lambda _: [])
    assert run(photo, *BOX).exit_code == 0
    assert photo.with_suffix(".second-lite.glb").exists()
    result = run(photo)
    assert result.exit_code == 0, result.output
    assert result.output.count("no hand found") == 1
    assert names(photo.parent) == sorted(["photo.png", *(name for name in FILES if ".glb" not in name)])


def test_one_installed_model(two_models, photo):
    (weights.WEIGHTS_FOLDER / "second-lite.json").unlink()
    assert run(photo, *BOX).exit_code == 0
    assert names(photo.parent) == sorted(["photo.png", *(name for name in FILES if "second" not in name)])


def test_none_installed(two_models, photo):
    for record in weights.WEIGHTS_FOLDER.glob("*.json"):
        record.unlink()
    assert "model: expected installed weights for all of them, got none" in one_error(run(photo, *BOX))


@pytest.mark.parametrize("name", ["mano", "first-lit", "All"])
def test_unknown_model_lists_the_valid_names(two_models, photo, name):
    message = one_error(run(photo, *BOX, model=name))
    listed = "first, second, first-lite, second-lite, auto, all or a .onnx file"
    assert message == f"error: model: expected one of {listed}, got {name!r}"
    assert names(photo.parent) == ["photo.png"]


def test_damaged_weights_of_one_stop_the_call(two_models, photo):
    path = weights.WEIGHTS_FOLDER / "second-lite.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": "0" * 64}))
    assert "the file is damaged" in one_error(run(photo, *BOX))
    assert names(photo.parent) == ["photo.png"]


@pytest.mark.parametrize("blocked", FILES)
def test_one_result_that_cannot_be_written_leaves_none(two_models, photo, tmp_path, blocked):
    out = tmp_path / "out"
    (out / blocked).mkdir(parents=True)
    assert "cannot be written" in one_error(run(photo, *BOX, "--out", out))
    assert names(out) == [blocked]


def test_what_is_not_ours_survives_a_comparison(two_models, photo):
    other = photo.with_suffix(".compare.png")
    other.write_bytes(photo.read_bytes())
    result = run(photo, *BOX)
    assert result.exit_code == 0 and "photo.compare.png is not an earlier result" in result.output
    assert other.read_bytes() == photo.read_bytes()
    assert photo.with_name("photo.png.compare.png").exists()


def test_auto_is_the_default_and_one_hand_weights_are_enough(installed, photo):
    for expected in ("dfl-lite", "dahyf-lite"):
        result = CliRunner().invoke(app, ["estimate", str(photo), *SEEN_PAIR])
        assert result.exit_code == 0, result.output
        hands = json.loads(photo.with_suffix(".json").read_text())["hands"]
        # Where both systems have a share in a hand, the two-hand system is named first.
        assert [hand["model"].split("+")[0] for hand in hands] == [expected, expected]
        estimate._predictor.cache_clear()
        (installed / "dfl-lite.json").unlink(missing_ok=True)
    (installed / "dahyf-lite.json").unlink()
    assert "model: expected one of" in one_error(run(photo, *PAIR, model="auto"))


def test_all_shows_pairs_and_lone_hands_of_every_system(installed, photo):
    assert run(photo, *PAIR).exit_code == 0
    for name in ("dahyf-lite", "dfl-lite"):
        hands = json.loads(photo.with_suffix(f".{name}.json").read_text())["hands"]
        assert [hand["model"] for hand in hands] == [name, name]


def test_damaged_two_hand_weights_stop_auto(installed, photo):
    path = installed / "dfl-lite.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": "0" * 64}))
    assert "the file is damaged" in one_error(run(photo, *BOX, model="auto"))
    assert names(photo.parent) == ["photo.png"]


def test_python_api_takes_one_model_at_a_time(two_models, photo):
    from knuckle.errors import KnuckleError

    with pytest.raises(KnuckleError, match="expected one of first, second, first-lite, second-lite or"):
        estimate.estimate(photo, boxes=[[30, 20, 60, 64]], sides=["left"], model="all")


def test_info_lists_every_model(two_models, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["info"])
    assert result.exit_code == 0, result.output
    for name in two_models:
        assert name in result.output
