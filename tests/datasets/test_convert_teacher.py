"""Photographs with a teacher's labels as a set: agreement of 2D, 3D and pose, what is left out, what is named."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from knuckle.datasets.teacher import read_teacher
from knuckle.datasets.teacher_set import SecondOpinion, TeacherTraining, convert_teacher
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.rig.load import load_rig
from knuckle.sets.reader import SynthSet

from .conftest import MARK, picture, poses
from .test_convert import assert_consistent

SIZE, SCALE, SHIFT = 200, 0.5, (-60.0, -20.0)
# The photograph is 640 x 480: its diagonal 800 px.
CAMERA = Camera(480.0, 480.0, 320 * SCALE + SHIFT[0] - 0.5, 240 * SCALE + SHIFT[1] - 0.5, SIZE, SIZE)
SIDES = ("right", "left", "right")


class Photos:
    """Three hands, the second one left; the truth is that of the crop as it shows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pose, shape = poses(3)
        places = [[0.0, 0.02, 0.6], [0.01, 0.03, 0.7], [0.0, 0.0, 0.65]]
        self.right_m = load_rig("open").posed(pose, shape, np.array(places)).joints
        self.joints_m = np.where(
            np.array(SIDES)[:, None, None] == "left", self.right_m * [-1, 1, 1], self.right_m
        )
        self.rows = [self.row(number) for number in range(3)]
        for number, joints in enumerate(self.joints_m):
            spot = CAMERA.project(joints[MARK])
            picture(folder / "made" / f"{number}.jpg", SIZE, spot, 30 + 30 * number)
        self.write()

    def row(self, number: int) -> dict:
        joints = self.joints_m[number]
        return {
            "file": f"made/{number}.jpg",
            "source": "made",
            "licence": "MIT",
            "tier": "A",
            "aspect_stretched": False,
            "size": SIZE,
            "orig_size": [640, 480],
            "crop_affine": [[SCALE, 0, SHIFT[0]], [0, SCALE, SHIFT[1]]],
            "hand": SIDES[number],
            "joints_2d_px": (CAMERA.project(joints) + 0.5).tolist(),
            "joints_3d_m": (joints - joints.mean(0)).tolist(),
            "score": 0.9,
        }

    def write(self, *, last: str = "") -> None:
        lines = [json.dumps(row) for row in self.rows]
        (self.folder / "labels.jsonl").write_text("\n".join(lines) + "\n" + last)

    def change(self, number: int, **values) -> None:
        self.rows[number].update(values)
        self.write()


@pytest.fixture
def photos(tmp_path) -> Photos:
    return Photos(tmp_path / "photos")


def test_labels_agree_with_each_other_and_with_the_picture(photos, tmp_path):
    index = convert_teacher(photos.folder, tmp_path / "set", size=96)
    made = SynthSet(tmp_path / "set")
    assert_consistent(made)
    rig = load_rig("open")
    posed = rig.posed(*(made.labels[name] for name in ("pose", "shape", "translation"))).joints
    np.testing.assert_allclose(posed, made.labels["joints_m"], atol=2e-6)
    # All are right hands, in the place they were taken at.
    away = np.linalg.norm(made.labels["joints_m"] - photos.right_m, axis=-1)
    assert away.mean() < 1e-3 and away.max() < 6e-3
    mirrored = CAMERA.mirrored().vector
    assert np.allclose(made.labels["camera"], [CAMERA.vector, mirrored, CAMERA.vector])
    assert made.labels["frame_size"].tolist() == [[SIZE, SIZE]] * 3
    joints_px = CAMERA.project(photos.joints_m)
    inside = ((joints_px > 1) & (joints_px < SIZE - 2)).all(-1)
    outside = ((joints_px < -1) | (joints_px > SIZE)).any(-1)
    assert made.labels["visible"][inside].all() and not made.labels["visible"][outside].any()
    assert inside.any() and outside.any()
    assert index["left_out"] == {"off": 0, "size": 0} and index["licences"] == {"made": "MIT"}
    assert index["residual_2d_percent"] < 0.5 and index["residual_mm"] < 1
    assert json.loads((tmp_path / "set" / "index.json").read_text()) == {**index, "complete": True}


def test_a_left_hand_gives_what_its_mirror_image_gives(photos, tmp_path):
    photos.rows = photos.rows[:2]
    photos.write()
    convert_teacher(photos.folder, tmp_path / "left", size=64)
    mirrored = Photos(tmp_path / "other")
    mirrored.rows = mirrored.rows[:2]
    image = mirrored.folder / "made" / "1.jpg"
    spot = CAMERA.project(photos.joints_m[1, MARK]) * [-1, 1] + [SIZE - 1, 0]
    picture(image, SIZE, spot, 60)
    joints_px = np.array(photos.rows[1]["joints_2d_px"]) * [-1, 1] + [SIZE, 0]
    joints_m = np.array(photos.rows[1]["joints_3d_m"]) * [-1, 1, 1]
    shift = SIZE - SCALE * 640 - SHIFT[0]
    mirrored.change(
        1,
        hand="right",
        joints_2d_px=joints_px.tolist(),
        joints_3d_m=joints_m.tolist(),
        crop_affine=[[SCALE, 0, shift], [0, SCALE, SHIFT[1]]],
    )
    convert_teacher(mirrored.folder, tmp_path / "right", size=64)
    left, right = SynthSet(tmp_path / "left"), SynthSet(tmp_path / "right")
    for name in left.labels:
        np.testing.assert_allclose(left.labels[name][1], right.labels[name][1], atol=1e-4, err_msg=name)
    assert np.abs(left.images[1].astype(int) - right.images[1]).mean() < 2


