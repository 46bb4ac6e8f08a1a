"""EgoDexter in its true layout, written from rendered left hands: tips come back in the colour camera, in metres."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets import egodexter
from knuckle.datasets.labelled import to_patch
from knuckle.datasets.registry import find_data_set
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.run import evaluate
from knuckle.rig.load import load_rig

from .conftest import poses
from .drawing import draw_hands, write_picture

# Written down again here: colour and depth intrinsics, depth to colour in mm.
COLOUR = np.array([[617.173, 0, 315.453], [0, 617.173, 242.259], [0, 0, 1]])
DEPTH = np.array([[475.62, 0, 311.125], [0, 475.62, 245.965], [0, 0, 1]])
TURN = np.array([[1.0, 0.00090442, -0.0074], [-0.00071933, 0.9997, 0.0248], [0.0075, -0.0248, 0.9997]])
SHIFT = np.array([20.2365, 1.2846, 5.7360])
TIPS = [4, 8, 12, 16, 20]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A picture of each sequence, of Desk a second one without labels; in Fruits the thumb is not labelled."""
    top, left = tmp_path_factory.mktemp("ego") / "EgoDexter", load_rig("open").mirrored()
    pose, shape = poses(4, seed=8)
    posed = left.posed(
        pose, shape, np.array([[0.03, 0.02, 0.5], [-0.05, 0, 0.6], [0, 0.05, 0.45], [0.04, 0, 0.7]])
    )
    for row, sequence in enumerate(("Desk", "Fruits", "Kitchen", "Rotunda")):
        folder = top / "data" / sequence
        picture, _ = draw_hands([(posed.vertices[row], left.faces)], COLOUR, (640, 480))
        # As the depth camera has it: the colour camera's points turned back.
        tips_mm = (posed.joints[row, TIPS] * 1e3 - SHIFT) @ np.linalg.inv(TURN).T
        tips_px = (tips_mm @ DEPTH.T)[:, :2] / tips_mm[:, 2:]
        known = np.array([sequence != "Fruits", True, True, True, True])
        lines_3d = ["".join(f"{x:.4f}, {y:.4f}, {z:.4f}; " if k else "0, 0, 0; "
                            for (x, y, z), k in zip(tips_mm, known, strict=True))]  # fmt: skip
        lines_2d = ["".join(f"{round(u)},{round(v)};" if k else "-1,-1;"
                            for (u, v), k in zip(tips_px, known, strict=True))]  # fmt: skip
        write_picture(folder / "color" / "image_00000_color.png", picture)
        if sequence == "Desk":
            write_picture(folder / "color" / "image_00001_color.png", picture)
            lines_3d.append("0, 0, 0; " * 5)
            lines_2d.append("-1,-1;" * 5)
        (folder / "annotation.txt_3D.txt").write_text("\n".join(lines_3d) + "\n")
        (folder / "annotation.txt").write_text("\n".join(lines_2d) + "\n")
    return top, posed.joints


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return shutil.copytree(made[0], tmp_path / "EgoDexter")


def test_tips_come_back_in_the_colour_camera(made):
    hands = egodexter.read_egodexter(made[0])
    assert [hand.name for hand in hands] == ["Desk/00000", "Fruits/00000", "Kitchen/00000", "Rotunda/00000"]
    for row, hand in enumerate(hands):
        tips, truth = hand.joints_m[TIPS], made[1][row, TIPS]
        labelled = np.isfinite(tips).all(-1)
        assert labelled.tolist() == [row != 1, True, True, True, True]
        assert np.abs(tips - truth)[labelled].max() < 1e-4
        assert np.isnan(np.delete(hand.joints_m, TIPS, axis=0)).all()
        in_px = truth @ COLOUR.T
        assert np.abs(hand.joints_px[TIPS] - in_px[:, :2] / in_px[:, 2:])[labelled].max() < 0.1
        # The whole hand lies in the crop that models see, and is a right one there.
        patch = to_patch(hand, size=64, expand=1.5)
        whole = made[1][row] @ COLOUR.T
        u, v = 639 - whole[:, 0] / whole[:, 2], whole[:, 1] / whole[:, 2]
        assert (np.abs([u - patch.crop[0], v - patch.crop[1]]) < patch.crop[2] / 2).all()
        assert patch.joints_m[8, 0] == -hand.joints_m[8, 0]


