"""Your own photographs: every label comes back, partial truth is told, and one bad line among many stops nothing."""

import json

import cv2
import numpy as np
import pytest

from knuckle.datasets.own_training import read_own
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.geometry.mirror import mirror_axis_angle
from knuckle.rig.load import load_rig
from knuckle.rig.mano import load_mano
from knuckle.sets.reader import SynthSet

from .conftest import poses, write_mano

CAMERA = [300.0, 310.0, 80.0, 60.0]


@pytest.fixture
def own(tmp_path):
    """Three photos of 160 x 120 px: a hand with all labels (left), one with a few 2D joints, one with a box alone."""
    folder = tmp_path / "own"
    (folder / "photos").mkdir(parents=True)
    for name in "abc":
        cv2.imwrite(str(folder / "photos" / f"{name}.png"), np.full((120, 160, 3), 90, np.uint8))
    mask = np.zeros((120, 160), np.uint8)
    mask[40:90, 50:110] = 255
    cv2.imwrite(str(folder / "mask.png"), mask)
    pose, shape = poses(1)
    posed = load_rig("open").posed(pose, shape, np.array([[0.0, 0.0, 0.6]]))
    mirror = [-1, 1, 1]
    joints, vertices = posed.joints[0] * mirror, posed.vertices[0] * mirror
    np.save(folder / "mesh.npy", vertices)
    few = [[70.0, 50.0], [80.0, 70.0], [190.0, 66.0], *[None] * 18]
    lines = [
        {"image": "photos/a.png", "side": "left", "id": "whole", "camera": CAMERA, "joints_3d": joints.tolist(),
         "mesh": "mesh.npy", "mask": "mask.png"},
        {"image": "photos/b.png", "side": "right", "joints_2d": few},
        {"image": "photos/c.png", "side": "right", "box": [40, 30, 50, 60]},
    ]  # fmt: skip
    write(folder, lines)
    return folder, lines, joints, vertices


def write(folder, lines) -> None:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "labels.jsonl").write_text(text)


def test_every_label_comes_back_and_what_is_missing_is_told(own, tmp_path):
    folder, _, joints, vertices = own
    whole, few, boxed = read_own(folder).hands
    assert np.abs(whole.hand.joints_m - joints).max() < 1e-4
    assert np.abs(whole.hand.vertices_m - vertices).max() < 1e-4
    assert np.isfinite(few.hand.joints_px).all(-1).tolist() == [True] * 3 + [False] * 18
    assert few.hand.camera.assumed and boxed.hand.box_px.tolist() == [40, 30, 50, 60]
    index = convert_set("own", folder, tmp_path / "set", size=64)
    labels = SynthSet(tmp_path / "set").labels
    assert labels["valid_joints_3d"].sum(1).tolist() == [21, 0, 0]
    assert labels["valid_joints_2d"].sum(1).tolist() == [21, 3, 0]
    assert labels["valid_pose"].tolist() == labels["valid_mesh"].tolist() == [True, False, False]
    # The left hand comes mirrored.
    np.testing.assert_allclose(labels["joints_m"][0], joints * [-1, 1, 1], atol=1e-2)
    assert np.isnan(labels["joints_px"][2]).all() and np.isfinite(labels["joints_px"][1][:3]).all()
    assert index["left_out"] == [] and index["residual_mm"] < 1
    # Other labels are other hands: a network that saw these may be scored on those.
    write(folder, own[1][1:])
    convert_set("own", folder, tmp_path / "other", size=64)
    assert SynthSet(tmp_path / "set").origin != SynthSet(tmp_path / "other").origin


