"""FreiHAND's and HO-3D's files: figures worked out by hand and by a second implementation, and files that are wrong."""

import json
import re
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import cKDTree

from knuckle.errors import KnuckleError
from knuckle.evaluation.report import Report
from knuckle.evaluation.scoring import points
from knuckle.evaluation.scoring.catalogue import score_file
from knuckle.evaluation.scoring.points import FREIHAND, HO3D, score_points
from knuckle.skeleton import convert_joints

from ..conftest import random_hands

COUNT = 4
OPENGL = np.array([1.0, -1, -1])
GRID = np.stack(np.meshgrid(*(np.arange(n) for n in (10, 10, 8))), axis=-1).reshape(-1, 3)[:778] * 0.04
"""Vertices 40 mm apart: moved by less than 20 mm, each stays nearest to itself."""


def in_file(name: str, joints: np.ndarray, vertices: np.ndarray) -> list:
    """[joints, vertices] as the benchmark's files have them, of our frame and order."""
    if name == "freihand":
        return [joints.tolist(), vertices.tolist()]
    turned = convert_joints(joints, source="common", target="ho3d") * OPENGL
    return [turned.tolist(), (vertices * OPENGL).tolist()]


class Made:
    """A folder of truth and what is predicted of it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.joints = random_hands(COUNT, seed=5)
        self.vertices = np.tile(GRID + np.array([-0.2, -0.2, 0.5]), (COUNT, 1, 1))
        folder.mkdir()
        for part, rows in zip(("xyz", "verts"), in_file(name, self.joints, self.vertices), strict=True):
            (folder / f"evaluation_{part}.json").write_text(json.dumps(rows))

    def score(self, joints: np.ndarray, vertices: np.ndarray, **options) -> Report:
        return self.score_data(in_file(self.name, joints, vertices), **options)

    def score_data(self, data, **options) -> Report:
        path = self.folder.parent / "pred.json"
        path.write_text(json.dumps(data))
        return score_file(self.name, path, self.folder, **options)


@pytest.fixture(params=["freihand", "ho3d"])
def made(request, tmp_path) -> Made:
    return Made(request.param, tmp_path / "truth")


def test_hands_beside_their_place_by_ten_millimetres(made):
    move = np.array([0.006, 0.008, 0])
    found = made.score(made.joints + move, made.vertices + move)
    for name in ("MPJPE camera space", "MPVPE camera space"):
        assert found[name] == pytest.approx(10, abs=1e-3)
    for name in ("PA-MPJPE", "MPJPE", "PA-MPVPE"):
        assert found[name] == pytest.approx(0, abs=1e-3)
    # Of the thresholds 0, 50/99, ... mm the 20th, 10.10 mm, is the first that is reached: 79 whole steps and a half.
    assert found["AUC 0-50 mm camera space"] == pytest.approx(79.5 / 99)
    assert [found["F@5"], found["F@15"], found["F@5 aligned"], found["F@15 aligned"]] == [0, 1, 1, 1]
    assert found.count == COUNT and "official script" in found.protocol
    if made.name == "ho3d":
        assert found["MJE scale-translation aligned"] == pytest.approx(0, abs=1e-6)


def test_half_of_the_vertices_near(made):
    away = made.vertices.copy()
    away[0, :389, 2] += 0.012
    away[1:, :, 0] += 0.003
    found = made.score(made.joints, away)
    # One hand with half of its vertices 12 mm off, three with all of them 3 mm off.
    assert found["F@5"] == pytest.approx((0.5 + 3) / 4)
    assert found["F@15"] == 1
    assert found["MPVPE camera space"] == pytest.approx((12 / 2 + 3 * 3) / 4, abs=1e-3)


def test_the_scale_of_ho3d_is_that_of_one_bone(tmp_path):
    made = Made("ho3d", tmp_path / "truth")
    wrist = made.joints[:, :1]
    doubled = wrist + 2 * (made.joints - wrist)
    doubled[:, 4] += [0.02, 0, 0]
    found = made.score(doubled, made.vertices)
    # One joint of 21, 20 mm off in a hand twice as large.
    assert found["MJE scale-translation aligned"] == pytest.approx(10 / 21)
    # The server's script gives figures for zeros: all joints on the wrist.
    zeros = made.score(made.joints * 0, made.vertices * 0)
    expected = np.linalg.norm(made.joints - wrist, axis=-1).mean() * 1e3
    assert zeros["MJE scale-translation aligned"] == pytest.approx(expected)


def aligned(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The official alignment, written out for one hand."""
    a, b = true - true.mean(0), found - found.mean(0)
    turn, scale = orthogonal_procrustes(b / np.linalg.norm(b), a / np.linalg.norm(a))
    return b / np.linalg.norm(b) @ turn * scale * np.linalg.norm(a) + true.mean(0)


