"""HO-3D's training split: a miniature in its layout comes back in the camera frame, MANO's mesh with it."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from knuckle.datasets.ho3d_training import Ho3dTraining
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import OPENGL_FROM_CAMERA
from knuckle.rig.mano import load_mano
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import convert_joints

from .conftest import picture, poses, write_mano

K = np.array([[614.0, 0, 320], [0, 615, 240], [0, 0, 1]])
TOLERANCE_M = 1e-4


class Made:
    """Three frames, the middle one without annotation, the last 640 x 480 as all are; v2 has png, v3 jpg."""

    def __init__(self, tmp: Path, end: str) -> None:
        self.folder, self.mano = tmp / "HO3D", write_mano(tmp / "MANO_RIGHT.pkl")
        # The dataset's poses have no mean to be added.
        rig = load_mano(self.mano, "right", flat_hand_mean=True, tips="ho3d")
        pose, shape = poses(3, seed=4)
        translation = np.array([[0.02, 0.01, -0.6], [0, 0, -0.7], [-0.03, 0.02, -0.8]])
        posed = rig.posed(pose, shape, translation)
        self.joints_m, self.vertices_m = (
            posed.joints * OPENGL_FROM_CAMERA,
            posed.vertices * OPENGL_FROM_CAMERA,
        )
        in_px = self.joints_m @ K.T
        names = [f"ABF1{n}/{n:04d}" for n in range(3)]
        for n, name in enumerate(names):
            sequence, frame = name.split("/")
            picture(
                self.folder / "train" / sequence / "rgb" / f"{frame}{end}",
                640,
                in_px[n, 9, :2] / in_px[n, 9, 2],
                60,
            )
            image = self.folder / "train" / sequence / "rgb" / f"{frame}{end}"
            crop_to_frame(image)
            self.write(
                name,
                camMat=K,
                handJoints3D=None
                if n == 1
                else convert_joints(posed.joints, source="common", target="ho3d")[n],
                handPose=None if n == 1 else pose[n].reshape(48),
                handBeta=None if n == 1 else shape[n],
                handTrans=None if n == 1 else translation[n],
                objName="003_cracker_box",
                objRot=np.zeros((3, 1)),
            )
        (self.folder / "train.txt").write_text("\n".join(names) + "\n")

    def meta(self, name: str) -> Path:
        sequence, frame = name.split("/")
        return self.folder / "train" / sequence / "meta" / f"{frame}.pkl"

    def write(self, name: str, **values) -> None:
        self.meta(name).parent.mkdir(parents=True, exist_ok=True)
        self.meta(name).write_bytes(pickle.dumps(values, protocol=2))


def crop_to_frame(image: Path) -> None:
    import cv2

    cv2.imwrite(str(image), cv2.imread(str(image))[:480])


@pytest.mark.parametrize("end", [".png", ".jpg"])
def test_the_truth_comes_back(tmp_path, end):
    made = Made(tmp_path, end)
    index = convert_set("ho3d", made.folder, tmp_path / "set", size=64, rig=made.mano, tips="ho3d")
    assert index["count"] == 2 and index["tips"] == "ho3d" and index["residual_mm"] < 0.1
    labels = SynthSet(tmp_path / "set").labels
    np.testing.assert_allclose(labels["joints_m"], made.joints_m[[0, 2]], atol=TOLERANCE_M)
    # Stored poses are rotations as they are.
    rig = load_mano(made.mano, "right", flat_hand_mean=True, tips="ho3d")
    posed = rig.posed(*(np.asarray(labels[name], float) for name in ("pose", "shape", "translation")))
    np.testing.assert_allclose(posed.vertices, made.vertices_m[[0, 2]], atol=TOLERANCE_M)


def test_the_open_rig_is_fitted(tmp_path):
    made = Made(tmp_path, ".png")
    index = convert_set("ho3d", made.folder, tmp_path / "set", size=64)
    assert index["rig_name"] == "open" and index["residual_mm"] < 5


def test_what_is_missing_or_damaged_is_named(tmp_path):
    made = Made(tmp_path, ".png")
    values = pickle.loads(made.meta("ABF12/0002").read_bytes())
    made.write("ABF12/0002", **values | {"handPose": np.zeros(45)})
    with pytest.raises(KnuckleError, match=r"0002.pkl: handPose: expected 48"):
        convert_set("ho3d", made.folder, tmp_path / "set", size=32, rig=made.mano)
    made.write("ABF12/0002", **values | {"handJoints3D": np.full((21, 3), np.nan)})
    with pytest.raises(
        KnuckleError, match=r"0002.pkl: handJoints3D: expected 21 x 3 finite .*; 1 of the annotations"
    ):
        convert_set("ho3d", made.folder, tmp_path / "set", size=32)
    index = convert_set("ho3d", made.folder, tmp_path / "set", size=32, skip_damaged=True)
    assert index["count"] == 1 and len(index["left_out_damaged"]) == 1
    assert "0002.pkl: handJoints3D" in index["left_out_damaged"][0]
    made.meta("ABF12/0002").unlink()
    with pytest.raises(
        KnuckleError, match=r"3 frames of train.txt, missing 1 annotations, the first ABF12/0002"
    ):
        Ho3dTraining(made.folder, None)
    assert Ho3dTraining(made.folder, None, complete=False).count == 1
    (made.folder / "train.txt").unlink()
    with pytest.raises(KnuckleError, match=r"missing train.txt"):
        Ho3dTraining(made.folder, None)


def test_another_mano_file_is_refused(tmp_path):
    made = Made(tmp_path, ".png")
    data = pickle.loads(made.mano.read_bytes())
    made.mano.write_bytes(pickle.dumps(data | {"v_template": data["v_template"] * 1.2}, protocol=2))
    with pytest.raises(KnuckleError, match=r"expected MANO_RIGHT.pkl, whose joints lie less than 5 mm"):
        convert_set("ho3d", made.folder, tmp_path / "set", size=64, rig=made.mano)