def test_hands_for_measuring_alone_are_left_out(photos, tmp_path):
    photos.rows[0]["tier"] = "B"
    photos.change(2, aspect_stretched=True)
    # Their pictures need not be there.
    (photos.folder / "made" / "0.jpg").unlink()
    assert [hand.side for hand in read_teacher(photos.folder)] == ["left"]
    assert convert_teacher(photos.folder, tmp_path / "set", size=64)["count"] == 1
    photos.change(1, tier="B")
    with pytest.raises(KnuckleError, match=r"labels\.jsonl: expected hands of tier A, got none"):
        read_teacher(photos.folder)


def test_hands_the_rig_does_not_meet_are_left_out(photos, tmp_path):
    rng = np.random.default_rng(0)
    joints_px = np.array(photos.rows[0]["joints_2d_px"])
    extent = np.ptp(joints_px, axis=0).max()
    photos.change(0, joints_2d_px=(joints_px + rng.normal(0, 0.15 * extent, (21, 2))).tolist())
    for factor in (1.6, 0.4):
        photos.change(1, joints_3d_m=(factor * np.array(photos.row(1)["joints_3d_m"])).tolist())
        source = TeacherTraining(photos.folder, None)
        assert source.about["left_out"] == {"off": 1, "size": 1} and source.count == 1
        assert source.hands(range(1))[0].image.name == "2.jpg"
    # A hand in one place has no depth to lift it to.
    photos.change(2, joints_2d_px=[[50.0, 60.0]] * 21, joints_3d_m=[[0.0, 0.0, 0.0]] * 21)
    with pytest.raises(KnuckleError, match="expected hands that the rig can be fitted to, got none"):
        convert_teacher(photos.folder, tmp_path / "set", size=64)
    assert not (tmp_path / "set").exists()


def test_a_second_opinion_counts_as_much_at_any_size(photos):
    bent = np.linspace(-0.02, 0.02, 21) * np.array([[1], [-1], [1]])
    bent = np.stack([0 * bent, 0 * bent, bent - bent[:, :1]], axis=-1)
    for number in range(3):
        wrong = photos.joints_m[number] + bent[number]
        photos.rows[number]["joints_3d_m"] = (wrong - wrong.mean(0)).tolist()
    photos.write()
    asked = []

    def other_way(hands):
        asked.extend(hands)
        return 3 * (photos.right_m - bent) + [0.1, 0.2, 0.3]

    alone = TeacherTraining(photos.folder, None)
    both = TeacherTraining(photos.folder, None, SecondOpinion("other", other_way))

    def off_m(source: TeacherTraining) -> float:
        fitted = np.array([hand.joints_m for hand in source.kept])
        relative, truth = (j[..., 2] - j[:, :1, 2] for j in (fitted, photos.joints_m))
        return float(np.abs(relative - truth).mean())

    # What is left: depths that do not fit the bones make the one hand seem larger than the other.
    assert off_m(alone) > 0.015 and off_m(both) < 0.005
    assert [hand.side for hand in asked] == list(SIDES)
    low = np.array(photos.rows[1]["joints_2d_px"]).min(0) - 0.5
    assert np.allclose(asked[1].box_px[:2], low)
    for wrong in (np.zeros((2, 21, 3)), np.full((3, 21, 3), np.nan)):
        with pytest.raises(KnuckleError, match=r"other: expected finite joints \(3, 21, 3\)"):
            TeacherTraining(photos.folder, None, SecondOpinion("other", lambda hands, w=wrong: w))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hand": "both"}, 'hand: expected "left" or "right"'),
        ({"tier": "C"}, 'tier: expected "A" or "B"'),
        ({"file": "made/9.jpg"}, r"expected the picture \S+9\.jpg, got no such file"),
        ({"size": "200"}, "size: expected int"),
        ({"size": 0}, "expected size and orig_size of 1 px and more"),
        ({"orig_size": [640]}, "orig_size: expected 2 finite numbers"),
        ({"crop_affine": [[1, 0.1, 0], [0, 1, 0]]}, "crop_affine: expected one scale and a shift"),
        ({"crop_affine": [[0, 0, 0], [0, 0, 0]]}, "crop_affine: expected one scale and a shift"),
        ({"joints_2d_px": [[1, 2]] * 20}, "joints_2d_px: expected 21 x 2 finite numbers"),
        ({"joints_2d_px": [[1, 2]] * 20 + [[1, float("nan")]]}, "joints_2d_px: .* got NaN or infinity"),
        ({"joints_3d_m": [[1, 2, "x"]] * 21}, "joints_3d_m: expected 21 x 3 finite numbers"),
        ({"joints_3d_m": None}, "joints_3d_m: expected list, got None"),
    ],
)
def test_malformed_lines_are_named(photos, values, message):
    photos.change(1, **values)
    with pytest.raises(KnuckleError, match=rf"labels\.jsonl: line 2: {message}"):
        read_teacher(photos.folder)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ('{"file": ', "line 4: expected a JSON object, got"),
        ("[1]", "line 4: expected a JSON object, got a list"),
        ('{"file": "a"}', "line 4: expected a hand, missing source, licence, tier"),
        ("\n", "line 4: expected a JSON object"),
    ],
)
def test_lines_that_are_no_hands_are_named(photos, last, message):
    photos.write(last=last)
    with pytest.raises(KnuckleError, match=rf"labels\.jsonl: {re.escape(message)}"):
        read_teacher(photos.folder)