def f_score(true: np.ndarray, found: np.ndarray, limit: float) -> float:
    shares = [(cKDTree(b).query(a)[0] < limit).mean() for a, b in ((true, found), (found, true))]
    return 2 * shares[0] * shares[1] / max(sum(shares), 1e-12)


def curve_area(errors: np.ndarray) -> float:
    """AUC of errors in mm, (hands, points): a loop over thresholds and points."""
    steps = [50 * step / 99 for step in range(100)]
    shares = []
    for step in steps:
        shares.append(np.mean([np.mean(errors[:, k] <= step) for k in range(errors.shape[1])]))
    return sum((a + b) / 2 for a, b in pairwise(shares)) / 99


def test_a_second_implementation_agrees(made):
    rng = np.random.default_rng(3)
    joints = made.joints + rng.normal(0, 0.012, made.joints.shape)
    vertices = made.vertices * 1.004 + rng.normal(0, 0.004, made.vertices.shape)
    found = made.score(joints, vertices)
    pairs = {
        "MPJPE camera space": (made.joints, joints),
        "MPVPE camera space": (made.vertices, vertices),
        "PA-MPJPE": (
            made.joints,
            np.stack([aligned(*pair) for pair in zip(made.joints, joints, strict=True)]),
        ),
        "PA-MPVPE": (
            made.vertices,
            np.stack([aligned(*pair) for pair in zip(made.vertices, vertices, strict=True)]),
        ),
        "MPJPE": (made.joints - made.joints[:, :1], joints - joints[:, :1]),
    }
    if made.name == "ho3d":
        bones = [np.linalg.norm(x[:, 9] - x[:, 0], axis=-1)[:, None, None] for x in (made.joints, joints)]
        pairs["MJE scale-translation aligned"] = (
            made.joints - made.joints[:, :1],
            (joints - joints[:, :1]) / bones[1] * bones[0],
        )
    areas = {
        "MPJPE camera space": "AUC 0-50 mm camera space",
        "MPVPE camera space": "AUC 0-50 mm vertices camera space",
        "PA-MPJPE": "AUC 0-50 mm aligned",
        "PA-MPVPE": "AUC 0-50 mm vertices aligned",
        "MPJPE": "AUC 0-50 mm root-relative",
        "MJE scale-translation aligned": "AUC 0-50 mm scale-translation aligned",
    }
    for name, (true, answer) in pairs.items():
        errors = np.linalg.norm(true - answer, axis=-1) * 1e3
        assert found[name] == pytest.approx(errors.mean(), rel=1e-4), name
        assert found[areas[name]] == pytest.approx(curve_area(errors), abs=1e-3), name
    for suffix, (true, answer) in {
        "": (made.vertices, vertices), " aligned": pairs["PA-MPVPE"]
    }.items():  # fmt: skip
        for limit in (5, 15):
            mine = np.mean([f_score(*pair, limit * 1e-3) for pair in zip(true, answer, strict=True)])
            assert 0.1 < mine < 1
            assert found[f"F@{limit}{suffix}"] == pytest.approx(mine, abs=1e-3)


