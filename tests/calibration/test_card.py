"""Cards found in pictures, and `knuckle calibrate`."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from knuckle.calibration.card import CARD_M, find_cards, refine_corners
from knuckle.calibration.length import focal_from_lengths
from knuckle.cli.main import app
from knuckle.errors import KnuckleError

from .rendered_card import render

FOCAL, SIZE = 700.0, (640, 480)
TILTS = [(35, 10, 20), (-30, 25, 100), (10, -38, -15)]


def off_px(found: np.ndarray, true: np.ndarray) -> float:
    return min(float(np.abs(np.roll(found, k, axis=0) - true).max()) for k in range(4))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[np.ndarray]]:
    """JPEGs of a tilted card, and its true corners."""
    folder, rng = tmp_path_factory.mktemp("cards"), np.random.default_rng(3)
    paths, corners = [], []
    for number, tilt in enumerate(TILTS):
        picture, true = render(rng, tilt, FOCAL, size=SIZE, distance_m=0.2)
        path = folder / f"{number}.jpg"
        cv2.imwrite(str(path), picture[..., ::-1])
        paths.append(path)
        corners.append(true)
    return paths, corners


def call(*arguments: object):
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)])


def test_a_cards_corners_are_found_to_a_part_of_a_pixel(photos):
    paths, corners = photos
    off = []
    for path, true in zip(paths, corners, strict=True):
        found = find_cards(cv2.imread(str(path))[..., ::-1])
        off.append(min((off_px(view.corners_px, true) for view in found), default=99.0))
    assert max(off) < 1.0


def test_corners_given_by_hand_are_refined(photos):
    paths, corners = photos
    image = np.ascontiguousarray(cv2.imread(str(paths[0]))[..., ::-1])
    rough = corners[0] + np.random.default_rng(0).uniform(-1.5, 1.5, (4, 2))
    assert off_px(refine_corners(image, rough), corners[0]) < 1.0
    nowhere = np.array([[5.0, 5], [60, 5], [60, 45], [5, 45]])
    assert np.abs(refine_corners(np.full_like(image, 90), nowhere) - nowhere).max() == 0


def test_nothing_is_found_where_there_is_no_card():
    rng = np.random.default_rng(1)
    noise = cv2.resize(
        rng.integers(0, 255, (12, 16, 3)).astype(np.uint8), SIZE, interpolation=cv2.INTER_CUBIC
    )
    assert find_cards(noise) == [] and find_cards(np.zeros((480, 640, 3), np.uint8)) == []


def test_the_command_finds_the_focal_length(photos, tmp_path):
    out = tmp_path / "camera.json"
    result = call(*photos[0], "--card", "--out", out)
    assert result.exit_code == 0, result.output
    data = json.loads(out.read_text())
    assert data["fx"] == data["fy"] == pytest.approx(FOCAL, rel=0.02)
    assert (data["width"], data["height"]) == SIZE
    assert 0 < data["focal_sd_px"] < 0.05 * FOCAL
    assert "focal length" in result.output and str(out) in result.output.replace("\n", "")
    given = [",".join(f"{v:.1f}" for v in true.ravel()) for true in photos[1]]
    again = call(*photos[0], *(part for text in given for part in ("--corners", text)), "--out", out)
    assert again.exit_code == 0, again.output
    assert json.loads(out.read_text())["fx"] == pytest.approx(FOCAL, rel=0.01)


def test_a_video_serves_as_pictures_do(photos, tmp_path):
    path = tmp_path / "card.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, SIZE)
    for photo in photos[0]:
        writer.write(cv2.imread(str(photo)))
    writer.release()
    result = call(path, "--out", tmp_path / "camera.json")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "camera.json").read_text())["fx"] == pytest.approx(FOCAL, rel=0.02)


def test_a_hand_beside_the_card_is_measured(photos, tmp_path, monkeypatch):
    asked = []

    def estimate(image, *, camera):
        asked.append(camera)
        return [SimpleNamespace(state="observed", joints_px=px) for px in hands]

    # A straight hand on the card's plane, as long as the card twice; and one that is bent.
    along = np.linspace([-0.0856, 0.02], [0.0856, 0.02], 5)
    joints = np.zeros((21, 2))
    joints[[0, 9, 10, 11, 12]] = along
    bent = joints.copy()
    bent[11] += 0.05
    card = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(CARD_M) / 2
    homography = cv2.findHomography(card, photos[1][0])[0]
    hands = [cv2.perspectiveTransform(one[None], homography)[0] for one in (joints, bent)]
    monkeypatch.setattr("knuckle.inference.estimate.estimate", estimate)
    result = call(*photos[0], "--hand", "--out", tmp_path / "camera.json")
    assert result.exit_code == 0, result.output
    assert len(asked) == 3 and asked[0].fx == pytest.approx(FOCAL, rel=0.02)
    said = json.loads((tmp_path / "camera.json").read_text())["hand_length_m"]
    assert said == pytest.approx(2 * 0.0856, rel=0.08) and f"--hand-length {said:.3f}" in result.output


def test_a_length_at_a_distance():
    ends = [np.array([[100.0, 240], [450, 240]]), np.array([[300.0, 50], [300, 400]])]
    focal = focal_from_lengths(ends, [SIZE, SIZE], length_m=0.3, distance_m=0.6)
    assert focal.camera(*SIZE).fx == pytest.approx(700) and 0.01 < focal.relative_sd < 0.05
    with pytest.raises(KnuckleError, match="--points: expected two ends"):
        focal_from_lengths([ends[0] * 0.01], [SIZE], length_m=0.3, distance_m=0.6)


def test_bad_input_is_one_sentence(photos, tmp_path):
    paths, corners = photos
    flat = tmp_path / "flat.jpg"
    picture, _ = render(np.random.default_rng(5), (0, 0, 5), FOCAL, size=SIZE, distance_m=0.2)
    cv2.imwrite(str(flat), picture[..., ::-1])
    other = tmp_path / "other.json"
    other.write_text("{}")
    (tmp_path / "empty.mp4").write_bytes(b"")
    one = ",".join(f"{v:.1f}" for v in corners[0].ravel())
    for arguments, message in (
        ((paths[0],), "expected a card in at least two pictures"),
        ((flat, flat), "expected pictures that show the card tilted"),
        ((paths[0], paths[1], "--corners", one), "--corners: expected one for each of 2 photos, got 1"),
        ((paths[0], "--corners", "1,2,3"), "--corners: expected U,V,U,V,U,V,U,V, 8 numbers"),
        ((paths[0], "--length", 0.3), "--length: expected --distance and --points"),
        ((paths[0], "--length", 0.3, "--card"), "--length: expected it instead of --card"),
        ((paths[0], "--points", "1,2,3,4"), "expected --length with them"),
        ((*paths, "--out", other), "other.json: expected a camera as `knuckle calibrate` writes it"),
        ((tmp_path / "empty.mp4",), "empty.mp4: expected a video, got an empty file"),
        (
            (tmp_path / "none.mp4",),
            "none.mp4: expected a video file that can be read (No such file or directory)",
        ),
    ):
        extra = () if "--out" in arguments else ("--out", tmp_path / "camera.json")
        result = call(*arguments, *extra)
        said = result.output.replace("\n", " ")
        assert result.exit_code == 2 and message in said and "Traceback" not in said, result.output
    assert not (tmp_path / "camera.json").exists() and other.read_text() == "{}"
