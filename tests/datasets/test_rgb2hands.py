"""RGB2Hands in its layout, written from rendered pairs of hands: joints in the picture come back in any order."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets import rgb2hands
from knuckle.datasets.registry import find_data_set
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.protocols.rgb2hands import report as score
from knuckle.evaluation.run import evaluate
from knuckle.rig.load import load_rig
from knuckle.skeleton import JOINT_NAMES

from .conftest import poses, project
from .drawing import draw_hands, write_picture

K = np.array([[590.0, 0, 318], [0, 592, 244], [0, 0, 1]])
MISSING = (1, 5)
"""Hand (the right one first) and joint that the first picture has no label of."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A picture of each sequence, two of the first; in the last one the left hand has three labels alone."""
    top = tmp_path_factory.mktemp("rgb2hands") / "RGB2HANDS_Benchmark"
    right = load_rig("open")
    rigs = right, right.mirrored()
    pose, shape = poses(10, seed=11)
    top.mkdir()
    (top / "color_intrinsics.txt").write_text("590.0 592.0 318.0 244.0\n")
    truth = []
    names = [
        "seq01_crossed/0000",
        "seq01_crossed/0003",
        "seq02_occlusion/0000",
        "seq03_shuffle/0000",
        "seq04_scratch/0007",
    ]
    for number, name in enumerate(names):
        meshes, joints_px = [], np.zeros((2, 21, 2))
        for hand, rig in enumerate(rigs):
            row = 2 * number + hand
            posed = rig.posed(pose[row], shape[row], np.array([0.1 - 0.2 * hand, 0.0, 0.6]))
            meshes.append((posed.vertices, rig.faces))
            joints_px[hand] = project(posed.joints, K)
        if number == 0:
            joints_px[MISSING] = 0
        if number == 4:
            joints_px[1, 3:] = 0
        sequence, frame = name.split("/")
        write_picture(top / sequence / "color" / f"{frame}_color.png", draw_hands(meshes, K, (640, 480))[0])
        path = top / sequence / "annotation/annot2D_color" / f"{frame}_color2.5D.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        # The left hand first.
        rows = np.concatenate([joints_px[1], joints_px[0]])
        path.write_text("".join(f"{u:.4f} {v:.4f} 600 1\n" for u, v in rows))
        truth.append(np.where(joints_px == 0, np.nan, joints_px))
    return top, names, np.stack(truth)


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return shutil.copytree(made[0], tmp_path / "RGB2HANDS_Benchmark")


def test_the_known_truth_comes_back(made, copy):
    top, names, truth = made
    frames = rgb2hands.read_rgb2hands(top)
    assert [frame.name for frame in frames] == names
    np.testing.assert_allclose(np.stack([frame.joints_px for frame in frames]), truth, atol=1e-3)
    assert [frame.is_hand.tolist() for frame in frames] == [[True, True]] * 4 + [[True, False]]
    assert frames[0].camera.vector.tolist() == [590, 592, 318, 244] and frames[0].camera.width == 640
    # One level deeper, as some have it.
    (copy / "data").mkdir()
    for sequence in rgb2hands.SEQUENCES:
        shutil.move(copy / sequence, copy / "data" / sequence)
    assert len(rgb2hands.read_rgb2hands(copy)) == 5


def test_another_order_is_read_where_the_user_says_it(made, copy):
    kept = [0, 4, 8, 12, 16, 20]
    for label in copy.glob("*/annotation/annot2D_color/*.txt"):
        lines = label.read_text().splitlines()
        label.write_text(
            "\n".join(["1 1 0 0", *(lines[21 * (1 - h) + k] for h in (0, 1) for k in kept)]) + "\n"
        )
    with pytest.raises(
        KnuckleError, match=r"expected 42 lines, got 13; write joint_order.txt beside the sequences"
    ):
        rgb2hands.read_rgb2hands(copy)
    told = "\n".join(["-", *(f"{side} {JOINT_NAMES[k]}" for side in ("right", "left") for k in kept)])
    (copy / "joint_order.txt").write_text(told + "\n")
    frames = rgb2hands.read_rgb2hands(copy)
    np.testing.assert_allclose(frames[1].joints_px[:, kept], made[2][1][:, kept], atol=1e-3)
    assert np.isfinite(frames[1].joints_px).all(-1).sum() == 12
    (copy / "joint_order.txt").write_text(told.replace("left thumb_tip", "left thumb"))
    with pytest.raises(KnuckleError, match=r"joint_order.txt: line 9: .*got 'left thumb'"):
        rgb2hands.read_rgb2hands(copy)