def test_missing_and_damaged_files_are_named(photos, tmp_path):
    with pytest.raises(KnuckleError, match=r"labels\.jsonl: expected a label file"):
        read_teacher(tmp_path)
    picture(photos.folder / "made" / "2.jpg", SIZE - 1, np.zeros(2), 30)
    with pytest.raises(KnuckleError, match=r"2\.jpg: expected 200x200 px, got 199x199"):
        convert_teacher(photos.folder, tmp_path / "set", size=32)
    with pytest.raises(KnuckleError, match="size: expected 32 to 1024"):
        convert_teacher(photos.folder, tmp_path / "none", size=8)
    with pytest.raises(KnuckleError, match="limit: expected 1"):
        convert_teacher(photos.folder, tmp_path / "none", limit=0)


def test_a_set_that_was_cut_short_is_finished_and_workers_get_the_source(photos, tmp_path):
    last = photos.folder / "made" / "2.jpg"
    good = last.read_bytes()
    last.write_bytes(b"no picture")
    with pytest.raises(KnuckleError, match=r"2\.jpg: expected a picture"):
        convert_teacher(photos.folder, tmp_path / "set", size=32)
    last.write_bytes(good)
    second = SecondOpinion("other", lambda hands: photos.right_m)
    with pytest.raises(KnuckleError, match="its options is"):
        convert_teacher(photos.folder, tmp_path / "set", size=32, resume=True, second=second)
    convert_teacher(photos.folder, tmp_path / "set", size=32, resume=True)
    assert len(SynthSet(tmp_path / "set")) == 3
    source = pickle.loads(pickle.dumps(TeacherTraining(photos.folder, None, second)))
    assert source.count == 3 and len(source.hands(range(1, 3))) == 2


def test_training_reads_the_set(photos, tmp_path):
    pytest.importorskip("torch")
    from knuckle.training.batches import HandSource

    convert_teacher(photos.folder, tmp_path / "set")
    source = HandSource(tmp_path / "set", validation=1)
    item = source.item(1, rng=None)
    assert item["image"].shape == (3, 128, 128)
    assert np.abs(item["joints_patch"] - source.set.labels["joints_px"][1]).max() < 0.05
    assert all(np.isfinite(v).all() for v in source.item(0, rng=np.random.default_rng(0)).values())


def test_the_command(photos, run, tmp_path, capsys):
    teacher = ("convert", "teacher", str(photos.folder))
    assert run(*teacher, "--out", str(tmp_path / "a"), "--limit", "2", "--size", "48") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 crops of 48 px; the joints of the open rig lie" in shown
    assert "left out: 0 hands further off than 6 %, 0 of no hand's size" in shown
    assert (
        run("convert", "freihand", str(photos.folder), "--out", str(tmp_path / "b"), "--depths", "dahyf") == 2
    )
    assert "--depths: expected with teacher" in " ".join(capsys.readouterr().err.split())
    assert run(*teacher, "--out", str(tmp_path / "b"), "--depths", "dfl") == 2
    assert "--depths: expected a one-hand model, got dfl" in " ".join(capsys.readouterr().err.split())


def test_the_command_asks_a_model_of_ours_for_depths(photos, run, tmp_path):
    for name, depths in (("a", ()), ("b", ("--depths", "dahyf"))):
        assert run("convert", "teacher", str(photos.folder), "--out", str(tmp_path / name), *depths) == 0
    alone, both = SynthSet(tmp_path / "a"), SynthSet(tmp_path / "b")
    index = json.loads((tmp_path / "b" / "index.json").read_text())
    assert index["options"] == {"size": 128, "expand": 1.5, "depths": "dahyf-photo"}
    # Whatever the model makes of a spot, it is another depth.
    assert np.abs(alone.labels["joints_m"] - both.labels["joints_m"]).max() > 1e-3
