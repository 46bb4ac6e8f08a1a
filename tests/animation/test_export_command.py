"""`knuckle export`: names, formats, and what it refuses."""

import csv

import numpy as np
import pytest
from moving import FRAMES, frame_at, made_track
from typer.testing import CliRunner

from knuckle.cli.main import app
from knuckle.export.json import write_json
from knuckle.export.npz import read_npz


def export(*words):
    return CliRunner().invoke(app, ["export", *map(str, words)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("hands")
    made_track(path)
    write_json(path / "photo.json", frame_at(4).changed(identities=(), time_s=None), image="photo.jpg")
    return path


def test_csv_and_npz_of_a_track_have_its_numbers(folder, tmp_path):
    done = export(folder / "made.hands.jsonl", "--to", "csv", "--to", "npz", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made.hands.csv", "made.hands.npz"]
    rows = list(csv.DictReader((tmp_path / "made.hands.csv").open()))
    assert len(rows) == FRAMES + 14 + 9
    row = next(row for row in rows if (row["frame"], row["identity"]) == ("7", "1"))
    assert (row["side"], row["state"]) == ("left", "held")
    hand = frame_at(7)[1]
    tip = [float(row[f"index_tip_{axis}_m"]) for axis in "xyz"]
    np.testing.assert_allclose(tip, hand.joints_m[8], atol=1e-6)
    assert float(row["pinky_tip_v_px"]) == pytest.approx(hand.joints_px[20, 1], abs=1e-3)
    with np.load(tmp_path / "made.hands.npz") as arrays:
        joints = arrays["joints_m"][7][arrays["identity"][7] == 1]
        np.testing.assert_allclose(joints, hand.joints_m[None], atol=1e-6)


def test_csv_and_npz_of_a_photo(folder, tmp_path):
    done = export(folder / "photo.json", "--to", "csv", "--to", "npz", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert len((tmp_path / "photo.hands.csv").read_text().splitlines()) == 4
    assert read_npz(tmp_path / "photo.hands.npz").sides == frame_at(4).sides


def test_nothing_is_replaced_unless_asked_and_nothing_half_written(folder, tmp_path):
    (tmp_path / "made.hands.csv").write_text("somebody's")
    words = (folder / "made.hands.jsonl", "--to", "glb", "--to", "csv", "--out", tmp_path)
    done = export(*words)
    assert done.exit_code == 2 and "made.hands.csv: is there already" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["made.hands.csv"]
    assert export(*words, "--overwrite").exit_code == 0
    assert (tmp_path / "made.hands.csv").read_text().startswith("frame,time_s,identity")


@pytest.mark.parametrize(
    ("text", "what"),
    [("{}", "expected"), ("knuckle hand tracks", "another first line"), (None, "cannot be read")],
)
def test_other_files_are_one_sentence(tmp_path, text, what):
    if text is not None:
        (tmp_path / "odd.json").write_text(text)
    done = export(tmp_path / "odd.json", "--to", "glb")
    assert done.exit_code == 2 and "odd.json" in done.output and what in done.output
    assert "Traceback" not in done.output


def test_a_rig_that_is_not_at_hand_is_said(folder, tmp_path):
    text = (folder / "made.hands.jsonl").read_text().replace('"rig":"open"', '"rig":"MANO_RIGHT.pkl"')
    (tmp_path / "mano.hands.jsonl").write_text(text)
    done = export(tmp_path / "mano.hands.jsonl", "--to", "glb")
    assert done.exit_code == 2 and "--rig names its file" in done.output
