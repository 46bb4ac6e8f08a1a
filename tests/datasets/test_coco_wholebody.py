"""COCO-WholeBody in its true layout, written from rendered hands: joints in the picture come back, and nothing else is
claimed."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets import coco_wholebody as coco
from knuckle.datasets.coco_wholebody import CocoWholeBodyTraining, read_coco_wholebody
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.run import evaluate
from knuckle.rig.load import load_rig
from knuckle.sets.reader import SynthSet

from .conftest import poses, project
from .drawing import draw_hands, write_picture

K = np.array([[420.0, 0, 160], [0, 420, 120], [0, 0, 1]])
UNLABELLED = 7


def write_split(top: Path, split: str, seed: int) -> np.ndarray:
    """Two photographs: a person with both hands, the right index finger's far joint not labelled; one with a left hand
    too small and a right one that is not valid. Returns the joints of the first, left and right, px."""
    right = load_rig("open")
    rigs = {"left": right.mirrored(), "right": right}
    pose, shape = poses(2, seed=seed)
    meshes, person = (
        [],
        {"id": 70, "image_id": 9, "category_id": 1, "keypoints": [0] * 51, "bbox": [0, 0, 320, 240]},
    )
    joints = {}
    for row, (side, rig) in enumerate(rigs.items()):
        posed = rig.posed(pose[row], shape[row], np.array([0.13 if side == "left" else -0.13, 0.0, 0.9]))
        meshes.append((posed.vertices, rig.faces))
        joints[side] = project(posed.joints, K)
        v = np.full(21, 2.0)
        if side == "right":
            v[UNLABELLED] = 0
        rows = np.column_stack([joints[side] * (v > 0)[:, None], v])
        low, high = joints[side].min(0), joints[side].max(0)
        person |= {f"{side}hand_kpts": rows.reshape(-1).tolist(), f"{side}hand_valid": True,
                   f"{side}hand_box": [*low.tolist(), *(high - low).tolist()]}  # fmt: skip
    small = {
        "id": 71,
        "image_id": 10,
        "category_id": 1,
        "righthand_kpts": [0.0] * 63,
        "righthand_valid": False,
    }
    tiny = np.column_stack([100 + joints["left"] / 40, np.full(21, 1.0)])
    small |= {
        "lefthand_kpts": tiny.reshape(-1).tolist(),
        "lefthand_valid": True,
        "lefthand_box": [100, 100, 5, 5],
    }
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "width": 320, "height": 240} for n in (9, 10)]
    for image in images:
        shown = draw_hands(meshes if image["id"] == 9 else [], K, (320, 240))[0]
        write_picture(top / f"{split}2017" / image["file_name"], shown)
    (top / "annotations").mkdir(exist_ok=True)
    text = json.dumps(
        {"images": images, "annotations": [person, small], "categories": [{"id": 1, "name": "person"}]}
    )
    (top / "annotations" / f"coco_wholebody_{split}_v1.0.json").write_text(text)
    return np.stack([joints["left"], joints["right"]])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    top = tmp_path_factory.mktemp("coco") / "COCO"
    top.mkdir()
    return top, {split: write_split(top, split, seed) for seed, split in enumerate(("train", "val"), 20)}


@pytest.fixture
def copy(made, tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(coco, "IMAGES", {"train": 2, "val": 2})
    return shutil.copytree(made[0], tmp_path / "COCO")


def test_the_known_truth_comes_back(made):
    read = read_coco_wholebody(made[0], "train")
    assert [(hand.name, hand.side) for hand in read.hands] == [
        ("000000000009:70 left", "left"), ("000000000009:70 right", "right"),
    ]  # fmt: skip
    for hand, truth in zip(read.hands, made[1]["train"], strict=True):
        known = np.isfinite(hand.joints_px).all(-1)
        assert known.tolist() == [hand.side == "left" or joint != UNLABELLED for joint in range(21)]
        assert np.abs(hand.joints_px - truth)[known].max() < 1e-6
        assert hand.joints_m is None and hand.camera.assumed
        # Drawn where the labels say.
        u, v = hand.joints_px[known].round().astype(int).T
        assert (np.ptp(hand.read()[v, u].astype(int), axis=1) > 15).mean() > 0.7
    assert read.left_out == {"smaller than 16 px": 1, "not valid": 1} and read.faults == []


def test_a_set_claims_joints_in_the_picture_alone(made, tmp_path):
    index = convert_set("coco-wholebody", made[0], tmp_path / "set", size=64)
    found = SynthSet(tmp_path / "set")
    assert index["count"] == 2 and index["residual_mm"] is None and index["left_out"] == []
    labels = found.labels
    assert labels["valid_joints_2d"].sum(1).tolist() == [21, 20]
    assert not any(labels[f"valid_{kind}"].any() for kind in ("joints_3d", "pose", "shape", "mesh", "mask"))
    # The left hand comes mirrored.
    affine = labels["patch_from_frame"][0].astype(float)
    placed = (labels["joints_px"][0] - affine[:, 2]) / affine[0, 0]
    np.testing.assert_allclose(placed[:, 0], 319 - made[1]["train"][0][:, 0], atol=1e-2)
    with pytest.raises(KnuckleError, match=r"pictures of coco-wholebody show hands without labels, got 0.1"):
        convert_set("coco-wholebody", made[0], tmp_path / "other", size=64, negatives=0.1)


def change(folder: Path, key: str, value) -> None:
    path = folder / "annotations/coco_wholebody_train_v1.0.json"
    data = json.loads(path.read_text())
    data["annotations"][0][key] = value
    path.write_text(json.dumps(data))


def as_plain_coco(folder: Path) -> None:
    path = folder / "annotations/coco_wholebody_train_v1.0.json"
    data = json.loads(path.read_text())
    people = [
        {key: value for key, value in entry.items() if "hand" not in key} for entry in data["annotations"]
    ]
    path.write_text(json.dumps(data | {"annotations": people}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "train2017/000000000009.jpg").write_bytes(b"\xff\xd8"),
         "1 damaged pictures of train2017: train2017/000000000009.jpg"),
        (lambda f: change(f, "lefthand_kpts", [1.0] * 60), "annotation 70: lefthand_kpts: expected 21 x 3 finite"),
        (lambda f: change(f, "lefthand_kpts", [float("nan")] * 63), "lefthand_kpts: expected 21 x 3 finite numbers"),
        (lambda f: change(f, "lefthand_kpts", [500.0 + n for n in range(63)]), "expected joints in the 320x240 px"),
        (lambda f: change(f, "image_id", 12), "image_id: expected that of an image"),
        (as_plain_coco, "got people without hands: plain COCO keypoints?"),
        (lambda f: (f / "annotations/coco_wholebody_train_v1.0.json").write_text("{"), "expected JSON"),
        (lambda f: (f / "annotations/coco_wholebody_train_v1.0.json").write_text("{}"), "missing the list images"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    report = find_data_set("coco-wholebody").check(copy)
    assert len(report.faults) == 1 and message in report.faults[0], report.faults


def test_check_of_whole_half_other_and_empty(copy, tmp_path, monkeypatch):
    entry = find_data_set("coco-wholebody")
    report = entry.check(copy, decode=True)
    assert report.whole and "train: 1 hands left out: smaller than 16 px" in report.notes
    (copy / "train2017/000000000009.jpg").unlink()
    report = entry.check(copy)
    states = {part.name: part.state for part in report.parts}
    assert states["train2017 pictures of labelled hands"] == "missing"
    with pytest.raises(
        KnuckleError, match=r"missing 1 of 1, the first train2017/000000000009.jpg; with a limit"
    ):
        CocoWholeBodyTraining(copy, None)
    monkeypatch.setattr(coco, "IMAGES", {"train": 118_287, "val": 2})
    assert entry.check(copy).faults == [
        "coco_wholebody_train_v1.0.json: 2 images, expected 118287: another version",
    ]  # fmt: skip
    (tmp_path / "empty").mkdir()
    assert {part.state for part in entry.check(tmp_path / "empty").parts} == {"missing"}
    with pytest.raises(KnuckleError, match=r"coco_wholebody_train_v1.0.json: expected a label file"):
        read_coco_wholebody(tmp_path / "empty", "train")


def test_one_hand_that_cannot_be_used_is_left_out_and_named(copy, tmp_path):
    change(copy, "lefthand_kpts", [1.0] * 60)
    index = convert_set("coco-wholebody", copy, tmp_path / "set", size=32)
    assert index["count"] == 1 and len(index["left_out"]) == 1 and "annotation 70" in index["left_out"][0]


def test_the_preview(copy, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "preview", "coco-wholebody", str(copy), "--out", str(sheet)) == 0
    assert cv2.imread(str(sheet)) is not None


def test_the_validation_split_is_a_benchmark_in_the_picture(made, copy):
    (benchmark,) = open_benchmarks(str(made[0]))
    assert len(benchmark) == 2
    left, right = made[1]["val"]
    rows = iter([np.column_stack([319 - left[:, 0], left[:, 1]]), right])

    def predict(patches, /):
        joints_px = np.stack([next(rows) for _ in patches]) + np.array([3.0, 4.0])
        return {"joints_px": joints_px, "joints_m": np.full((len(patches), 21, 3), 0.5)}

    report = evaluate(EvaluatedModel(name="oracle", size=64, expand=1.5, predict=predict), benchmark)
    assert report["EPE"] == pytest.approx(5.0, abs=1e-6) and report["PCK @0.2 of box"] == 1
    assert report["AUC 0-30 px"] == pytest.approx(25 / 30, abs=0.3 / 30)
    # One hand that cannot be used is said in the report; none that can, at once.
    path = copy / "annotations/coco_wholebody_val_v1.0.json"
    data = json.loads(path.read_text())
    data["annotations"][0]["lefthand_kpts"] = [0.0] * 60
    path.write_text(json.dumps(data))
    (benchmark,) = open_benchmarks(str(copy))
    rows = iter([right])
    report = evaluate(EvaluatedModel(name="oracle", size=64, expand=1.5, predict=predict), benchmark)
    assert (
        report.count == 1
        and "1 hands cannot be used" in report.notes[0]
        and "annotation 70" in report.notes[0]
    )
    path.write_text(json.dumps(data).replace('"image_id": 9', '"image_id": 99'))
    with pytest.raises(KnuckleError, match=r"expected hands of COCO-WholeBody, got none: .*image_id"):
        open_benchmarks(str(copy))
