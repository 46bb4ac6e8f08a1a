"""InterHand2.6M's files: a made-up test split, figures worked out by hand, frames and numbers that are wrong."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from knuckle.datasets.interhand import Chosen
from knuckle.errors import KnuckleError
from knuckle.evaluation.scoring.catalogue import score_file
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import convert_joints

from ..conftest import random_hands

KINDS = ("right", "left", "interacting", "interacting")
SURE = (1, 1, 1, 0)


class Made:
    """The folder, and the truth: camera frame, metres, right hand first, common order."""

    def __init__(self, folder: Path) -> None:
        self.folder, rng = folder, np.random.default_rng(8)
        self.joints = random_hands(8, seed=2).reshape(4, 2, 21, 3)
        self.names = [f"Capture0/ROM0{n}/cam40000{n}/image{n}.jpg" for n in range(4)]
        data: dict[str, Any] = {"images": [], "annotations": []}
        lens: dict[str, Any] = {"campos": {}, "camrot": {}, "focal": {}, "princpt": {}}
        frames: dict[str, Any] = {}
        fits: dict[str, Any] = {}
        for n, kind in enumerate(KINDS):
            turn, place = rodrigues(rng.normal(size=3)), rng.uniform(-900, 900, 3)
            camera = f"40000{n}"
            for key, value in (
                ("campos", place),
                ("camrot", turn),
                ("focal", [400, 410]),
                ("princpt", [60, 50]),
            ):
                lens[key][camera] = np.array(value).tolist()
            world = self.to_file(self.joints[n] * 1e3) @ turn + place
            frames[str(n)] = {"world_coord": world.tolist(), "joint_valid": [[1]] * 42}
            fit = {"pose": [0.0] * 48, "shape": [0.0] * 10, "trans": [0.0] * 3}
            fits[str(n)] = {"right": fit, "left": fit if n == 2 else None}
            data["images"].append(
                {"id": n, "file_name": self.names[n], "width": 120, "height": 100, "capture": 0,
                 "camera": camera, "frame_idx": n}
            )  # fmt: skip
            data["annotations"].append(
                {"id": 70 + n, "image_id": n, "bbox": [10, 10, 50, 50], "joint_valid": [[1]] * 42,
                 "hand_type": kind, "hand_type_valid": SURE[n]}
            )  # fmt: skip
        labels = folder / "annotations" / "test"
        labels.mkdir(parents=True)
        parts = {
            "data": data,
            "camera": {"0": lens},
            "joint_3d": {"0": frames},
            "MANO_NeuralAnnot": {"0": fits},
        }
        for part, values in parts.items():
            (labels / f"InterHand2.6M_test_{part}.json").write_text(json.dumps(values))
        (folder / "annotations" / "aid_human_annot_test.txt").write_text("70\n72\n")

    def to_file(self, joints: np.ndarray) -> np.ndarray:
        return convert_joints(joints, source="common", target="interhand").reshape(*joints.shape[:-3], 42, 3)

    def write(self, joints_m: np.ndarray, *, names: list[str] | None = None, npz: bool = False) -> Path:
        path = self.folder.parent / ("pred.npz" if npz else "pred.json")
        rows, named = self.to_file(joints_m * 1e3), names or self.names
        if npz:
            np.savez(path, names=np.array(named), joints_mm=rows)
        else:
            path.write_text(json.dumps({"names": named, "joints_mm": rows.tolist()}))
        return path

    def score(self, joints_m: np.ndarray, **options):
        written = {key: options.pop(key) for key in ("names", "npz") if key in options}
        return score_file("interhand26m", self.write(joints_m, **written), self.folder, **options)


@pytest.fixture
def made(tmp_path) -> Made:
    return Made(tmp_path / "InterHand2.6M")


def errs(joints_m: np.ndarray) -> np.ndarray:
    """All joints but the wrist 8 mm off in frames of one hand and 5 mm in pairs, left hands of the pairs 3 mm beside
    their place; all along x, which leaves depths as they are."""
    off = joints_m.copy()
    off[:2, :, 1:, 0] += 0.008
    off[2:, :, 1:, 0] += 0.005
    off[2:, 1, :, 0] += 0.003
    return off


@pytest.mark.parametrize("npz", [False, True])
def test_figures_worked_out_by_hand(made, npz):
    found = made.score(errs(made.joints), npz=npz)
    assert found["MPJPE single"] == pytest.approx(40 * 8 / 42)
    assert found["MPJPE two"] == pytest.approx(40 * 5 / 42)
    # Pooled before the means: each joint has one frame of 8 mm and two of 5 mm.
    assert found["MPJPE all"] == pytest.approx(40 * 6 / 42)
    assert found["MRRPE"] == pytest.approx(3)
    assert found.count == 4 and "own wrist" in found.protocol and "no crop is cut" in found.protocol
    assert "version 1.0 at 5 frames a second has 849160: not the papers' figure" in found.notes[0]


def test_the_scaled_variant_lays_middle_knuckles_together(made):
    middle = made.joints[:, :, 9:10]
    off = middle + 2 * (made.joints - middle)
    off[:, 0, [4, 8, 12, 16, 20], 0] += 0.006
    # Five tips of the right hand 3 mm off once it is half as large; the left hand right.
    assert made.score(off)["MPJPE scaled"] == pytest.approx((5 * 3 / 21 + 0) / 2)


def test_frames_come_in_any_order_and_absent_hands_hold_anything(made):
    order = [2, 0, 3, 1]
    joints = errs(made.joints)
    joints[0, 1], joints[1, 0] = np.nan, -7
    found = made.score(joints[order], names=[made.names[n] for n in order])
    assert found["MPJPE all"] == pytest.approx(40 * 6 / 42)
    path = made.write(errs(made.joints))
    data = json.loads(path.read_text())
    data["joints_mm"][0][21:] = [[None] * 3] * 21
    path.write_text(json.dumps(data))
    assert score_file("interhand", path, made.folder)["MPJPE all"] == pytest.approx(40 * 6 / 42)


@pytest.mark.parametrize(
    ("chosen", "rows", "name"),
    [
        (Chosen(shown="single"), [0, 1], "InterHand2.6M test, single frames"),
        (Chosen(shown="interacting"), [2, 3], "InterHand2.6M test, interacting frames"),
        (Chosen(annotators="human"), [0, 2], "InterHand2.6M test, human annotations"),
        (Chosen(annotators="machine"), [1, 3], "InterHand2.6M test, machine annotations"),
        (Chosen(filtered=True), [2], "InterHand2.6M test, the filtered set"),
    ],
)
def test_only_the_frames_that_are_asked_for(made, chosen, rows, name):
    found = made.score(errs(made.joints)[rows], names=[made.names[n] for n in rows], chosen=chosen)
    assert found.benchmark == name and found.count == len(rows)
    expected = {2: 5, 3: 5}.get(rows[0], 8)
    assert found.samples["mpjpe_mm"][0] == pytest.approx(20 * expected / 21)
    with pytest.raises(KnuckleError, match=rf"got {4 - len(rows)} others, the first Capture0"):
        made.score(made.joints, chosen=chosen)


def test_black_pictures_leave_the_filtered_set(made):
    image = made.folder / "images" / "test" / made.names[2]
    found = made.score(made.joints[[2]], names=[made.names[2]], chosen=Chosen(filtered=True))
    assert "1 of 1 pictures of the filtered set are not there" in found.notes[0]
    image.parent.mkdir(parents=True)
    cv2.imwrite(str(image), np.full((100, 120, 3), 90, np.uint8))
    found = made.score(made.joints[[2]], names=[made.names[2]], chosen=Chosen(filtered=True))
    assert found.notes[0] == "0 black pictures are left out"
    cv2.imwrite(str(image), np.zeros((100, 120, 3), np.uint8))
    with pytest.raises(KnuckleError, match="expected frames of the kind asked for"):
        made.score(made.joints[[2]], names=[made.names[2]], chosen=Chosen(filtered=True))


def test_files_of_other_frames_are_named(made):
    with pytest.raises(
        KnuckleError, match=r"expected the 4 frames of test, 1 of them are missing, the first .*image1"
    ):
        made.score(made.joints[[0, 2, 3]], names=[made.names[n] for n in (0, 2, 3)])
    with pytest.raises(KnuckleError, match=r"expected every frame once, got .*image0\.jpg more than once"):
        made.score(made.joints[[0, 0, 1, 2, 3]], names=[made.names[n] for n in (0, 0, 1, 2, 3)])
    with pytest.raises(KnuckleError, match=r"joints_mm: expected 3 x 42 x 3 numbers, as there are 3 names"):
        made.score(made.joints, names=made.names[:3])
    path = made.folder.parent / "pred.json"
    for data, message in (
        ([1], "expected an object with names and joints_mm, got a list"),
        ({"joints": []}, "got one with joints"),
        ({"names": [1], "joints_mm": []}, "names: expected a list of names of pictures"),
        ({"names": made.names, "joints_mm": [[1], [2, 3]]}, "got rows that differ"),
    ):
        path.write_text(json.dumps(data))
        with pytest.raises(KnuckleError, match=message):
            score_file("interhand26m", path, made.folder)
    npz = made.folder.parent / "pred.npz"
    np.savez(npz, names=np.array(made.names))
    with pytest.raises(KnuckleError, match=r"pred\.npz: expected arrays names, joints_mm, missing joints_mm"):
        score_file("interhand26m", npz, made.folder)
    np.savez(npz, names=np.array(made.names, dtype=object), joints_mm=np.zeros((4, 42, 3)))
    with pytest.raises(KnuckleError, match=r"expected a NumPy archive"):
        score_file("interhand26m", npz, made.folder)
    npz.write_bytes(b"no archive")
    with pytest.raises(KnuckleError, match=r"expected a NumPy archive"):
        score_file("interhand26m", npz, made.folder)


def test_numbers_that_cannot_be_are_named(made):
    joints = made.joints.copy()
    joints[2, 1, 4] = np.nan
    with pytest.raises(KnuckleError, match=r"in 1 of 4, the first Capture0/ROM02"):
        made.score(joints)
    with pytest.raises(
        KnuckleError, match=r"expected millimetres, got hands 0\.001 times .* are they metres"
    ):
        made.score(made.joints * 1e-3)
    with pytest.raises(KnuckleError, match="all points behind it; is the sign of z wrong"):
        made.score(made.joints * [1, 1, -1])
    with pytest.raises(KnuckleError, match="are in the common order"):
        # What is written in the set's order then lies in the common one.
        made.score(convert_joints(made.joints, source="interhand"))
    with pytest.raises(KnuckleError, match="is the left hand first"):
        both = made.joints.copy()
        both[2:] = both[2:, ::-1]
        made.score(both)
    report = made.score(made.joints * 1e-3, as_is=True)
    assert report.notes[0].startswith("scored as it is: ")


def test_as_typed(made, run, capsys):
    path = made.write(errs(made.joints))
    assert run("score", "interhand26m", str(path), "--truth", str(made.folder)) == 0
    assert "MPJPE single" in capsys.readouterr().out
    assert run("score", "interhand26m", str(path), "--truth", str(made.folder), "--split", "val") == 2
    assert "missing" in capsys.readouterr().err
