"""Readers: units, frames, orders, and what they say of damaged downloads."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets.check import Download, missing_parts
from knuckle.datasets.eval_dev import by_source, read_eval_dev
from knuckle.datasets.freihand import read_freihand
from knuckle.datasets.ho3d import read_ho3d
from knuckle.datasets.labelled import LabelledHand, to_patch
from knuckle.datasets.negatives import list_negatives, negative_patches
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import convert_joints

K = [[300.0, 0, 50], [0, 300, 40], [0, 0, 1]]


def write_picture(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.add.outer(np.arange(height), np.arange(width)) % 256
    cv2.imwrite(str(path), np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8))


@pytest.fixture
def joints_m() -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.05, 0.05, (21, 3)) + np.array([0, 0, 0.5])


@pytest.fixture
def index(tmp_path, joints_m) -> Path:
    item = {
        "id": "a",
        "image": "images/a.png",
        "width": 100,
        "height": 80,
        "source": "S",
        "hand": "left",
        "joints_2d_px": [[float(i), 2.0 * i] for i in range(21)],
        "joints_3d_mm": (joints_m * 1000).tolist(),
        "K": K,
        "bbox": [0, 0, 20, 40],
        "verts_npy": "a.npy",
    }
    write_picture(tmp_path / "images" / "a.png", 100, 80)
    np.save(tmp_path / "a.npy", np.full((778, 3), 500.0))
    (tmp_path / "index.json").write_text(json.dumps([item]))
    return tmp_path


def change(folder: Path, **values) -> None:
    entries = json.loads((folder / "index.json").read_text())
    entries[0].update(values)
    (folder / "index.json").write_text(json.dumps(entries))


def test_index_gives_metres_and_the_camera(index, joints_m):
    (hand,) = read_eval_dev(index)
    assert np.allclose(hand.joints_m, joints_m) and hand.vertices_m[0, 0] == 0.5
    assert (hand.side, hand.source, hand.camera.assumed) == ("left", "S", False)
    assert hand.camera.vector.tolist() == [300, 300, 50, 40]
    assert hand.read().shape == (80, 100, 3)
    assert list(by_source([hand, hand])) == ["S"]


def test_index_without_camera_or_3d(index):
    change(index, K=None, joints_3d_mm=None, joints_2d_px=[None] * 5 + [[1.0, 2.0]] * 16)
    (hand,) = read_eval_dev(index)
    assert hand.camera.assumed and hand.joints_m is None
    assert np.isnan(hand.joints_px[:5]).all() and (hand.joints_px[5:] == [1, 2]).all()


def test_index_leaves_out_hands_of_unknown_side(index):
    change(index, hand=None)
    assert read_eval_dev(index) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hand": "both"}, 'hand: expected "left", "right" or null'),
        ({"bbox": [0, 0, 0, 5]}, "bbox: expected x, y, w, h"),
        ({"bbox": None}, "bbox: expected x, y, w, h"),
        ({"joints_2d_px": [[1, 2]] * 20}, "joints_2d_px: expected 21 x 2"),
        ({"joints_3d_mm": [[1, 2, "x"]] * 21}, "joints_3d_mm: expected 21 x 3"),
        ({"K": [[0, 0, 0]] * 3}, "camera"),
        ({"verts_npy": "none.npy"}, "none.npy"),
    ],
)
def test_malformed_entries_are_named(index, values, message):
    change(index, **values)
    with pytest.raises(KnuckleError, match=message):
        read_eval_dev(index)


def test_wrong_schema_and_missing_files(index, tmp_path):
    entries = json.loads((index / "index.json").read_text())
    del entries[0]["bbox"]
    (index / "index.json").write_text(json.dumps(entries))
    with pytest.raises(KnuckleError, match=r"entry 0: .* missing \['bbox'\]"):
        read_eval_dev(index)
    (index / "index.json").write_text('{"a": 1}')
    with pytest.raises(KnuckleError, match="expected a JSON list, got a dict"):
        read_eval_dev(index)
    (index / "index.json").write_text("[")
    with pytest.raises(KnuckleError, match="expected JSON"):
        read_eval_dev(index)
    with pytest.raises(KnuckleError, match="expected a label file"):
        read_eval_dev(tmp_path / "nowhere")


def test_pictures_that_are_missing_damaged_or_of_another_size(index):
    (hand,) = read_eval_dev(index)
    write_picture(hand.image, 90, 80)
    with pytest.raises(KnuckleError, match="expected 100x80 px, got 90x80"):
        hand.read()
    hand.image.write_text("no picture")
    with pytest.raises(KnuckleError, match="cannot be decoded"):
        hand.read()
    hand.image.unlink()
    with pytest.raises(KnuckleError, match="No such file"):
        hand.read()


def test_patch_of_a_left_hand_is_that_of_the_mirrored_photo(index, tmp_path):
    (left,) = read_eval_dev(index)
    mirrored = tmp_path / "mirrored.png"
    cv2.imwrite(str(mirrored), cv2.imread(str(left.image))[:, ::-1])
    x, y, w, h = left.box_px
    right = LabelledHand(
        "b",
        "S",
        mirrored,
        "right",
        left.camera.mirrored(),
        np.array([99 - x - w, y, w, h]),
        left.joints_px * [-1, 1] + [99, 0],
        left.joints_m * [-1, 1, 1],
    )
    a, b = (to_patch(hand, size=48, expand=1.4) for hand in (left, right))
    assert np.array_equal(a.pixels, b.pixels)
    for name in ("crop", "camera", "joints_px", "joints_m"):
        assert np.allclose(getattr(a, name), getattr(b, name)), name


def test_patch_holds_what_the_frame_holds(index):
    (hand,) = read_eval_dev(index)
    patch = to_patch(hand, size=40, expand=1.0)
    assert patch.crop.tolist() == [99 - 10, 20, 40]
    # One px of the patch is one of the frame here; its centre column is the box's centre, seen in the mirror.
    photo = hand.read()[:, ::-1]
    assert abs(int(patch.pixels[20, 10, 0]) - int(photo[20, 79, 0])) <= 1


def test_labels_of_the_wrong_shape_are_refused():
    camera = Camera.from_size(10, 10)
    with pytest.raises(KnuckleError, match=r"joints_m: expected \(21, 3\), got \(42, 3\)"):
        LabelledHand("n", "s", Path("x"), "right", camera, np.ones(4), None, np.zeros((42, 3)))


@pytest.fixture
def freihand(tmp_path) -> Path:
    joints = np.random.default_rng(3).uniform(-0.05, 0.05, (2, 21, 3)) + np.array([0, 0, 0.6])
    for split in ("training", "evaluation"):
        values = {
            "K": [K] * 2,
            "xyz": joints.tolist(),
            "verts": np.zeros((2, 778, 3)).tolist(),
            "scale": [[0.03], 0.02],
        }
        for part, rows in values.items():
            (tmp_path / f"{split}_{part}.json").write_text(json.dumps(rows))
        write_picture(tmp_path / split / "rgb" / "00000000.jpg", 224, 224)
    return tmp_path


def test_freihand_evaluation(freihand):
    first, second = read_freihand(freihand)
    assert (first.name, first.side, first.scale_m, second.scale_m) == ("00000000", "right", 0.03, 0.02)
    assert np.allclose(first.camera.project(first.joints_m), first.joints_px)
    low, high = first.joints_px.min(0), first.joints_px.max(0)
    assert np.allclose(first.box_px, [*low, *(high - low)])
    assert len(read_freihand(freihand, limit=1)) == 1


def test_freihand_training_versions_share_labels(freihand):
    plain, auto = (read_freihand(freihand, split="training", version=v)[1] for v in ("gs", "auto"))
    assert (plain.image.name, auto.image.name) == ("00000001.jpg", "00000007.jpg")
    assert np.array_equal(plain.joints_m, auto.joints_m)


def test_freihand_tells_what_is_missing(freihand, tmp_path):
    (freihand / "evaluation_xyz.json").unlink()
    with pytest.raises(KnuckleError, match=r"missing evaluation_xyz.json$"):
        read_freihand(freihand)
    (freihand / "evaluation_xyz.json").write_text("[]")
    with pytest.raises(KnuckleError, match="as many samples"):
        read_freihand(freihand)
    with pytest.raises(KnuckleError, match="no such folder"):
        read_freihand(tmp_path / "nowhere")
    with pytest.raises(KnuckleError, match="split: expected"):
        read_freihand(freihand, split="test")  # pyright: ignore[reportArgumentType]


def test_missing_pictures_are_counted(tmp_path):
    write_picture(tmp_path / "rgb" / "0.jpg", 4, 4)
    download = Download("d", "site", ("labels.json",), (("rgb", "*.jpg", 3), ("none", "*.jpg", 1)))
    assert missing_parts(tmp_path, download) == ["labels.json", "rgb/*.jpg (1 of 3)", "none/*.jpg (0 of 1)"]


@pytest.fixture
def ho3d(tmp_path, joints_m) -> Path:
    opengl = joints_m * [1, -1, -1]
    in_mano_order = convert_joints(opengl, source="common", target="ho3d")
    box = [10.0, 20.0, 110.0, 70.0]
    metas = {
        "train": {"camMat": np.array(K), "handJoints3D": in_mano_order},
        "evaluation": {"camMat": np.array(K), "handJoints3D": in_mano_order[0], "handBoundingBox": box},
    }
    for split, meta in metas.items():
        folder = tmp_path / split / "SEQ" / "meta"
        folder.mkdir(parents=True)
        (folder / "0001.pkl").write_bytes(pickle.dumps(meta))
        write_picture(tmp_path / split / "SEQ" / "rgb" / "0001.jpg", 640, 480)
        (tmp_path / f"{split}.txt").write_text("SEQ/0001\n")
    (tmp_path / "evaluation_xyz.json").write_text(json.dumps([in_mano_order.tolist()]))
    (tmp_path / "evaluation_verts.json").write_text(json.dumps([np.ones((778, 3)).tolist()]))
    return tmp_path


@pytest.mark.parametrize("split", ["train", "evaluation"])
def test_ho3d_is_turned_into_our_frame_and_order(ho3d, joints_m, split):
    (hand,) = read_ho3d(ho3d, split=split)
    assert np.allclose(hand.joints_m, joints_m)
    assert np.allclose(hand.joints_px, hand.camera.project(joints_m))
    assert hand.read().shape == (480, 640, 3)
    if split == "evaluation":
        assert hand.box_px.tolist() == [10, 20, 100, 50]
        assert (hand.vertices_m == [1, -1, -1]).all()


def test_ho3d_leaves_out_frames_without_annotation(ho3d):
    meta = {"camMat": np.array(K), "handJoints3D": None}
    (ho3d / "train" / "SEQ" / "meta" / "0001.pkl").write_bytes(pickle.dumps(meta))
    assert read_ho3d(ho3d, split="train") == []


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


def test_ho3d_runs_nothing_a_pickle_asks_for(ho3d, capsys):
    path = ho3d / "evaluation" / "SEQ" / "meta" / "0001.pkl"
    path.write_bytes(pickle.dumps({"camMat": Harmful(), "handBoundingBox": [0, 0, 1, 1]}))
    with pytest.raises(KnuckleError, match="refused"):
        read_ho3d(ho3d)
    assert capsys.readouterr().out == ""


def test_ho3d_tells_what_is_missing(ho3d):
    (ho3d / "evaluation" / "SEQ" / "meta" / "0001.pkl").unlink()
    with pytest.raises(KnuckleError, match=r"0001\.pkl: expected an HO-3D annotation"):
        read_ho3d(ho3d)
    (ho3d / "evaluation_verts.json").unlink()
    with pytest.raises(KnuckleError, match=r"missing evaluation_verts.json$"):
        read_ho3d(ho3d)


def test_negatives_are_whole_pictures(tmp_path):
    write_picture(tmp_path / "b.jpg", 60, 40)
    write_picture(tmp_path / "a.png", 32, 32)
    (tmp_path / "notes.txt").write_text("x")
    pictures = list_negatives(tmp_path)
    assert [p.name for p in pictures] == ["a.png", "b.jpg"]
    first, second = negative_patches(pictures, size=32)
    assert first.crop.tolist() == [15.5, 15.5, 32] and second.crop.tolist() == [29.5, 19.5, 40]
    assert first.pixels.shape == (32, 32, 3) and first.joints_px is None
    with pytest.raises(KnuckleError, match="pictures without hands, got none"):
        list_negatives(tmp_path / "nowhere")
