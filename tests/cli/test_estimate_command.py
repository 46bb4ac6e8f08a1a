"""`knuckle estimate`: what it writes and prints, and bad input of every kind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
import trimesh
from typer.testing import CliRunner

from knuckle.cli.main import app
from knuckle.geometry.camera import Camera
from knuckle.inference.detection.detection import Detection
from knuckle.photos.camera_file import write_camera
from knuckle.photos.reading import read_image

from .conftest import names, one_error

BOX = "30,20,60,64"


@pytest.fixture
def photo(tmp_path) -> Path:
    image = np.full((120, 160, 3), 60, np.uint8)
    cv2.circle(image, (60, 50), 20, (150, 180, 230), -1)
    path = tmp_path / "in" / "photo.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), image)
    return path


@pytest.fixture
def run(fake_model):
    def call(*arguments: object):
        return CliRunner().invoke(app, ["estimate", "--model", fake_model, *map(str, arguments)])

    return call


def test_writes_json_overlay_and_glb(run, photo, tmp_path):
    out = tmp_path / "out" / "deep"
    result = run(
        photo, "--box", BOX, "--side", "left", "--box", "10,10,50,50", "--side", "right",
        "--camera", "200,210,80,60", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert names(out) == ["photo.glb", "photo.json", "photo.overlay.png"]
    data = json.loads((out / "photo.json").read_text())
    assert {"image", "width", "height", "camera", "hands"} <= data.keys()
    assert (data["image"], data["width"], data["height"]) == ("photo.png", 160, 120)
    assert data["camera"] == {"fx": 200, "fy": 210, "cx": 80, "cy": 60} | {
        "assumed": False,
        "picture_mirrored": False,
        "source": "given",
    }
    assert [hand["side"] for hand in data["hands"]] == ["left", "right"]
    hand = data["hands"][0]
    assert hand["box_px"] == [30, 20, 60, 64]
    shapes = {"joints_px": (21, 2), "joints_m": (21, 3), "pose_rad": (16, 3), "shape": (10,)}
    assert {key: np.shape(hand[key]) for key in shapes} == shapes
    assert np.shape(hand["vertices_m"])[1:] == (3,)
    assert 0 <= hand["confidence"] <= 1
    assert hand["model"] == "fake-lite"
    picture = read_image(out / "photo.overlay.png")
    assert picture.shape == (120, 160, 3)
    assert (picture != read_image(photo)).any()
    scene = trimesh.load(out / "photo.glb")
    assert len(scene.geometry) >= 2
    for word in ("left", "right", "0.5", "photo.png", "photo.json", "photo.overlay.png", "photo.glb"):
        assert word in result.output
    assert "assumed" not in result.output


def test_writes_beside_the_photo_by_default(run, photo):
    result = run(photo, "--box", BOX, "--side", "right")
    assert result.exit_code == 0, result.output
    assert names(photo.parent) == ["photo.glb", "photo.json", "photo.overlay.png", "photo.png"]
    assert "assumed focal length" in result.output


def test_detected_hands(run, photo, detections):
    detections.append(Detection(np.array([30.0, 20, 60, 64]), "left", 0.9))
    assert run(photo).exit_code == 0
    data = json.loads(photo.with_suffix(".json").read_text())
    assert [hand["side"] for hand in data["hands"]] == ["left"]


def test_no_hand_is_said_and_is_no_failure(run, photo, detections):
    assert run(photo, "--box", BOX, "--side", "left").exit_code == 0
    assert photo.with_suffix(".glb").exists()
    result = run(photo)
    assert result.exit_code == 0, result.output
    assert "no hand found" in result.output
    assert json.loads(photo.with_suffix(".json").read_text())["hands"] == []
    np.testing.assert_array_equal(read_image(photo.with_suffix(".overlay.png")), read_image(photo))
    assert names(photo.parent) == ["photo.json", "photo.overlay.png", "photo.png"]


def test_bad_photos_do_not_stop_the_good_one(run, photo, detections, tmp_path):
    whole = photo.read_bytes()
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "text.jpg").write_text("no picture")
    (bad / "empty.jpg").write_bytes(b"")
    (bad / "half.png").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    given = [bad / "missing.jpg", bad / "text.jpg", photo, bad / "empty.jpg", bad / "half.png"]
    result = run(*given, "--out", out)
    assert result.exit_code == 2
    errors = [line for line in result.output.splitlines() if line.startswith("error: ")]
    expected = ["no such file", "got text", "got an empty file", "truncated"]
    assert len(errors) == len(expected)
    for line, words, path in zip(errors, expected, [p for p in given if p != photo], strict=True):
        assert words in line
        assert f"error: {path}: expected" in line
    assert names(out) == ["photo.json", "photo.overlay.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--box", BOX], "one --side (left or right) for each --box, got 1 of --box and 0 of --side"),
        (["--side", "left"], "got 0 of --box and 1 of --side"),
        (["--box", "1,2,3", "--side", "left"], "--box: expected X,Y,W,H, 4 numbers in px, got '1,2,3'"),
        (["--box", "a,b,c,d", "--side", "left"], "--box: expected X,Y,W,H"),
        (["--box", BOX, "--side", "up"], "side: expected one of left, right, got 'up'"),
        (
            ["--box", "500,20,60,64", "--side", "left"],
            "photo.png: box: expected one that meets the picture of 160x120",
        ),
        (["--box", "-5,-5,0,10", "--side", "left"], "w and h above 0"),
        (["--box", "nan,2,3,4", "--side", "left"], "expected finite"),
        (["--camera", "1,2,3"], "--camera: expected FX,FY,CX,CY, 4 numbers"),
        (["--camera", "-200,200,80,60"], "camera: expected finite fx, fy, cx, cy with fx, fy > 0"),
        (["--camera", "200,nan,80,60"], "camera: expected finite fx, fy, cx, cy"),
        (["--model", "mano"], "model: expected one of"),
    ],
)
def test_bad_options_write_nothing(run, photo, detections, arguments, words):
    assert words in one_error(run(photo, *arguments))
    assert names(photo.parent) == ["photo.png"]


def test_boxes_belong_to_one_photo(run, photo):
    other = photo.with_name("other.png")
    other.write_bytes(photo.read_bytes())
    assert "expected a single photo with it, got 2" in one_error(
        run(photo, other, "--box", BOX, "--side", "left")
    )


def test_out_is_a_file(run, photo, tmp_path):
    (tmp_path / "file").write_text("keep me")
    message = one_error(run(photo, "--box", BOX, "--side", "left", "--out", tmp_path / "file"))
    assert f"expected a folder to write to, but {tmp_path / 'file'} is a file" in message
    assert (tmp_path / "file").read_text() == "keep me"


@pytest.mark.parametrize("blocked", ["photo.json", "photo.overlay.png", "photo.glb"])
def test_one_result_that_cannot_be_written_leaves_none(run, photo, tmp_path, blocked):
    out = tmp_path / "out"
    (out / blocked).mkdir(parents=True)
    message = one_error(run(photo, "--box", BOX, "--side", "left", "--out", out))
    assert blocked in message
    assert "cannot be written" in message
    assert names(out) == [blocked]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere"
)
def test_out_without_permission(run, photo, tmp_path):
    out = tmp_path / "closed"
    out.mkdir(mode=0o500)
    message = one_error(run(photo, "--box", BOX, "--side", "left", "--out", out / "deep"))
    assert "writing is not permitted" in message


def test_detector_whose_files_are_damaged_is_one_error(run, photo, monkeypatch, tmp_path):
    from knuckle.inference.detection.finder import default_detector, proposal_network
    from knuckle.inference.detection.landmarks import landmark_network

    monkeypatch.setattr("knuckle.inference.detection.landmarks.DETECTOR_FOLDER", tmp_path / "none")
    default_detector.cache_clear()
    proposal_network.cache_clear()
    landmark_network.cache_clear()
    other = photo.with_name("other.png")
    other.write_bytes(photo.read_bytes())
    message = one_error(run(photo, other))
    assert "palm_detection_full.json: expected the record of a network" in message
    assert names(photo.parent) == ["other.png", "photo.png"]


def test_base_install_is_enough_and_quiet(photo, fake_model):
    # The base install has none of these; an optional import that fails must not be told to the user.
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('torch', 'numba', 'scipy', 'pi_heif', 'networkx', 'onnx')))\n"
        "from knuckle.cli.main import app\napp(sys.argv[1:])\n"
    )
    command = ["estimate", str(photo), "--box", BOX, "--side", "left", "--model", fake_model]
    result = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_the_landmark_network_is_asked_unless_evidence_is_turned_off(run, photo, fake_model, monkeypatch):
    from knuckle import KnuckleError
    from knuckle.inference.detection import evidence

    def unavailable() -> None:
        raise KnuckleError("no landmark network here")

    monkeypatch.setattr(evidence, "landmark_network", unavailable)
    command = [str(photo), "--box", BOX, "--side", "left", "--model", fake_model]
    failed = run(*command)
    assert failed.exit_code == 2 and "no landmark network here" in failed.output
    assert run(*command, "--no-evidence").exit_code == 0
    assert photo.with_suffix(".json").is_file()


def test_box_and_side_load_neither_detector_nor_torch(photo, fake_model):
    code = (
        "import sys\n"
        "from knuckle.cli.main import app\n"
        "try:\n    app(sys.argv[1:])\nfinally:\n"
        "    heavy = ('torch', 'timm', 'knuckle.inference.detection.palm', 'numba', 'llvmlite')\n"
        "    print('LOADED', [m for m in heavy if m in sys.modules])\n"
    )
    command = ["estimate", str(photo), "--box", BOX, "--side", "left", "--model", fake_model]
    result = subprocess.run(
        [sys.executable, "-c", code, *command, "--no-evidence"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "LOADED []" in result.stdout


def test_the_focal_length_is_exifs_unless_told_otherwise(run, photo, tmp_path):
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 26
    exif[0x8769] = 0
    jpeg = tmp_path / "phone.jpg"
    PIL.Image.open(photo).convert("RGB").save(jpeg, exif=exif)
    camera = tmp_path / "camera.json"
    write_camera(camera, Camera(120, 120, 159.5, 119.5, 320, 240))
    for options, source, focal in (
        ((), "exif", 26 / np.hypot(36, 24) * 200),
        (("--no-exif",), "assumed", 200),
        (("--camera", camera), "calibrated", 60),
        (("--camera", camera, "--no-rectify"), "calibrated", 60),
    ):
        out = tmp_path / f"{source}{len(options)}"
        result = run(jpeg, "--box", "110,70,40,44", "--side", "left", "--out", out, *options)
        assert result.exit_code == 0, result.output
        data = json.loads((out / "phone.json").read_text())["camera"]
        assert (data["source"], data["assumed"]) == (source, source == "assumed")
        assert data["fx"] == pytest.approx(focal, abs=0.01)
        assert ("assumed focal length" in result.output) == (source == "assumed")
