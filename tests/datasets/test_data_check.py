"""`knuckle data check` on empty, half-extracted, mixed and damaged copies of the sets names exactly what is wrong."""

import json
import pickle

import cv2
import numpy as np
import pytest

from knuckle.datasets import freihand as freihand_set
from knuckle.datasets.entries import ho3d as ho3d_entry
from knuckle.datasets.entries import obman as obman_entry
from knuckle.datasets.registry import DATA_SETS, find_data_set
from knuckle.skeleton import FROM_COMMON


@pytest.fixture
def counts(monkeypatch):
    """The miniatures' sizes as the published ones."""
    monkeypatch.setattr(freihand_set, "TRAINING_COUNT", 3)
    monkeypatch.setattr(freihand_set, "EVALUATION_COUNT", 0)
    monkeypatch.setattr(obman_entry, "TRAINING_COUNT", 3)
    monkeypatch.setattr(
        ho3d_entry, "COUNTS", {"v2": {"train": 2, "evaluation": 1}, "v3": {"train": 3, "evaluation": 2}}
    )


@pytest.fixture
def ho3d(tmp_path):
    """Version 2 of two training samples and one of evaluation."""
    folder = tmp_path / "HO3D"
    joints = np.full((21, 3), 0.5)
    joints[:, :2] = np.random.default_rng(0).uniform(-0.08, 0.08, (21, 2))
    stored = (joints * [1, -1, -1])[list(FROM_COMMON["ho3d"])]
    matrix = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
    for split, names in (("train", ["A/0000", "A/0001"]), ("evaluation", ["B/0000"])):
        (folder / f"{split}.txt").parent.mkdir(exist_ok=True)
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            sequence, frame = name.split("/")
            for kind in ("rgb", "meta"):
                (folder / split / sequence / kind).mkdir(parents=True, exist_ok=True)
            picture = np.full((480, 640, 3), 80, np.uint8)
            cv2.imwrite(str(folder / split / sequence / "rgb" / f"{frame}.png"), picture)
            meta = {"camMat": matrix, "handJoints3D": stored, "handBoundingBox": [200, 100, 400, 300]}
            (folder / split / sequence / "meta" / f"{frame}.pkl").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


def test_every_set_has_a_page_and_an_empty_folder_is_not_whole(tmp_path):
    from pathlib import Path

    top = Path(__file__).parents[2]
    index = (top / "docs" / "datasets" / "README.md").read_text()
    for name, entry in DATA_SETS.items():
        assert (top / entry.docs).is_file() and f"({name}.md)" in index
        report = entry.check(tmp_path)
        assert not report.whole and all(part.found == 0 for part in report.parts)


def test_freihand(freihand, counts):
    folder, entry = freihand.folder, find_data_set("freihand")
    (folder / "evaluation_K.json").write_text("[]")
    (folder / "evaluation_scale.json").write_text("[]")
    assert entry.check(folder, decode=True).whole
    freihand.write("xyz", freihand.joints_m[:2].tolist())
    (folder / "training/rgb/00000004.jpg").unlink()
    picture = folder / "training/rgb/00000005.jpg"
    picture.write_bytes(picture.read_bytes()[:-300])
    faults = entry.check(folder).faults
    assert any("different lengths" in fault and "training_xyz.json 2" in fault for fault in faults)
    assert "1 holes in the numbers of training/rgb: 00000004" in faults
    assert "1 damaged pictures: training/rgb/00000005.jpg" in faults
    for number in range(3, 12):
        (folder / f"training/rgb/{number:08d}.jpg").unlink(missing_ok=True)
    report = entry.check(folder)
    assert any("one version of each sample (3), expected four (12)" in fault for fault in report.faults)
    assert "partly  training/rgb/*.jpg     3 of 12" in "\n".join(report.lines())


def test_obman(obman, counts):
    entry = find_data_set("obman")
    assert entry.check(obman).whole
    (obman / "train/rgb/00000004.jpg").unlink()
    (obman / "train/meta/00000005.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    faults = entry.check(obman).faults
    assert "1 annotations without a picture: train/meta/00000004.pkl" in faults
    assert any("1 annotations that cannot be used" in f and "refused" in f and "system" in f for f in faults)


def test_ho3d(ho3d, counts):
    entry = find_data_set("ho3d")
    report = entry.check(ho3d)
    assert report.whole and report.notes == ["version v2"]
    assert len(entry.preview(ho3d, count=5)) == 2
    (ho3d / "evaluation_xyz.json").write_text(json.dumps([[0]] * 2))
    (ho3d / "evaluation.txt").write_text("B/0000\nB/0001\n")
    (ho3d / "train/A/meta/0001.pkl").unlink()
    faults = entry.check(ho3d).faults
    assert "1 samples of train.txt without an annotation: A/0001" in faults
    assert "1 samples of evaluation.txt without a picture: B/0001" in faults
    assert any(
        "two versions in one folder: train.txt of v2" in f and "evaluation.txt of v3" in f for f in faults
    )


def test_a_preview_shows_the_joints_where_they_are(obman, run, tmp_path):
    assert run("data", "preview", "obman", str(obman), "--out", str(tmp_path / "sheet.png")) == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert np.ptp(sheet.astype(int), axis=2).max() > 60
