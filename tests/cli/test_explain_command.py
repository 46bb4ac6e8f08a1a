"""`knuckle explain`: the picture it writes, and bad input."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from knuckle.cli.main import app
from knuckle.inference.detection.detection import Detection
from knuckle.photos.reading import read_image

from .conftest import names, one_error

PAIR = ["--box", "60,60,80,90", "--side", "right", "--box", "120,75,90,80", "--side", "left"]


@pytest.fixture
def photo(tmp_path) -> Path:
    noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(240, 320, 3)), (0, 0), 7)
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8))
    return path


@pytest.fixture
def run(fake_pair_model):
    def call(*arguments: object, model: str = fake_pair_model):
        return CliRunner().invoke(app, ["explain", "--model", model, *map(str, arguments)])

    return call


def test_writes_one_picture_beside_the_photo(run, photo):
    result = run(photo, *PAIR)
    assert result.exit_code == 0, result.output
    assert names(photo.parent) == ["photo.explain.png", "photo.png"]
    picture = read_image(photo.with_name("photo.explain.png"))
    # Two hands, two iterations, four joints by two streams.
    assert picture.shape[0] > 4 * 160 and picture.shape[1] > 8 * 160
    for words in ("fake-pair-lite", "a right hand with confidence 0.", "photo.explain.png"):
        assert words in result.output


def test_joints_and_folder_may_be_chosen(run, photo, tmp_path):
    out = tmp_path / "out" / "deep"
    result = run(photo, *PAIR, "--joint", "pinky_tip", "--out", out, "--camera", "300,300,160,120")
    assert result.exit_code == 0, result.output
    assert names(out) == ["photo.explain.png"]
    assert read_image(out / "photo.explain.png").shape[1] < 4 * 160


def test_a_lone_hand_shows_that_hand_alone(run, photo):
    run(photo, *PAIR)
    both = read_image(photo.with_name("photo.explain.png")).shape
    assert run(photo, *PAIR[:4]).exit_code == 0
    one = read_image(photo.with_name("photo.explain.png")).shape
    assert one[1] == both[1] and one[0] < 0.6 * both[0]


def test_found_hands_go_by_the_first_pair_else_the_best_hand(run, photo, detections):
    detections.append(Detection(np.array([250.0, 10, 40, 40]), "left", 0.95))
    assert run(photo).exit_code == 0
    one = read_image(photo.with_name("photo.explain.png"))
    detections.append(Detection(np.array([60.0, 60, 80, 90]), "right", 0.9))
    detections.append(Detection(np.array([120.0, 75, 90, 80]), "left", 0.8))
    assert run(photo).exit_code == 0
    found = read_image(photo.with_name("photo.explain.png"))
    assert found.shape[0] > 1.5 * one.shape[0]
    run(photo, *PAIR)
    np.testing.assert_array_equal(read_image(photo.with_name("photo.explain.png")), found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (PAIR[:2], "got 1 of --box and 0 of --side"),
        ([*PAIR[:4], *PAIR[:4]], "--box: expected one hand, or a left and a right one, got right, right"),
        ([*PAIR, *PAIR[:4]], "--box: expected one hand, or a left and a right one, got right, left, right"),
        (["--box", "1,2,3", "--side", "left"], "--box: expected X,Y,W,H, 4 numbers"),
        (["--box", "500,20,60,64", "--side", "left"], "box: expected one that meets the picture of 320x240"),
        (["--box", "1,2,30,40", "--side", "up"], "side: expected one of left, right, got 'up'"),
        ([*PAIR, "--joint", "elbow"], "--joint: expected one of wrist, thumb_cmc, "),
        ([*PAIR, "--camera", "1,2"], "--camera: expected FX,FY,CX,CY"),
        ([], "photo.png: expected a hand to explain, found none"),
    ],
)
def test_bad_options_write_nothing(run, photo, detections, arguments, words):
    assert words in one_error(run(photo, *arguments))
    assert names(photo.parent) == ["photo.png"]


def test_one_hand_systems_have_nothing_to_explain(run, photo, fake_model):
    message = one_error(run(photo, *PAIR, model=fake_model))
    assert "--model: expected a two-hand system (dfl), got fake-lite, which has no attention" in message


def test_two_hand_system_without_attention(run, photo, fake_pair_model, tmp_path):
    import hashlib
    from dataclasses import replace

    import onnx

    from knuckle.weights import read_record

    model = onnx.load(fake_pair_model)
    kept = [output for output in model.graph.output if output.name != "attention"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    path = tmp_path / "plain.onnx"
    onnx.save(model, path)
    record = read_record(Path(fake_pair_model).with_suffix(".json"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    replace(record, file=path.name, sha256=digest).write(path.with_suffix(".json"))
    message = one_error(run(photo, *PAIR, model=str(path)))
    assert "model: expected a system with attention to explain, got fake-pair-lite" in message
    assert names(photo.parent) == ["photo.png"]


def test_missing_photo_and_unwritable_folder(run, photo, tmp_path):
    assert "no such file" in one_error(run(tmp_path / "nothing.png", *PAIR))
    (tmp_path / "file").write_text("keep me")
    assert "expected a folder to write to" in one_error(run(photo, *PAIR, "--out", tmp_path / "file"))
    (tmp_path / "out" / "photo.explain.png").mkdir(parents=True)
    assert "cannot be written" in one_error(run(photo, *PAIR, "--out", tmp_path / "out"))


def test_unknown_model(run, photo):
    assert "model: expected one of" in one_error(run(photo, *PAIR, model="mano"))
