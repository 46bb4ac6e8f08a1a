"""DexYCB in its true layout, written from posed hands: the known truth comes back, and what is wrong is named."""

import pickle
import shutil
from collections import Counter

import cv2
import numpy as np
import pytest

from knuckle.datasets import dexycb
from knuckle.datasets.dexycb_training import DexycbTraining, training_sequences
from knuckle.datasets.hand_free import hand_area
from knuckle.datasets.mano_sides import mano_sides, side_components
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.rig.mano import load_mano
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import origin_of

from .conftest import poses, project
from .rendered import GREY, draw, jpeg, write_mano_pair

SUBJECTS = ("20200709-subject-01", "20200813-subject-02")
SERIALS = ("836212060125", "839512060362")
K = {SERIALS[0]: (613.1, 612.0, 313.0, 245.0), SERIALS[1]: (610.5, 611.5, 322.4, 238.8)}
FRAMES = 2
TOLERANCE_M = 1e-4
LEFT, EMPTY = (3, 4), (0, 1, 0)
"""Sequences of a subject with left hands; the frame (sequence, camera, frame) in which none is labelled."""


def matrix(serial: str) -> np.ndarray:
    fx, fy, cx, cy = K[serial]
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


class Made:
    """The folder and the truth: joints and vertices by name, metres of the camera's frame."""

    def __init__(self, top):
        self.folder = top / "dex-ycb"
        self.mano = write_mano_pair(top)
        # The authors' code took the left file as it was.
        rigs = mano_sides(self.mano, tips="manopth", left_shape="published")
        components = side_components(self.mano)
        self.joints_m, self.vertices_m, self.coefficients = {}, {}, {}
        rng = np.random.default_rng(1)
        for number, subject in enumerate(SUBJECTS):
            # A person's hands share the shape.
            shape = 0.8 * rng.standard_normal(10)
            for place in range(5):
                side = "left" if place in LEFT else "right"
                name = f"{subject}/{subject[:8]}_1417{place:02d}"
                calibration = f"{subject[:8]}_140042_{subject[9:]}_{side}"
                self.write_yaml(name, side, calibration, shape)
                for eye, serial in enumerate(SERIALS):
                    for frame in range(FRAMES):
                        seed = 100 * number + 10 * place + 2 * eye + frame
                        pose, _ = poses(1, seed=seed)
                        coefficients = 0.08 * np.random.default_rng(seed).standard_normal(45)
                        posed_by = np.concatenate(
                            [pose[0, :1], (coefficients @ components[side]).reshape(15, 3)]
                        )
                        move = np.array([0.03 * eye, 0.02 * frame - 0.01, 0.75 + 0.02 * place])
                        posed = rigs[side].posed(posed_by, shape, move)
                        self.write_frame(name, serial, frame, rigs[side], posed,
                                         np.concatenate([pose[0, 0], coefficients, move]),
                                         empty=number == 0 and (place, eye, frame) == EMPTY)  # fmt: skip
        for serial in SERIALS:
            path = self.folder / "calibration" / "intrinsics" / f"{serial}_640x480.yml"
            path.parent.mkdir(parents=True, exist_ok=True)
            fx, fy, cx, cy = K[serial]
            path.write_text(
                f"color:\n  fx: {fx}\n  fy: {fy}\n  ppx: {cx}\n  ppy: {cy}\ndepth:\n  fx: 1.0\n  fy: 1.0\n"
            )

    def write_yaml(self, name, side, calibration, shape):
        (self.folder / name).mkdir(parents=True)
        (self.folder / name / "meta.yml").write_text(
            "serials:\n" + "".join(f"- '{serial}'\n" for serial in SERIALS)
            + f"num_frames: {FRAMES}\nextrinsics: 20200702_151821\nycb_ids:\n- 1\n- 11\nycb_grasp_ind: 0\n"
            + f"mano_sides:\n- {side}\nmano_calib:\n- {calibration}\n"
        )  # fmt: skip
        path = self.folder / "calibration" / f"mano_{calibration}" / "mano.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("betas:\n" + "".join(f"- {value!r}\n" for value in shape.tolist()))

    def write_frame(self, name, serial, frame, rig, posed, pose, *, empty):
        joints_m, vertices_m = posed.joints, posed.vertices
        picture, seg = np.full((480, 640, 3), GREY, np.uint8), np.zeros((480, 640), np.uint8)
        seg[40:60, 40:80] = 11
        if not empty:
            seg[draw(picture, project(vertices_m, matrix(serial)), vertices_m[:, 2], rig)] = 255
        labels = {
            "seg": seg, "pose_y": np.zeros((2, 3, 4), np.float32),
            "pose_m": np.zeros((1, 51), np.float32) if empty else pose[None].astype(np.float32),
            "joint_3d": np.full((1, 21, 3), -1, np.float32) if empty else joints_m[None].astype(np.float32),
            "joint_2d": np.full((1, 21, 2), -1, np.float32)
            if empty else project(joints_m, matrix(serial))[None].astype(np.float32),
        }  # fmt: skip
        where = self.folder / name / serial
        where.mkdir(exist_ok=True)
        np.savez_compressed(where / f"labels_{frame:06d}.npz", **labels)
        (where / f"color_{frame:06d}.jpg").write_bytes(jpeg(picture))
        if not empty:
            key = f"{name}/{serial}/{frame:06d}"
            self.joints_m[key], self.vertices_m[key] = joints_m, vertices_m


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("dexycb"))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Two subjects of five sequences, two cameras."""
    monkeypatch.setattr(dexycb, "SUBJECTS", SUBJECTS)
    monkeypatch.setattr(dexycb, "SERIALS", SERIALS)
    monkeypatch.setattr(dexycb, "SEQUENCES", 5)
    monkeypatch.setattr(dexycb, "subjects_of", lambda setup, split: [0, 1])
    monkeypatch.setattr(dexycb, "serials_of", lambda setup, split: [0] if setup == "s2" else [0, 1])


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made.folder, tmp_path / "dex-ycb")


def as_right(joints_m, side):
    return joints_m * [-1, 1, 1] if side == "left" else joints_m


def test_joints_come_back(made):
    source = DexycbTraining(made.folder, None)
    hands = source.hands(range(source.count))
    # s0 trains on four of five sequences; one frame has no hand.
    assert source.count == 2 * 4 * 2 * FRAMES - 1
    assert Counter(hand.side for hand in hands) == {"right": 2 * 3 * 4 - 1, "left": 2 * 4}
    for hand in hands:
        joints_m = made.joints_m[hand.name]
        assert np.abs(hand.joints_m - joints_m).max() < TOLERANCE_M
        assert np.abs(hand.camera.project(joints_m) - hand.joints_px).max() < 0.01
        area = hand_area(hand)
        u, v = hand.joints_px.round().astype(int).T
        assert area[v, u].all() and area.mean() < 0.2 and not area[40:60, 40:80].any()


def test_mano_comes_back(made, tmp_path):
    index = convert_set(
        "dexycb", made.folder, tmp_path / "set", size=64, rig=made.mano, tips="manopth", negatives=0.1
    )
    assert index["dataset"] == "dexycb s0" and origin_of(index) == "dexycb s0" and index["hand_free"] > 0
    source, labels = DexycbTraining(made.folder, made.mano), SynthSet(tmp_path / "set").labels
    rig = load_mano(made.mano, "right", tips="manopth")
    posed = rig.posed(*(np.asarray(labels[key], float) - (rig.pose_mean if key == "pose" else 0)
                        for key in ("pose", "shape", "translation")))  # fmt: skip
    for row, hand in enumerate(source.hands(range(source.count))):
        truth = as_right(made.vertices_m[hand.name], hand.side)
        joints = as_right(made.joints_m[hand.name], hand.side)
        assert np.abs(labels["joints_m"][row] - joints).max() < TOLERANCE_M
        if hand.side == "right":
            assert np.abs(posed.vertices[row] - truth).max() < TOLERANCE_M
        else:
            # No right hand has a left one's faulty shape: fitted, a few mm off.
            assert TOLERANCE_M < np.linalg.norm(posed.joints[row] - joints, axis=-1).mean() < 0.004


def test_the_published_left_file_is_undone_and_the_mended_one_is_a_switch(made):
    source = DexycbTraining(made.folder, made.mano, left_shape="mended")
    number = next(n for n, hand in enumerate(source.hands(range(source.count))) if hand.side == "left")
    hand = source.hands(range(number, number + 1))[0]
    parameters = source.parameters(np.array([number]), "left")
    by = {
        shape: mano_sides(made.mano, tips="manopth", left_shape=shape)["left"].posed(*parameters)
        for shape in ("published", "mended")
    }
    assert np.abs(by["published"].vertices[0] - made.vertices_m[hand.name]).max() < TOLERANCE_M
    off = np.linalg.norm(by["mended"].joints[0] - made.joints_m[hand.name], axis=-1).mean()
    assert 1e-3 < off < 0.03
    # A mended left hand has its own joints, which the right rig meets exactly.
    assert np.abs(hand.joints_m - by["mended"].joints[0]).max() < TOLERANCE_M
    labels = source.rig_labels(range(number, number + 1), (hand.joints_m * [-1, 1, 1])[None])
    assert labels.residual_m[0] < TOLERANCE_M
    with pytest.raises(KnuckleError, match=r"left_shape: expected MANO_RIGHT.pkl as rig"):
        find_data_set("dexycb").open_source(made.folder, None, complete=True, variant="s0-mended")


def test_without_mano_the_open_rig_is_fitted(made, tmp_path):
    index = convert_set("dexycb", made.folder, tmp_path / "set", size=64, variant="s2")
    assert index["rig_name"] == "open" and index["residual_mm"] < 2 and index["dataset"] == "dexycb s2"
    # All five sequences of the one camera.
    assert index["count"] == 2 * 5 * FRAMES


def test_another_mano_file_is_refused(made, tmp_path):
    data = pickle.loads(made.mano.read_bytes())
    other = tmp_path / "MANO_RIGHT.pkl"
    other.write_bytes(pickle.dumps(data | {"v_template": data["v_template"] * 1.2}, protocol=2))
    with pytest.raises(
        KnuckleError, match=r"expected MANO_RIGHT.pkl, whose joints lie less than 5 mm from DexYCB's"
    ):
        convert_set("dexycb", made.folder, tmp_path / "set", size=64, rig=other)
    with pytest.raises(KnuckleError, match="variant: expected one of s0, s1"):
        convert_set("dexycb", made.folder, tmp_path / "set", variant="s9")
    with pytest.raises(KnuckleError, match="variant: expected none with obman, got s0"):
        find_data_set("obman").chosen_variant("s0")


def test_splits_are_those_of_the_authors(monkeypatch):
    monkeypatch.undo()
    counts = {
        (setup, split): len(dexycb.subjects_of(setup, split))
        * sum(dexycb.takes_sequence(setup, split, n) for n in range(100))
        * len(dexycb.serials_of(setup, split))
        for setup in dexycb.SETUPS
        for split in dexycb.SPLITS
    }
    whole = 10 * 100 * 8
    assert all(sum(counts[setup, split] for split in dexycb.SPLITS) == whole for setup in dexycb.SETUPS)
    assert [counts["s0", split] for split in dexycb.SPLITS] == [6400, 320, 1280]
    assert [counts["s1", split] for split in dexycb.SPLITS] == [5600, 800, 1600]
    assert [counts["s2", split] for split in dexycb.SPLITS] == [6000, 1000, 1000]
    assert [counts["s3", split] for split in dexycb.SPLITS] == [6000, 800, 1200]
    assert [n for n in range(100) if dexycb.takes_sequence("s3", "val", n)] == [
        *range(15, 20),
        *range(95, 100),
    ]
    with pytest.raises(KnuckleError, match="setup: expected one of s0, s1, s2, s3, got 's4'"):
        dexycb.subjects_of("s4", "train")


def test_a_subject_of_which_sequences_are_missing_is_refused(copy):
    shutil.rmtree(copy / SUBJECTS[0] / sorted(p.name for p in (copy / SUBJECTS[0]).iterdir())[0])
    for complete in (True, False):
        with pytest.raises(
            KnuckleError, match=r"by whose order DexYCB is split, got 20200709-subject-01 \(4 of 5\)"
        ):
            training_sequences(copy, "s0", complete)
    shutil.rmtree(copy / SUBJECTS[0])
    assert DexycbTraining(copy, None, complete=False).count == 4 * 2 * FRAMES
    with pytest.raises(KnuckleError, match=r"20200709-subject-01 \(0 of 5\)"):
        DexycbTraining(copy, None)


FIRST = f"{SUBJECTS[0]}/20200709_141700"


def relabel(folder, **changes):
    path = folder / FIRST / SERIALS[0] / "labels_000000.npz"
    with np.load(path) as file:
        labels = {key: file[key] for key in file.files}
    np.savez_compressed(path, **(labels | changes))


def cut(path, keep):
    path.write_bytes(path.read_bytes()[:keep])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / FIRST / SERIALS[0] / "color_000001.jpg").unlink(),
         f"1 missing pictures: {FIRST}/{SERIALS[0]}/color_000001.jpg"),
        (lambda f: cut(f / FIRST / SERIALS[0] / "color_000001.jpg", 3000),
         f"1 damaged pictures: {FIRST}/{SERIALS[0]}/color_000001.jpg"),
        (lambda f: (f / FIRST / SERIALS[0] / "labels_000001.npz").unlink(),
         f"1 missing labels: {FIRST}/{SERIALS[0]}/labels_000001.npz"),
        (lambda f: cut(f / FIRST / SERIALS[0] / "labels_000001.npz", 900),
         "labels_000001.npz: expected an .npz file of arrays"),
        (lambda f: relabel(f, joint_3d=np.full((1, 21, 3), np.nan)), "joint_3d: expected finite numbers, got NaN"),
        (lambda f: relabel(f, joint_3d=np.zeros((21, 3))),
         "joint_3d: expected 1 x 21 x 3 numbers, got float64 (21, 3)"),
        (lambda f: relabel(f, pose_m=np.array([{"a": 1}])), "labels_000000.npz: expected an .npz file of arrays"),
        (lambda f: relabel(f, joint_2d=np.zeros((1, 21, 2))), "joint_2d: expected the projection of joint_3d, got"),
        (lambda f: (f / FIRST / "meta.yml").write_text("serials: []\nnum_frames: many\nmano_sides:\n- right\n"),
         "meta.yml: num_frames: expected a count, got 'many'"),
        (lambda f: (f / FIRST / "meta.yml").write_text("num_frames: 2\nmano_sides:\n- both\n"),
         "mano_sides: expected one of"),
        (lambda f: (f / FIRST / "meta.yml").write_text(
            "num_frames: 2\nmano_sides:\n- left\nmano_calib:\n- ../../etc\n"),
         "mano_calib: expected a calibration's name in a list"),
        (lambda f: (f / "calibration/mano_20200709_140042_subject-01_left/mano.yml").write_text("betas:\n- .nan\n"),
         "betas: expected 10 finite numbers"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    faults = find_data_set("dexycb").check(copy).faults
    assert len(faults) == 1 and message in faults[0], faults


def test_check_of_whole_half_and_empty(copy, tmp_path):
    entry = find_data_set("dexycb")
    report = entry.check(copy, decode=True)
    assert report.whole and report.notes == ["39 frames with a labelled hand, 1 without one"]
    shutil.rmtree(copy / SUBJECTS[1])
    (copy / "calibration" / "intrinsics" / f"{SERIALS[1]}_640x480.yml").unlink()
    half = entry.check(copy)
    states = {part.name: part.state for part in half.parts}
    assert states[f"{SUBJECTS[0]}/*"] == "ok" and states[f"{SUBJECTS[1]}/*"] == "missing"
    assert len(half.faults) == 1 and f"{SERIALS[1]}_640x480.yml: expected a YAML file" in half.faults[0]
    (tmp_path / "empty").mkdir()
    assert {part.state for part in entry.check(tmp_path / "empty").parts} == {"missing"}
    with pytest.raises(KnuckleError, match="expected the subjects of DexYCB"):
        entry.preview(tmp_path / "empty", count=3)


def test_the_preview_shows_both_sides(made, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "preview", "dexycb", str(made.folder), "--out", str(sheet), "--count", "8") == 0
    assert np.ptp(cv2.imread(str(sheet)).astype(int), axis=2).max() > 60
    hands = find_data_set("dexycb").preview(made.folder, count=8, rig=made.mano)
    assert {hand.side for hand in hands} == {"left", "right"}
    for hand in hands:
        assert np.abs(hand.vertices_m - made.vertices_m[hand.name]).max() < TOLERANCE_M