def test_the_zero_prediction_is_printed_beside_the_published_one(tmp_path, monkeypatch):
    made = Made("freihand", tmp_path / "truth")
    (tmp_path / "pred.json").write_text(json.dumps([made.joints.tolist(), made.vertices.tolist()]))
    real = FREIHAND._replace(counts={COUNT: "v2"})
    joints = [
        np.linalg.norm(made.joints - x, axis=-1).mean() * 100 for x in (0, made.joints.mean(1)[:, None])
    ]
    (note,) = score_points(real, tmp_path / "pred.json", made.folder).notes
    assert f"joints {joints[0]:.2f} cm (published 70.79)" in note
    assert f"joints aligned {joints[1]:.2f} cm (published 4.73)" in note and "DIFFER" in note
    mesh = [
        np.linalg.norm(made.vertices - x, axis=-1).mean() * 100 for x in (0, made.vertices.mean(1)[:, None])
    ]
    monkeypatch.setattr(points, "_PUBLISHED_ZERO", (*joints, *mesh))
    report = score_points(real, tmp_path / "pred.json", made.folder)
    assert "they agree" in report.notes[0] and report.benchmark == "FreiHAND v2"
    # A file of zeros is scored, and has those figures.
    (tmp_path / "pred.json").write_text(
        json.dumps([(made.joints * 0).tolist(), (made.vertices * 0).tolist()])
    )
    zeros = score_points(real, tmp_path / "pred.json", made.folder)
    assert [zeros["MPJPE camera space"] / 10, zeros["PA-MPJPE"] / 10] == pytest.approx(joints)
    assert [zeros["MPVPE camera space"] / 10, zeros["PA-MPVPE"] / 10] == pytest.approx(mesh)


def test_another_number_of_hands_than_the_real_split_is_said(made):
    report = made.score(made.joints, made.vertices)
    assert f"{COUNT} hands, not the" in report.notes[0] and "not the papers' figure" in report.notes[0]


def test_joints_alone_are_scored_without_vertices(made):
    data = in_file(made.name, made.joints, made.vertices)
    report = made.score_data([data[0], []])
    assert report["PA-MPJPE"] == pytest.approx(0, abs=1e-6)
    assert report.notes[-1] == "no vertex scores: the file has no vertices"
    with pytest.raises(KeyError):
        report["F@5"]


def spoilt(made: Made, what: str) -> tuple[list | dict, str]:
    """A file that is wrong, and what is said of it."""
    data = in_file(made.name, made.joints, made.vertices)
    joints, vertices = (np.array(part) for part in data)
    hand = joints.tolist()
    if what == "count":
        return [hand[:-1], data[1]], "joints: expected 4 hands, as evaluation_xyz.json has, got 3"
    if what == "vertex count":
        return [hand, data[1][:-1]], "vertices: expected 4 hands, as evaluation_xyz.json has, got 3"
    if what == "shape":
        hand[2] = hand[2][:20]
        return [
            hand,
            data[1],
        ], r"joints of hand 2 \(the first is 0\): expected 21 x 3 numbers, got shape \(20, 3\)"
    if what == "mesh":
        return [
            hand,
            vertices[:, :700].tolist(),
        ], r"vertices of hand 0 .* expected 778 x 3 numbers, got shape"
    if what == "nan":
        joints[1, 3, 0] = np.nan
        return [
            joints.tolist(),
            data[1],
        ], "expected finite numbers, got NaN, null or infinity in 1 of 4, the first hand 1"
    if what == "null":
        hand[3][0][2] = None
        return [hand, data[1]], "got NaN, null or infinity in 1 of 4, the first hand 3"
    if what == "text":
        hand[0][0][0] = "x"
        return [hand, data[1]], "joints of hand 0 .* got something else"
    if what == "millimetres":
        return [
            (joints * 1e3).tolist(),
            (vertices * 1e3).tolist(),
        ], "1e[+]03 times as large .* are they millimetres"
    if what == "centimetres of vertices":
        return [hand, (vertices * 1e2).tolist()], "vertices: expected metres, .* are they centimetres"
    if what == "z":
        return [(joints * [1, 1, -1]).tolist(), data[1]], "got all points behind it; is the sign of z wrong"
    if what == "frame":
        turned = (joints - joints[:, :1]) * [1, -1, -1]
        return [turned.tolist(), data[1]], "with y and z turned round; is it another camera frame"
    if what == "order":
        other = "common" if made.name == "ho3d" else "ho3d"
        read = convert_joints(joints, source=made.name, target=other)
        name = "the common order" if other == "common" else "MANO's order"
        return [read.tolist(), data[1]], f"but 0 mm if they are in {name}"
    if what == "mobrecon":
        read = convert_joints(joints, source=made.name, target="mano21")
        # MobRecon's tips: index, middle, little, ring, thumb.
        read[:, 16:] = read[:, [17, 18, 20, 19, 16]]
        return [read.tolist(), data[1]], "but 0 mm if they are in MANO's with the tips of MobRecon"
    return {"joints": hand}, r"expected \[joints, vertices\] of .*, got a JSON dict"