def first_label(folder: Path) -> Path:
    return folder / "seq01_crossed/annotation/annot2D_color/0000_color2.5D.txt"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "seq01_crossed/color/0003_color.png").unlink(),
         "1 labels of seq01_crossed without a picture: 0003"),
        (lambda f: (f / "seq02_occlusion/color/0000_color.png").write_bytes(b"\x89PNG"),
         "1 damaged pictures of seq02_occlusion"),
        (lambda f: (f / "color_intrinsics.txt").unlink(), "expected fx fy cx cy of RGB2Hands"),
        (lambda f: (f / "color_intrinsics.txt").write_text("590 592 318"), "expected 4 finite numbers, got shape (3,)"),
        (lambda f: first_label(f).write_text("1 2 3 4\n"), "expected 42 lines, got 1"),
        (lambda f: first_label(f).write_text("nan 2 3 4\n" * 42), "line 1: expected 2 finite numbers"),
        (lambda f: first_label(f).write_text("one 2 3 4\n" * 42), "line 1: expected 2 finite numbers"),
        (lambda f: (f / "joint_order.txt").write_text("left wrist\nleft wrist\n"), "joint_order.txt: line 2"),
        (lambda f: (f / "joint_order.txt").write_bytes(b"\xff"), 'joint_order.txt: expected lines of "SIDE JOINT"'),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    report = find_data_set("rgb2hands").check(copy)
    assert len(report.faults) == 1 and message in report.faults[0], report.faults


def test_check_of_whole_half_and_empty(copy, tmp_path):
    entry = find_data_set("rgb2hands")
    report = entry.check(copy, decode=True)
    assert (
        report.whole
        and report.notes[0] == "9 hands with 4 joints or more"
        and "is assumed" in report.notes[1]
    )
    shutil.rmtree(copy / "seq03_shuffle")
    states = {part.name: part.state for part in entry.check(copy).parts}
    assert states["seq03_shuffle labels"] == states["seq03_shuffle pictures"] == "missing"
    (tmp_path / "empty").mkdir()
    report = entry.check(tmp_path / "empty")
    assert {part.state for part in report.parts} == {"missing"} and not report.faults
    with pytest.raises(
        KnuckleError, match=r"expected RGB2Hands .* with SEQUENCE/annotation/annot2D_color, got none"
    ):
        rgb2hands.read_rgb2hands(tmp_path / "empty")


def test_the_preview(copy, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "preview", "rgb2hands", str(copy), "--out", str(sheet)) == 0
    assert cv2.imread(str(sheet)) is not None


def test_it_is_a_benchmark_in_the_picture(made):
    (benchmark,) = open_benchmarks(str(made[0]))
    assert isinstance(benchmark, TwoHandBenchmark) and len(benchmark) == 5
    rows = iter(made[2])

    def predict(patches, /):
        joints_px = np.stack([np.nan_to_num(next(rows), nan=-50.0) for _ in patches])
        # The right hand 8 px off, the left one 6 px.
        joints_px += np.array([[[0, 8]], [[6, 0]]])
        return {"joints_px": joints_px, "joints_m": np.full((len(patches), 2, 21, 3), 0.5)}

    report = evaluate(EvaluatedModel(name="oracle", size=64, expand=1.5, predict=predict, hands=2), benchmark)
    assert report["EPE"] == pytest.approx(7.0, abs=1e-3) and report.count == 5
    assert report["PCK @5 px"] == 0 and report["PCK @10 px"] == 1
    # From 6 px on half of the joints, from 8 px on all: in steps of 0.3 px, the rise of a step counts half.
    assert report["AUC 0-30 px"] == pytest.approx((0.5 * (30 - 6) + 0.5 * (30 - 8)) / 30, abs=0.3 / 30)
    assert report.by_kind["EPE (px)"]["seq04_scratch"] == pytest.approx(8.0, abs=1e-3)
    assert report.notes == ("no joint_order.txt: which joint a label is of is assumed",)


def test_the_mean_is_over_pictures_then_joints():
    rng = np.random.default_rng(1)
    true = rng.uniform(0, 400, (3, 2, 21, 2))
    found = true + rng.normal(0, 5, true.shape)
    true[0, 0, 4], is_hand = np.nan, np.array([[True, True], [True, False], [True, True]])
    nowhere = np.full((3, 2, 21, 3), 0.5)
    truth = TwoHandTruth(
        true,
        np.full_like(nowhere, np.nan),
        is_hand,
        np.tile([600.0, 600, 320, 240], (3, 1)),
        kinds=("a", "a", "b"),
    )
    report = score(truth, TwoHandPredictions(found, nowhere), model="m")
    of_joints = []
    for h in range(2):
        for j in range(21):
            rows = [n for n in range(3) if is_hand[n, h] and true[n, h, j, 0] == true[n, h, j, 0]]
            of_joints.append(sum(np.hypot(*(found[n, h, j] - true[n, h, j])) for n in rows) / len(rows))
    assert report["EPE"] == pytest.approx(sum(of_joints) / 42)
