"""Files for the benchmarks' servers: their layout, order and frames, without any truth; and `--root scale`."""

import json
import pickle
import zipfile

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.protocols import freihand
from knuckle.evaluation.submission import submit
from knuckle.rig.tips import MANO_TIPS, TIP_JOINTS

from .conftest import made_model, write_photo

TIPS = list(TIP_JOINTS)
AWAY = np.array([0, 0, 0.7])


def answers(count: int = 778):
    """A model of MANO's mesh with FreiHAND's tips; what it answers depends on the picture's mean."""
    shown = []

    def predict(patches):
        shown.extend(patches)
        seeds = [int(patch.pixels.mean() * 1000) for patch in patches]
        mesh = np.stack([np.random.default_rng(s).uniform(-0.1, 0.1, (count, 3)) for s in seeds]) + AWAY
        joints = mesh[:, :21].copy()
        if count > 744:
            joints[:, TIPS] = mesh[:, list(MANO_TIPS["freihand"])]
        return {
            "joints_m": joints,
            "joints_px": joints[..., :2] / joints[..., 2:] * 200 + 112,
            "vertices_m": mesh,
        }

    model = made_model(predict, size=32, expand=1.5, tips="freihand")
    return model, shown


def test_freihand_s_file_needs_no_truth_and_shows_whole_pictures(freihand_folder, tmp_path):
    for part in ("xyz", "verts"):
        (freihand_folder / f"evaluation_{part}.json").unlink()
    model, shown = answers()
    count, notes = submit(freihand_folder, model, tmp_path / "pred.zip")
    assert count == 3 and notes == ()
    with zipfile.ZipFile(tmp_path / "pred.zip") as archive:
        assert archive.namelist() == ["pred.json"]
        joints, vertices = json.loads(archive.read("pred.json"))
    assert np.shape(joints) == (3, 21, 3) and np.shape(vertices) == (3, 778, 3)
    assert all(np.allclose(patch.crop, [111.5, 111.5, 224]) for patch in shown)
    expected = model.predict(shown[1:])["joints_m"]
    np.testing.assert_allclose(joints, expected)


def test_ho3d_s_file_is_in_its_frame_order_and_tips(tmp_path):
    folder = tmp_path / "ho3d"
    names = ["AP10/0000", "AP10/0007"]
    for i, name in enumerate(names):
        sequence, frame = name.split("/")
        write_photo(folder / "evaluation" / sequence / "rgb" / f"{frame}.png", i, size=(640, 480))
        meta = {"camMat": np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), "handJoints3D": np.zeros(3)}
        path = folder / "evaluation" / sequence / "meta" / f"{frame}.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(meta | {"handBoundingBox": [200, 100, 360, 300]}))
    (folder / "evaluation.txt").write_text("\n".join(names))
    model, shown = answers()
    _, notes = submit(folder, model, tmp_path / "pred.json")
    joints, vertices = (np.array(rows) for rows in json.loads((tmp_path / "pred.json").read_text()))
    expected = model.predict(shown[1:3])["vertices_m"] * [1, -1, -1]
    np.testing.assert_allclose(vertices, expected, atol=1e-6)
    # MANO's order ends with the tips, thumb to pinky.
    np.testing.assert_allclose(joints[:, 16:], expected[:, list(MANO_TIPS["ho3d"])], atol=1e-6)
    assert "ho3d's, the model's freihand's; converted" in notes[0]


def test_what_cannot_be_submitted_is_one_sentence(freihand_folder, run, tmp_path, fake_model, capsys):
    model, shown = answers(1610)
    with pytest.raises(
        KnuckleError, match=r"oracle: expected predictions with MANO's mesh .* got one of 1610"
    ):
        submit(freihand_folder, model, tmp_path / "pred.json")
    assert len(shown) == 1
    with pytest.raises(KnuckleError, match=r"expected evaluation_K\.json"):
        submit(tmp_path, model, tmp_path / "pred.json")
    with pytest.raises(KnuckleError, match=r"ending in \.json or \.zip"):
        submit(freihand_folder, model, tmp_path / "pred")
    assert (
        run("submit", str(freihand_folder), "--weights", fake_model, "--out", str(tmp_path / "p.json")) == 2
    )
    assert "expected predictions with MANO's mesh of 778 vertices" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not list(tmp_path.glob("p*.*"))


def test_root_by_scale_moves_vertices_with_the_joints():
    rng = np.random.default_rng(0)
    joints = rng.uniform(-0.08, 0.08, (2, 21, 3)) + np.array([0, 0, 0.6])
    vertices = rng.uniform(-0.08, 0.08, (2, 778, 3)) + np.array([0, 0, 0.6])
    vertices[:, 5], vertices[:, 700] = joints[:, 0], joints[:, 8]
    camera = np.tile([200.0, 200, 112, 112], (2, 1))
    joints_px = joints[..., :2] / joints[..., 2:] * 200 + 112
    scale = np.linalg.norm(joints[:, 9] - joints[:, 10], axis=-1)
    truth = Truth(joints_px, joints, camera, vertices, scale)
    away = np.array([1.2, 1.2, 1.2])  # nearer in all, the same picture
    predictions = Predictions(joints_px, joints + np.array([0, 0, 0.3]), vertices_m=vertices / away)
    moved, failed = freihand.place_by_scale(truth, predictions)
    assert failed == 0
    np.testing.assert_allclose(moved.joints_m, joints, atol=1e-6)
    # A vertex keeps its place in the picture and its depth behind the wrist.
    before, after = vertices / away, moved.vertices_m
    np.testing.assert_allclose(before[..., :2] / before[..., 2:], after[..., :2] / after[..., 2:], atol=1e-9)
    offset = joints[:, :1, 2] - (joints[:, :1, 2] + 0.3)
    np.testing.assert_allclose(after[..., 2], before[..., 2] + offset, atol=1e-6)