@pytest.mark.parametrize(
    "what",
    [
        *("count", "vertex count", "shape", "mesh", "nan", "null", "text", "millimetres"),
        *("centimetres of vertices", "z", "frame", "order", "mobrecon", "dict"),
    ],
)
def test_a_file_that_is_wrong_is_one_clear_sentence(made, what):
    data, message = spoilt(made, what)
    with pytest.raises(KnuckleError, match=message) as told:
        made.score_data(data)
    assert "pred.json" in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("what", ["millimetres", "z", "frame", "order"])
def test_what_only_looks_wrong_is_scored_as_it_is_with_a_note(made, what):
    data, message = spoilt(made, what)
    report = made.score_data(data, as_is=True)
    assert re.search(f"^scored as it is: .*{message}", report.notes[0])


def test_truth_that_is_missing_or_damaged_is_named(made, tmp_path):
    (made.folder / "evaluation_verts.json").write_text("[[1, 2")
    with pytest.raises(KnuckleError, match=r"evaluation_verts\.json: expected JSON"):
        made.score(made.joints, made.vertices)
    (made.folder / "evaluation_verts.json").unlink()
    assert made.score(made.joints, made.vertices).notes[-1].endswith("the truth here has no vertices")
    (made.folder / "evaluation_xyz.json").unlink()
    with pytest.raises(
        KnuckleError, match=r"evaluation_xyz\.json: expected .*joints of the evaluation split"
    ):
        made.score(made.joints, made.vertices)
    with pytest.raises(KnuckleError, match="no such folder"):
        score_file(made.name, tmp_path / "pred.json", tmp_path / "nowhere")


def test_a_list_of_other_length_than_the_truth_is_named(tmp_path):
    made = Made("ho3d", tmp_path / "truth")
    (made.folder / "evaluation.txt").write_text("A/0000\nA/0001\n")
    with pytest.raises(KnuckleError, match=r"evaluation\.txt .* got 2 and 4"):
        made.score(made.joints, made.vertices)
    (made.folder / "evaluation.txt").write_text("".join(f"A/000{i}\n" for i in range(COUNT)))
    assert made.score(made.joints, made.vertices).names[3] == "A/0003"
    assert HO3D.counts[20_137] == "v3"


def test_zips_as_the_servers_take_them(made, tmp_path):
    data = json.dumps(in_file(made.name, made.joints, made.vertices))

    def zipped(**files: str) -> Path:
        path = tmp_path / "pred.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return path

    assert score_file(made.name, zipped(**{"pred.json": data}), made.folder)["PA-MPJPE"] < 1e-6
    assert score_file(made.name, zipped(**{"mine.json": data, "a.txt": ""}), made.folder).count == COUNT
    for files, message in (
        ({"a.json": data, "b.json": data}, r"expected one pred\.json in it, got a\.json, b\.json"),
        ({"a.txt": ""}, r"expected one pred\.json in it, got none"),
        ({"pred.json": "[1, 2"}, r"pred\.zip: pred\.json: expected JSON"),
    ):
        with pytest.raises(KnuckleError, match=message):
            score_file(made.name, zipped(**files), made.folder)
    path = zipped(**{"pred.json": data})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KnuckleError, match=r"expected a \.zip file with pred\.json"):
        score_file(made.name, path, made.folder)
    damaged = bytearray(whole)
    damaged[200:300] = bytes(100)
    path.write_bytes(damaged)
    with pytest.raises(KnuckleError, match=r"pred\.zip"):
        score_file(made.name, path, made.folder)


def test_as_typed(made, run, tmp_path, capsys):
    (tmp_path / "pred.json").write_text(json.dumps(in_file(made.name, made.joints, made.vertices)))
    given = ["score", made.name, str(tmp_path / "pred.json"), "--truth", str(made.folder)]
    assert run(*given, "--json", str(tmp_path / "out" / "s.json")) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "official script" in printed and "F@15 aligned" in printed
    (written,) = json.loads((tmp_path / "out" / "s.json").read_text())["reports"]
    assert written["scores"]["PA-MPJPE"]["value"] == pytest.approx(0, abs=1e-6)
    assert "official script" in written["protocol"] and written["model"] == "pred.json"
    assert run("score", "nothing", *given[2:]) == 2
    assert "expected one of freihand, ho3d, interhand26m" in capsys.readouterr().err
    assert run(*given, "--filtered") == 2
    assert "expected with interhand26m" in capsys.readouterr().err
