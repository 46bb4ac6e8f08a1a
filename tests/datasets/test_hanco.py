"""HanCo in its true layout, written from rendered hands of a MANO file: the known truth comes back, and what is wrong
is named."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets import hanco
from knuckle.datasets.hanco_training import HancoTraining
from knuckle.datasets.registry import find_data_set
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.rig.mano import load_mano
from knuckle.rig.rotations import rodrigues
from knuckle.sets.reader import SynthSet

from .conftest import poses, write_mano
from .drawing import draw_hands, looking_at, write_picture

TOLERANCE_M = 1e-4
SIZE = 224
# Sequence 1 has a step that is not to train on; its first step has no validated fit.
IS_TRAIN = [[True, True], [True, False]]
IS_VALID = [[True, True], [False, True]]
AWAY = (5, 6)
"""Cameras that look past the hand."""


@dataclass
class Made:
    folder: Path
    mano: Path
    joints_m: dict[tuple[int, int, int], np.ndarray]
    """By sequence, step and camera, camera frame."""
    vertices_m: dict[tuple[int, int, int], np.ndarray]
    matrix: np.ndarray


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """Two sequences of two steps, eight cameras round the hand, two of them looking past it."""
    tmp = tmp_path_factory.mktemp("hanco")
    top, mano = tmp / "HanCo", write_mano(tmp / "MANO_RIGHT.pkl", tips="manopth")
    rig = load_mano(mano, "right", tips="manopth")
    pose, shape = poses(4, seed=6)
    middle = np.array([0.3, -0.2, 0.9])
    posed = rig.posed(pose, shape)
    translation = middle - posed.joints[:, 9] + 0.01 * np.arange(4)[:, None]
    matrix = np.array([[480.0, 0, 113], [0, 470, 110], [0, 0, 1]])
    made = Made(top, mano, {}, {}, matrix)
    for row, (s, f) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        joints, vertices = posed.joints[row] + translation[row], posed.vertices[row] + translation[row]
        cameras = []
        for camera in range(8):
            turn = camera * np.pi / 4 + 0.1 * s
            eye = middle + 0.7 * np.array([np.sin(turn), 0.3 * np.cos(3 * turn), np.cos(turn)])
            target = middle + (np.array([0.0, 0.45, 0.0]) if camera in AWAY else 0)
            move = looking_at(eye, target)
            cameras.append(move)
            seen = vertices @ move[:3, :3].T + move[:3, 3]
            made.joints_m[s, f, camera] = joints @ move[:3, :3].T + move[:3, 3]
            made.vertices_m[s, f, camera] = seen
            picture, mask = draw_hands([(seen, rig.faces)], matrix, (SIZE, SIZE), grey=40 + 20 * row)
            name = f"{s:04d}/cam{camera}/{f:08d}.jpg"
            variants = ("rgb", "rgb_merged") if IS_TRAIN[s][f] else ("rgb",)
            for variant in variants:
                write_picture(top / variant / name, picture)
            if IS_TRAIN[s][f]:
                write_picture(top / "mask_hand" / name, 255 * mask)
        name = f"{s:04d}/{f:08d}.json"
        labels = {
            "xyz": joints.tolist(),
            "calib": {"K": [matrix.tolist()] * 8, "M": [move.tolist() for move in cameras]},
            "shape": {
                "poses": [pose[row].reshape(48).tolist()],
                "shapes": [shape[row].tolist()],
                "global_t": [[translation[row].tolist()]],
            },
        }
        for part, value in labels.items():
            (top / part / name).parent.mkdir(parents=True, exist_ok=True)
            (top / part / name).write_text(json.dumps(value))
    flags = {"is_train": IS_TRAIN, "is_valid": IS_VALID, "has_fit": [[True, True]] * 2}
    flags |= {"subject_id": [[3, 3], [4, 4]], "object_id": [[None, None], [7, 7]]}
    (top / "meta.json").write_text(json.dumps(flags))
    return made


@pytest.fixture
def copy(made, tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(hanco, "SEQUENCES", 2)
    monkeypatch.setattr(hanco, "STEPS", 4)
    return shutil.copytree(made.folder, tmp_path / "HanCo")


def place(hand) -> tuple[int, int, int]:
    sequence, camera, step = hand.name.split()[0].split("/")
    return int(sequence), int(step), int(camera[3:])


def test_the_known_truth_comes_back(made):
    source = HancoTraining(made.folder.parent, None)
    hands = source.hands(range(source.count))
    # Nothing of the step that is not to train on, nothing of the cameras that look past the hand.
    assert sorted(map(place, hands)) == sorted(
        (s, f, c) for s, f in ((0, 0), (0, 1), (1, 0)) for c in range(8) if c not in AWAY
    )
    for hand in hands:
        truth = made.joints_m[place(hand)]
        assert np.abs(hand.joints_m - truth).max() < TOLERANCE_M
        in_px = truth @ made.matrix.T
        assert np.abs(hand.joints_px - in_px[:, :2] / in_px[:, 2:]).max() < 1e-3
        # Drawn where the labels say: the picture is bright at most joints that it shows.
        u, v = hand.joints_px.round().astype(int).T
        assert hand.mask is not None and (cv2.imread(str(hand.mask), 0)[v, u] > 128).mean() > 0.7
    assert {hand.name.split()[1] for hand in hands} == {"rgb", "rgb_merged"}
    empties = [source.empty(number) for number in range(source.empty_count)]
    assert sorted(place(hand) for hand in empties) == [
        (s, f, c) for s, f in ((0, 0), (0, 1), (1, 0)) for c in AWAY
    ]


def test_fits_of_the_world_come_back_in_every_camera(made, tmp_path):
    index = convert_set(
        "hanco", made.folder, tmp_path / "set", size=64, rig=made.mano, tips="manopth", negatives=0.25
    )
    found, rig = SynthSet(tmp_path / "set"), load_mano(made.mano, "right", tips="manopth")
    hands = HancoTraining(made.folder, made.mano).hands(range(18))
    assert index["count"] == 24 and index["hand_free"] == 6 and index["left_out"] == []
    for row, hand in enumerate(hands):
        pose, shape, move = (
            found.labels[name][row].astype(float) for name in ("pose", "shape", "translation")
        )
        posed = rig.posed_by_matrices(rodrigues(pose), shape, move)
        apart = np.abs(posed.vertices - made.vertices_m[place(hand)]).max()
        # Sequence 1 has a fit that nobody validated: the rig is fitted to the joints there.
        # Fingertips are those of the rig in its pose.
        joints_apart = np.linalg.norm(posed.joints - made.joints_m[place(hand)], axis=-1).mean()
        assert apart < TOLERANCE_M if place(hand)[0] == 0 else TOLERANCE_M < joints_apart < 0.005
        assert np.abs(found.labels["joints_m"][row] - made.joints_m[place(hand)]).max() < 2e-3
    # Even rows are of pictures without a hand, odd ones beside a hand; all are grey alone.
    assert all(np.ptp(found.images[row].astype(int)) < 12 for row in range(18, 24))
    assert not found.labels["is_hand"][18:].any()


def test_without_masks_the_joints_tell(made, copy, tmp_path):
    shutil.rmtree(copy / "mask_hand")
    source = HancoTraining(copy, None)
    assert source.empty_count == 6 and source.hands(range(1))[0].mask is None
    # A mask that shows something where no joint is: an arm, or a mistake; the picture is not taken as empty.
    step, camera = hanco.Step(*source.without[0][:2].tolist()), int(source.without[0][2])
    write_picture(hanco.picture_of(copy, "mask_hand", step, camera), np.eye(SIZE, dtype=np.uint8) * 255)
    assert source.empty(0) is None and source.empty(1) is not None


def edit(path: Path, change) -> None:
    """Write a label file changed: by what `change` returns, else as it left it."""
    data = json.loads(path.read_text())
    changed = change(data)
    path.write_text(json.dumps(data if changed is None else changed))


def drop(rows, *keys) -> None:
    """Take one thing out of what the keys lead to."""
    for key in keys[:-1]:
        rows = rows[key]
    del rows[keys[-1]]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "xyz/0000/00000001.json").unlink(), "1 missing xyz files: xyz/0000/00000001.json"),
        (lambda f: (f / "rgb/0001/cam2/00000000.jpg").unlink(),
         "1 missing rgb pictures: rgb/0001/cam2/00000000.jpg"),
        (lambda f: (f / "rgb/0001/cam2/00000000.jpg").write_bytes(b"\xff\xd8"),
         "1 damaged rgb pictures: rgb/0001/cam2/00000000.jpg"),
        (lambda f: edit(f / "xyz/0000/00000000.json", lambda d: d[:20]), "21 x 3 finite numbers, got shape (20, 3)"),
        (lambda f: edit(f / "xyz/0000/00000000.json", lambda d: [[float("nan")] * 3, *d[1:]]), "finite numbers"),
        (lambda f: edit(f / "calib/0000/00000000.json", lambda d: drop(d, "M", 7)), "M: expected 8 x 4 x 4 finite"),
        (lambda f: edit(f / "calib/0000/00000000.json",
                        lambda d: d | {"M": (np.diag([1, -1, -1, 1]) @ np.array(d["M"])).tolist()}),
         "expected the hand before every camera"),
        (lambda f: (f / "calib/0000/00000000.json").write_text("{"), "00000000.json: expected JSON"),
        (lambda f: edit(f / "meta.json", lambda d: drop(d, "is_valid", 0, 0)), "lists of other lengths"),
        (lambda f: edit(f / "meta.json", lambda d: drop(d, "has_fit")), "meta.json: has_fit: expected a list"),
        (lambda f: edit(f / "meta.json", lambda d: {k: v[:1] for k, v in d.items()}),
         "1 sequences of 2 time steps, expected 2 of 4"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    report = find_data_set("hanco").check(copy)
    assert len(report.faults) == 1 and message in report.faults[0], report.faults


def test_check_of_whole_half_and_empty(copy, tmp_path):
    entry = find_data_set("hanco")
    report = entry.check(copy, decode=True)
    states = {part.name: part.state for part in report.parts}
    assert report.whole and states["rgb_homo pictures"] == "absent" and states["rgb_merged pictures"] == "ok"
    assert "3 of 4 time steps to train on (is_train)" in report.notes
    assert any(note.startswith("18 hands") and "6 pictures without a hand" in note for note in report.notes)
    shutil.rmtree(copy / "calib")
    report = entry.check(copy)
    assert not report.whole and not report.faults
    assert {part.name: part.state for part in report.parts}["calib files"] == "missing"
    with pytest.raises(
        KnuckleError, match=r"missing 3 of 3 calib, the first calib/0000/00000000.json; with a limit"
    ):
        HancoTraining(copy, None)
    (tmp_path / "empty").mkdir()
    assert {part.state for part in entry.check(tmp_path / "empty").parts} == {"missing"}
    with pytest.raises(KnuckleError, match=r"expected HanCo .* with meta.json, got no such file"):
        HancoTraining(tmp_path / "empty", None)


def test_a_step_that_cannot_be_used_is_left_out_and_named(copy, tmp_path):
    edit(copy / "xyz/0000/00000001.json", lambda d: [[float("inf")] * 3, *d[1:]])
    index = convert_set("hanco", copy, tmp_path / "set", size=32)
    assert index["count"] == 12 and len(index["left_out"]) == 1
    assert "00000001.json: expected 21 x 3 finite numbers" in index["left_out"][0]


def test_another_mano_file_is_refused(made, copy, tmp_path):
    import pickle

    data = pickle.loads(made.mano.read_bytes())
    other = tmp_path / "MANO_RIGHT.pkl"
    other.write_bytes(pickle.dumps(data | {"v_template": data["v_template"] * 1.3}, protocol=2))
    with pytest.raises(KnuckleError, match=r"whose joints lie less than 10 mm from HanCo's"):
        convert_set("hanco", copy, tmp_path / "set", size=32, rig=other)


def test_the_preview(copy, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "preview", "hanco", str(copy), "--out", str(sheet)) == 0
    assert cv2.imread(str(sheet)) is not None