def test_corrections_are_taken_when_asked_for(made, copy):
    lines = (copy / "data/Desk/annotation.txt_3D.txt").read_text().splitlines()
    fields = lines[0].split(";")
    for sequence in egodexter.SEQUENCES:
        folder = copy / "data" / sequence
        shutil.copy(folder / "annotation.txt_3D.txt", folder / "my_annotation.txt_3D.txt")
    first = ";".join([" ", *fields[1:]])
    (copy / "data/Desk/my_annotation.txt_3D.txt").write_text(first + "\n" + lines[1] + "\n")
    hand = egodexter.read_egodexter(copy, corrected=True)[0]
    assert np.isnan(hand.joints_m[4]).all() and np.isfinite(hand.joints_m[8]).all()
    assert np.isfinite(egodexter.read_egodexter(copy)[0].joints_m[4]).all()


def write(folder, name, text):
    (folder / "data" / name).write_text(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: write(f, "Desk/annotation.txt_3D.txt", "1, 2, 3; 4, 5, 6;\n"),
         "annotation.txt_3D.txt: line 1: expected five tips, each ending with ;, got 2"),
        (lambda f: write(f, "Fruits/annotation.txt", "1,2;1,2;x,2;1,2;1,2;\n"),
         "line 1: expected 2 numbers a tip, got 'x,2'"),
        (lambda f: write(f, "Fruits/annotation.txt_3D.txt", "nan, 2, 3;" * 5 + "\n"),
         "line 1: expected 3 finite numbers"),
        (lambda f: write(f, "Rotunda/annotation.txt_3D.txt", "1, 2, -300;" * 5 + "\n"),
         "1 lines of Rotunda/annotation.txt_3D.txt with a tip behind the camera: 1"),
        (lambda f: write(f, "Rotunda/annotation.txt_3D.txt", "1, 200, 300;" * 5 + "\n"),
         "Rotunda: 5 of 5 tips in mm are more than 5 px from those in px"),
        (lambda f: (f / "data/Kitchen/color/image_00000_color.png").write_bytes(b"\x89PNG\r\n\x1a\n"),
         "1 damaged pictures of Kitchen: Kitchen/color/image_00000_color.png"),
        (lambda f: write_picture(f / "data/Kitchen/color/image_00001_color.png", np.zeros((480, 640, 3), np.uint8)),
         "Kitchen: 2 pictures, 1 lines"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    report = find_data_set("egodexter").check(copy)
    assert not report.whole and message in report.faults[0], report.faults


def test_check_of_whole_half_and_empty(copy, tmp_path):
    entry = find_data_set("egodexter")
    report = entry.check(copy, decode=True)
    assert report.whole and report.notes == ["4 pictures with a tip or more (published: 1485)"]
    shutil.rmtree(copy / "data/Rotunda")
    (copy / "data/Desk/color/image_00001_color.png").unlink()
    report = entry.check(copy)
    states = {part.name: part.state for part in report.parts}
    assert not report.whole and states["Desk/color/*.png"] == "partly"
    assert states["Rotunda/annotation.txt_3D.txt"] == states["Rotunda/color/*.png"] == "missing"
    with pytest.raises(
        KnuckleError, match=r"expected a line a picture, got 2 lines for 1 pictures of Desk/color"
    ):
        egodexter.read_egodexter(copy)
    (tmp_path / "empty").mkdir()
    assert {part.state for part in entry.check(tmp_path / "empty").parts} == {"missing", "absent"}
    with pytest.raises(KnuckleError, match=r"Desk/annotation.txt_3D.txt: expected tips of EgoDexter"):
        egodexter.read_egodexter(tmp_path / "empty")


def test_the_preview(copy, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "preview", "egodexter", str(copy), "--out", str(sheet)) == 0
    assert cv2.imread(str(sheet)) is not None


def test_it_is_a_benchmark_of_left_hands_shown_as_right_ones(made, run, capsys):
    (benchmark,) = open_benchmarks(str(made[0]))
    assert len(benchmark) == 4
    rows = iter(made[1])

    def predict(patches, /):
        # The true hand as a right one, moved, so that only the alignment makes it right.
        joints_m = np.stack([next(rows) * [-1, 1, 1] for _ in patches]) + np.array([0.02, 0, 0.1])
        lens = np.stack([patch.camera for patch in patches])[:, None]
        return {
            "joints_px": joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:],
            "joints_m": joints_m,
        }

    model = EvaluatedModel(name="oracle", size=64, expand=1.5, predict=predict)
    report = evaluate(model, benchmark)
    assert report.count == 4 and report["tip error"] < 0.1 and report["AUC 20-50 mm"] == 1
    assert report["EPE"] > 1