def test_training_takes_what_is_labelled(own, tmp_path):
    pytest.importorskip("torch")
    from knuckle.training.batches import HandSource

    convert_set("own", own[0], tmp_path / "set", size=64, negatives=0.25)
    source = HandSource(tmp_path / "set", validation=0)
    assert len(source.train) == 3 and len(source.negatives) == 1
    for row in range(len(source.set)):
        item = source.item(row, rng=np.random.default_rng(row))
        assert all(np.isfinite(np.asarray(value, dtype=float)).all() for value in item.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "photos/none.png"}, "none.png: expected a picture of the dataset, got No such file"),
        ({"image": "bad.png"}, "bad.png: expected a picture, got a file that cannot be decoded"),
        ({"side": "both"}, 'side: expected "left" or "right", got \'both\''),
        ({"joint_2d": []}, "expected keys of image, side,"),
        ({"joints_2d": [[1, 2]]}, "joints_2d: expected a list of 21 points or nulls, got 1"),
        ({"joints_2d": [[1, float("nan")]] * 21}, r"joints_2d[0]: expected 2 finite numbers, got NaN"),
        ({"joints_3d": [[0, 0, 1]] * 21}, "camera: expected [fx, fy, cx, cy] beside joints_3d, got none"),
        ({"camera": CAMERA, "joints_3d": [[0, 0, -1]] * 21}, "joints_3d: expected joints before the camera"),
        ({"camera": [0, 1, 2, 3], "box": [1, 1, 2, 2]}, "line 3: "),
        ({"mano": {"pose": []}, "camera": CAMERA}, "mano: expected pose, shape, translation, mean_pose, missing"),
        ({"box": [1, 2, 3, 0]}, "box: expected a width and height above 0"),
        ({"box": None}, "expected a label that says where the hand is, got none; give a box"),
        ("{", "expected a JSON object, got"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_counted_and_stops_nothing(own, change, message):
    folder, lines, _, _ = own
    (folder / "bad.png").write_bytes(b"no picture")
    write(folder, [*lines[:2], change if isinstance(change, str) else lines[2] | {"box": None} | change])
    read = read_own(folder)
    assert len(read.hands) == 2 and len(read.faults) == 1
    assert read.faults[0].startswith("labels.jsonl: line 3") and message in read.faults[0], read.faults


def test_the_commands(own, run, tmp_path, capsys):
    folder, lines, _, _ = own
    sheet = tmp_path / "sheet.png"
    assert run("data", "check", "own", str(folder)) == 0
    shown = capsys.readouterr().out
    assert "3 of 3" in shown and "1 hands with joints outside of the picture: photos/b.png:2" in shown
    assert run("data", "preview", "own", str(folder), "--out", str(sheet)) == 0
    assert np.ptp(cv2.imread(str(sheet))) > 100
    (folder / "photos" / "b.png").write_bytes(b"no picture")
    assert run("data", "check", "own", str(folder)) == 1
    shown = capsys.readouterr().out
    assert "2 of 3" in shown and "line 2: " in shown and "b.png: expected a picture" in shown
    assert run("data", "convert", "own", str(folder), str(tmp_path / "set"), "--size", "32") == 0
    assert "1 left out" in capsys.readouterr().err and len(SynthSet(tmp_path / "set")) == 2
    write(folder, lines[1:2])
    with pytest.raises(
        KnuckleError, match=r"expected lines that can be used, got none: labels\.jsonl: line 1"
    ):
        convert_set("own", folder, tmp_path / "none")
    assert run("data", "check", "hand", str(folder)) == 2
    assert "expected one of freihand," in capsys.readouterr().err


def test_mano_labels_are_taken_as_they_are_and_checked(own, tmp_path):
    folder, lines, _, _ = own
    file = write_mano(tmp_path / "MANO_RIGHT.pkl")
    pose, shape = poses(1, seed=3)
    posed = load_mano(file, "right").posed(pose, shape, np.array([[0.01, 0.0, 0.6]]))
    left = mirror_axis_angle(pose[0])
    mano = {"pose": left.ravel().tolist(), "shape": shape[0].tolist(), "translation": [-0.01, 0, 0.6]}
    hand = {"image": "photos/a.png", "side": "left", "camera": CAMERA,
            "joints_3d": (posed.joints[0] * [-1, 1, 1]).tolist()}  # fmt: skip
    far = hand | {"mano": mano | {"mean_pose": True, "translation": [0.1, 0, 0.6]}}
    write(folder, [hand | {"mano": mano | {"mean_pose": True}}, far, lines[1]])
    index = convert_set("own", folder, tmp_path / "set", size=32, rig=file)
    assert len(index["left_out"]) == 1 and "is mean_pose right?" in index["left_out"][0]
    labels = SynthSet(tmp_path / "set").labels
    assert labels["valid_pose"].tolist() == [True, False] and index["residual_mm"] < 0.1
    absolute = load_mano(file, "right", flat_hand_mean=True)
    vertices = absolute.posed(*(labels[n][:1] for n in ("pose", "shape", "translation"))).vertices
    assert np.abs(vertices - posed.vertices).max() < 1e-4
