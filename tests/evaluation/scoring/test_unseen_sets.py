"""Files of HIC and EgoDexter, on their miniatures: figures worked out by hand, and files that are wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.scoring.catalogue import score_file
from knuckle.skeleton import convert_joints

from ...datasets.test_egodexter import TIPS
from ...datasets.test_egodexter import made as egodexter  # noqa: F401 (fixtures)
from ...datasets.test_hic import made as hic  # noqa: F401
from ...datasets.test_hic import sizes  # noqa: F401

HIC_NAMES = ["01/1/rgb/000.png", "02/1/rgb/005.png", "03/1/rgb/010.png"]
EGO_NAMES = ["Desk/00000", "Fruits/00000", "Kitchen/00000", "Rotunda/00000"]


def write_hic(folder: Path, joints_m: np.ndarray, *, npz: bool = False) -> Path:
    """Joints (3, 2, 21, 3), NaN for hands that are not there, as a file has them."""
    rows = convert_joints(1e3 * joints_m, source="common", target="interhand").reshape(3, 42, 3)
    path = folder / ("pred.npz" if npz else "pred.json")
    # In another order than the list's.
    if npz:
        np.savez(path, names=np.array(HIC_NAMES[::-1]), joints_mm=rows[::-1])
    else:
        path.write_text(json.dumps({"names": HIC_NAMES[::-1], "joints_mm": rows[::-1].tolist()}))
    return path


@pytest.mark.parametrize("npz", [False, True])
def test_hic_s_figures_worked_out_by_hand(hic, tmp_path, npz):  # noqa: F811
    off = hic.joints_m.copy()
    # Along x alone, so that depths stay: both hands of the first picture, the only one, and the left one of the last.
    off[0, :, 1:, 0] += 0.004
    off[0, 1, :, 0] += 0.007
    off[1, 0, 1:, 0] += 0.010
    off[2, 1, 8, 0] += 0.021
    report = score_file("hic", write_hic(tmp_path, off, npz=npz), hic.folder)
    assert report["MPJPE single"] == pytest.approx(20 * 10 / 21, abs=1e-3)
    # Of interacting pictures: right joints 4 mm, left ones the mean of 4 and 0 but for one of 4 and 21.
    left = (19 * 2 + (4 + 21) / 2) / 21
    assert report["MPJPE two"] == pytest.approx((20 * 4 / 21 + left) / 2, abs=1e-3)
    assert report["MRRPE"] == pytest.approx(7, abs=1e-3)
    assert report.count == 3 and "no crop is cut" in report.protocol
    assert any("no vertex scores: the file is of joints alone" in note for note in report.notes)


def test_a_wrong_file_of_hic_is_refused(hic, tmp_path):  # noqa: F811
    joints_m = np.nan_to_num(hic.joints_m, nan=0.5)
    with pytest.raises(
        KnuckleError, match=r"joints_mm: expected millimetres, got hands 0.001 times as large"
    ):
        score_file("hic", write_hic(tmp_path, joints_m * 1e-3), hic.folder)
    with pytest.raises(KnuckleError, match="expected hands before the camera"):
        score_file("hic", write_hic(tmp_path, joints_m * [1, 1, -1]), hic.folder)
    with pytest.raises(KnuckleError, match="expected the right hand first"):
        score_file("hic", write_hic(tmp_path, joints_m[:, ::-1]), hic.folder)
    bad = joints_m.copy()
    bad[1, 0, 4] = np.inf
    with pytest.raises(KnuckleError, match=r"NaN, null or infinity in 1 of 3, the first 02/1/rgb/005"):
        score_file("hic", write_hic(tmp_path, bad), hic.folder)
    path = tmp_path / "few.json"
    path.write_text(json.dumps({"names": HIC_NAMES[:2], "joints_mm": [[[0, 0, 1]] * 42] * 2}))
    with pytest.raises(KnuckleError, match="the 3 frames of HIC, 1 of them are missing, the first 03/1/rgb"):
        score_file("hic", path, hic.folder)


def write_egodexter(folder: Path, tips_m: np.ndarray, names: list[str] = EGO_NAMES) -> Path:
    path = folder / "pred.json"
    path.write_text(json.dumps({"names": names, "tips_mm": (1e3 * tips_m).tolist()}))
    return path


def test_egodexter_s_figures_worked_out_by_hand(egodexter, tmp_path, run, capsys):  # noqa: F811
    folder, joints = egodexter
    off = joints[:, TIPS] + [0.05, 0.02, 0.1]
    # Two tips of Desk's hand 12 mm apart from where they are, one each way: the middle stays.
    off[0, 1, 0] += 0.012
    off[0, 3, 0] -= 0.012
    path = write_egodexter(tmp_path, off)
    report = score_file("egodexter", path, folder)
    # Each finger's mean over its labelled tips; both fingers have four hands.
    assert report["tip error"] == pytest.approx((2 * 12 / 4) / 5, abs=1e-2)
    # The thumb of Fruits is not labelled: of hands with five tips there are three.
    assert report["tip error five tips"] == pytest.approx((2 * 12 / 3) / 5, abs=1e-2)
    assert report["AUC 20-50 mm"] == pytest.approx(1)
    assert report.count == 4 and any("4 pictures with tips; 1485 are published" in n for n in report.notes)
    assert run("score", "egodexter", str(path), "--truth", str(folder)) == 0
    assert "tip error" in capsys.readouterr().out


def test_a_wrong_file_of_egodexter_is_refused(egodexter, tmp_path):  # noqa: F811
    folder, joints = egodexter
    tips = joints[:, TIPS]
    for changed, words in (
        (tips * 1e-3, r"tips_mm: expected millimetres, got .* are they metres"),
        (tips * [1, 1, -1], "expected hands before the camera"),
        (tips * [-1, 1, 1], "mirrored; are they of right hands"),
        (tips[:, ::-1], "from the little finger to the thumb"),
        (
            np.where(np.arange(5)[:, None] == 2, np.nan, tips),
            "got NaN, null or infinity in 4 of 4, the first Desk",
        ),
    ):
        with pytest.raises(KnuckleError, match=words):
            score_file("egodexter", write_egodexter(tmp_path, changed), folder)
    report = score_file("egodexter", write_egodexter(tmp_path, tips[:, ::-1]), folder, as_is=True)
    assert any("scored as it is" in note for note in report.notes)
    with pytest.raises(
        KnuckleError, match="the 4 frames of EgoDexter, 1 of them are missing, the first Desk/"
    ):
        score_file("egodexter", write_egodexter(tmp_path, tips, ["Desk/00001", *EGO_NAMES[1:]]), folder)
    with pytest.raises(KnuckleError, match=r"tips_mm: expected 4 x 5 x 3 numbers, as there are 4 names, got"):
        score_file("egodexter", write_egodexter(tmp_path, joints), folder)
    with pytest.raises(
        KnuckleError, match="--split, --annotators, --shown, --filtered: expected with interhand"
    ):
        from knuckle.datasets.interhand import Chosen

        score_file("hic", tmp_path / "pred.json", folder, chosen=Chosen("val"))
