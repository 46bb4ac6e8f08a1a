"""HIC in its true layout, written from rendered hands: meshes, joints and types come back, what is wrong is named."""

import json
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.datasets import hic
from knuckle.datasets.ply import read_ply_vertices
from knuckle.datasets.registry import find_data_set
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.run import evaluate
from knuckle.rig.load import load_rig
from knuckle.skeleton import JOINT_NAMES, convert_joints

from .conftest import poses
from .drawing import draw_hands, write_picture

K = np.array([[525.0, 0, 319.5], [0, 525, 239.5], [0, 0, 1]])
FITS = "IJCV16___Results_MANO___parms_for___joints21"
# As InterWild lists them, near joint first but for the left index finger.
ANNOTATED = [
    f"{finger}_{part}" for finger in ("pinky", "ring", "middle", "index") for part in ("mcp", "pip", "dip")
]
ANNOTATED += ["thumb_mcp", "thumb_ip"]
KINDS = ("interacting", "right", "interacting")


@dataclass
class Made:
    folder: Path
    joints_m: np.ndarray
    vertices_m: np.ndarray


@pytest.fixture(scope="module", autouse=True)
def sizes():
    """The open rig's mesh stands in for MANO's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hic, "VERTICES", len(load_rig("open").vertices))
        patch.setattr(hic, "IMAGES", 3)
        yield


def write_ply(path: Path, vertices: np.ndarray, *, binary: bool) -> None:
    """A mesh as data sets have it: single precision, or text; a property more than needed, and faces behind."""
    kind = "binary_little_endian" if binary else "ascii"
    head = f"ply\nformat {kind} 1.0\ncomment made up\nelement vertex {len(vertices)}\n"
    head += "".join(f"property float {name}\n" for name in ("x", "y", "z", "quality"))
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    rows = np.column_stack([vertices, np.ones(len(vertices))])
    if binary:
        body = rows.astype("<f4").tobytes() + b"\x03" + np.arange(3, dtype="<i4").tobytes()
    else:
        body = ("\n".join(" ".join(f"{v:.7f}" for v in row) for row in rows) + "\n3 0 1 2\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + body)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """Both hands; a right hand; two hands of which the right one has no fit."""
    top = tmp_path_factory.mktemp("hic") / "HIC"
    right = load_rig("open")
    rigs = right, right.mirrored()
    pose, shape = poses(6, seed=9)
    images, annotations = [], []
    joints, vertices = np.full((3, 2, 21, 3), np.nan), np.full((3, 2, len(right.vertices), 3), np.nan)
    for number, kind in enumerate(KINDS):
        name, meshes, paths = f"0{number + 1}/1/rgb/{5 * number:03d}.png", [], {"right": None, "left": None}
        lines = []
        for hand, (side, letter) in enumerate((("right", "R"), ("left", "L"))):
            there = kind == "interacting" or hand == 0
            rig, row = rigs[hand], 2 * number + hand
            posed = rig.posed(pose[row], shape[row], np.array([0.1 - 0.2 * hand, 0.02, 0.7]))
            if there:
                meshes.append((posed.vertices, rig.faces))
            placed = posed.joints @ K.T
            order = [*ANNOTATED[:9], *ANNOTATED[9:12][::-1], *ANNOTATED[12:]] if hand else ANNOTATED
            for joint in order:
                u, v = placed[JOINT_NAMES.index(joint), :2] / placed[JOINT_NAMES.index(joint), 2]
                lines.append((u, v) if there else (0, 0))
            if not there or (number, hand) == (2, 0):
                continue
            joints[number, hand], vertices[number, hand] = posed.joints, posed.vertices
            fit = f"{FITS}/IJCV16___fakeGT___IJCV___0{number + 1}___Model_Hand_{letter}___ncomps45"
            paths[side] = f"{fit}/{5 * number:03d}.ply"
            write_ply(top / paths[side], posed.vertices, binary=hand == 0)
            # Once in the common order: which one it is the bones tell.
            stored = (
                posed.joints
                if number == 1
                else convert_joints(posed.joints, source="common", target="mano21")
            )
            values = {"J_transformed___j21": stored, "v": posed.vertices, "pose": pose[row].reshape(48)}
            values |= {"betas": shape[row], "trans": np.zeros(3), "ncomps": 45, "model_name": "MANO"}
            (top / paths[side]).with_suffix(".pkl").write_bytes(pickle.dumps(values, protocol=2))
        write_picture(top / name, draw_hands(meshes, K, (640, 480))[0])
        text = "".join(f"{i}\t{u:.3f}\t{v:.3f}\n" for i, (u, v) in enumerate(lines))
        (top / f"0{number + 1}/1/joints_2D_GT").mkdir()
        (top / f"0{number + 1}/1/joints_2D_GT/{5 * number:03d}.txt").write_text(text)
        images.append({"id": 10 + number, "width": 640, "height": 480, "file_name": name})
        annotations.append({"id": number, "image_id": 10 + number, "hand_type": kind,
                            "right_mano_path": paths["right"], "left_mano_path": paths["left"]})  # fmt: skip
    (top / "HIC.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    return Made(top, joints, vertices)


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return shutil.copytree(made.folder, tmp_path / "HIC")


def test_the_known_truth_comes_back(made):
    rows = hic.read_rows(made.folder)
    assert [row.hand_type for row in rows] == list(KINDS)
    for number, frame in enumerate(map(hic.read_frame, rows)):
        assert frame.is_hand.tolist() == [number != 2, number != 1]
        np.testing.assert_allclose(frame.joints_m, made.joints_m[number], atol=1e-4)
        np.testing.assert_allclose(frame.vertices_m, made.vertices_m[number], atol=1e-4)
        px = hic.annotated_px(hic.annotation_of(frame.image))
        apart = np.linalg.norm(px - hic.CAMERA.project(frame.joints_m), axis=-1)
        assert np.nanmax(apart) < 0.01 and np.isfinite(apart).sum() == 14 * frame.is_hand.sum()


def test_without_the_list_every_fit_is_taken(made, copy):
    (copy / "HIC.json").unlink()
    rows = hic.read_rows(copy)
    assert [(row.name, row.hand_type) for row in rows] == [
        ("01/1/rgb/000.png", "interacting"), ("02/1/rgb/005.png", "right"), ("03/1/rgb/010.png", "left"),
    ]  # fmt: skip
    np.testing.assert_allclose(hic.read_frame(rows[2]).vertices_m[1], made.vertices_m[2, 1], atol=1e-4)
    report = find_data_set("hic").check(copy)
    assert report.whole and report.parts[0].state == "absent"


def first_fit(folder: Path, end: str) -> Path:
    return folder / FITS / f"IJCV16___fakeGT___IJCV___01___Model_Hand_R___ncomps45/000{end}"


def change_fit(folder: Path, **values) -> None:
    path = first_fit(folder, ".pkl")
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes()) | values, protocol=2))


def change_list(folder: Path, change) -> None:
    path = folder / "HIC.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "02/1/rgb/005.png").unlink(), "1 missing pictures: 02/1/rgb/005.png"),
        (lambda f: (f / "02/1/rgb/005.png").write_bytes(b"\x89PNG"), "1 damaged pictures: 02/1/rgb/005.png"),
        (lambda f: first_fit(f, ".pkl").unlink(), "1 missing fits: " + FITS),
        (lambda f: first_fit(f, ".pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR."), "asks for os.system"),
        (lambda f: first_fit(f, ".ply").write_bytes(first_fit(f, ".ply").read_bytes()[:900]), "cut short or damaged"),
        (lambda f: write_ply(first_fit(f, ".ply"), np.ones((778, 3)), binary=True), "vertices, got 778"),
        (lambda f: write_ply(first_fit(f, ".ply"), -np.ones((hic.VERTICES, 3)), binary=True), "got z <= 0"),
        (lambda f: change_fit(f, v=np.ones((hic.VERTICES, 3))), "v: expected the vertices of 000.ply"),
        (lambda f: change_fit(f, J_transformed___j21=np.full((21, 3), np.nan)), "21 x 3 finite numbers, got NaN"),
        (lambda f: change_fit(f, J_transformed___j21=np.ones((21, 3))), "joints of a hand in a known order"),
        (lambda f: change_list(f, lambda d: d["annotations"][0].update(hand_type="both")), "got 'both'"),
        (lambda f: change_list(f, lambda d: d["images"].pop(1)), "got KeyError(11) in number 1"),
        (lambda f: change_list(f, lambda d: d.pop("images")), "missing images"),
        (lambda f: (f / "01/1/joints_2D_GT/000.txt").write_text("0 1 2\n"), "expected 28 lines of a number"),
    ],
)  # fmt: skip
def test_damage_is_named(copy, damage, message):
    damage(copy)
    report = find_data_set("hic").check(copy)
    assert len(report.faults) == 1 and message in report.faults[0], report.faults


def test_check_of_whole_half_and_empty(copy, tmp_path):
    entry = find_data_set("hic")
    report = entry.check(copy, decode=True)
    assert report.whole
    assert report.notes == [
        "2 of interacting, 1 of right", "fits lie 0.0 px (median) from the 56 joints that people placed",
    ]  # fmt: skip
    shutil.rmtree(copy / FITS)
    report = entry.check(copy)
    assert not report.whole and {p.name: p.state for p in report.parts}["fits (.ply and .pkl)"] == "missing"
    (tmp_path / "empty").mkdir()
    assert {part.state for part in entry.check(tmp_path / "empty").parts} == {"missing", "absent"}
    with pytest.raises(KnuckleError, match=r"expected HIC .* with HIC.json or IJCV16.*, got neither"):
        hic.read_rows(tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n", "x, y and z"),
        ("ply\nformat odd 1.0\nelement vertex 1\nproperty float x\nend_header\n", "a format and vertices"),
        ("ply\nformat ascii 1.0\nelement face 1\nproperty list uchar int i\nend_header\n", "vertices first, got face"),
        ("ply\nformat ascii 1.0\nelement vertex 1\nproperty list uchar int i\nend_header\n", "of plain numbers"),
        ("solid", "without its header"),
    ],
)  # fmt: skip
def test_another_file_than_a_ply_is_named(tmp_path, text, message):
    (tmp_path / "a.ply").write_text(text)
    with pytest.raises(KnuckleError, match=message):
        read_ply_vertices(tmp_path / "a.ply")
    with pytest.raises(KnuckleError, match="expected a mesh, got No such file"):
        read_ply_vertices(tmp_path / "b.ply")


def test_the_preview(copy, run, tmp_path):
    sheet = tmp_path / "sheet.png"
    assert run("data", "preview", "hic", str(copy), "--out", str(sheet)) == 0
    assert cv2.imread(str(sheet)) is not None


def test_it_is_a_benchmark_of_two_hands(made):
    (benchmark,) = open_benchmarks(str(made.folder))
    assert isinstance(benchmark, TwoHandBenchmark) and len(benchmark) == 3
    frames = list(benchmark.frames())
    # The crop holds the meshes, a quarter larger.
    side = frames[1].window[2]
    in_px = made.vertices_m[1, 0] @ K.T
    assert side == pytest.approx(1.25 * np.ptp(in_px[:, :2] / in_px[:, 2:], axis=0).max(), rel=1e-3)
    remaining = iter(frames)

    def predict(patches, /):
        shown = [next(remaining) for _ in patches]
        joints_m = np.stack([np.nan_to_num(frame.joints_m, nan=0.5) for frame in shown])
        joints_m[:, :, 1:, 0] += 0.0042
        vertices_m = np.stack([np.nan_to_num(frame.vertices_m, nan=0.5) for frame in shown])
        vertices_m[..., 1] += 0.003
        lens = np.stack([patch.camera for patch in patches])[:, None, None]
        joints_px = joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:]
        return {"joints_px": joints_px, "joints_m": joints_m, "vertices_m": vertices_m}

    report = evaluate(EvaluatedModel(name="oracle", size=64, expand=1.5, predict=predict, hands=2), benchmark)
    # 20 of 21 joints are off, 4.2 mm; wrists are right; every vertex is off, 3 mm.
    assert report["MPJPE all"] == pytest.approx(4.0, abs=1e-3) and report["MPJPE single"] == pytest.approx(
        4.0, abs=1e-3
    )
    assert report["MPVPE all"] == pytest.approx(3.0, abs=1e-3) and report["RRVE"] == pytest.approx(
        3.0, abs=1e-3
    )
    assert report["MRRPE"] < 1e-3 and report.counted == "picture"
