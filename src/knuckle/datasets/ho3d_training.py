"""HO-3D's training split (v2 or v3) as a source of training sets: joints and MANO's pose of every annotated frame."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.check import require
from knuckle.datasets.freihand import tight_box
from knuckle.datasets.ho3d import HEIGHT, WIDTH, download, joints_to_camera, read_annotation, sample_names
from knuckle.datasets.label_numbers import entry_numbers
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.rig_labels import RigLabels, check_mano, fit_labels, rest_wrist, right_rig
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import OPENGL_FROM_CAMERA, Camera
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues

_MANO = {"handPose": (48,), "handBeta": (10,), "handTrans": (3,)}


class Ho3dTraining:
    """Right hands of the training split by number; labels are in memory, pictures are read when asked for.

    rig: None for the open rig, a rig file, or MANO_RIGHT.pkl. With the last, pose and shape are the dataset's own
    (`flat_hand_mean=True`, turned from its OpenGL camera); with the others they are fitted. complete: whether every
    annotation and picture of the list must be there; without it those that are there are taken. Frames without
    annotation are left out. Annotations that are damaged or hostile are left out too and named in `damaged`, for who
    uses the rest to decide. Raises KnuckleError naming what is missing, and in how many frames.
    """

    tips = "ho3d"

    def __init__(self, folder: Path, rig: Path | None, *, complete: bool = True) -> None:
        self.folder, self.rig = folder, right_rig(rig, tips="ho3d")
        require(folder, download("train"))
        names = sample_names(folder, "train")
        if complete:
            _require_all(folder, names)
        self.damaged: list[str] = []
        self.names: list[str] = []
        self.images: list[Path] = []
        rows: dict[str, list[np.ndarray]] = {"joints": [], "camera": []} | {key: [] for key in _MANO}
        for name in names:
            if not complete and not (_meta(folder, name).is_file() and _image(folder, name) is not None):
                continue
            try:
                image, found = self._read(folder, name)
            except KnuckleError as error:
                self.damaged.append(str(error))
                continue
            if found is None:
                continue
            for key, numbers in found.items():
                rows[key].append(numbers)
            self.names.append(name)
            self.images.append(image)
        if not self.names:
            told = f": {self.damaged[0]}" if self.damaged else ""
            raise KnuckleError(
                f"{folder}: expected annotated frames of HO-3D train, got none of {len(names)}{told}"
            )
        self.labels = {key: np.stack(values) for key, values in rows.items() if values}
        self.count = len(self.names)

    def _read(self, folder: Path, name: str) -> tuple[Path, dict[str, np.ndarray] | None]:
        """Picture and numbers of a frame; None where it has no annotation."""
        image, meta = read_annotation(folder / "train", name)
        if meta["handJoints3D"] is None:
            return image, None
        where = str(_meta(folder, name))
        shapes = {"joints": ("handJoints3D", (21, 3)), "camera": ("camMat", (3, 3))}
        shapes |= {key: (key, shape) for key, shape in _MANO.items()} if self.rig.name == "mano" else {}
        return image, {
            name: entry_numbers(meta, key, shape, where, nested=True) for name, (key, shape) in shapes.items()
        }

    def hands(self, numbers: range) -> list[LabelledHand]:
        """The labelled hands of these numbers."""
        return [self._hand(number) for number in numbers]

    def rig_labels(self, numbers: range, joints_m: Float[np.ndarray, "n 21 3"]) -> RigLabels:
        """The rig in the pose of these hands."""
        if self.rig.name != "mano":
            return fit_labels(self.rig, joints_m)
        chosen = slice(numbers.start, numbers.stop)
        pose, shape, translation = (self.labels[key][chosen] for key in _MANO)
        labels = ho3d_labels(self.rig, pose.reshape(-1, 16, 3), shape, translation, joints_m)
        check_mano(self.rig, labels.residual_m, whose="HO-3D's")
        return labels

    def _hand(self, number: int) -> LabelledHand:
        name = self.names[number]
        camera = Camera.from_matrix(self.labels["camera"][number], WIDTH, HEIGHT)
        joints_m = joints_to_camera(self.labels["joints"][number], name)
        joints_px = camera.project(joints_m)
        return LabelledHand(
            name, "HO-3D", self.images[number], "right", camera, tight_box(joints_px), joints_px, joints_m
        )


def ho3d_labels(
    rig: HandRig,
    pose: Float[np.ndarray, "n 16 3"],
    shape: Float[np.ndarray, "n 10"],
    translation: Float[np.ndarray, "n 3"],
    joints_m: Float[np.ndarray, "n 21 3"],
) -> RigLabels:
    """HO-3D's MANO parameters, of an OpenGL camera, as labels in the camera frame; joints_m: the dataset's, there.

    The hand turns about its wrist at rest, so its place changes by more than the translation.
    """
    turn = np.diag(OPENGL_FROM_CAMERA)
    wrist = rest_wrist(rig, shape)
    rotations = rodrigues(pose)
    rotations[:, 0] = turn @ rotations[:, 0]
    moved = (wrist + translation) @ turn - wrist
    turned = pose.copy()
    turned[:, 0] = matrix_to_axis_angle(rotations[:, 0])
    joints = rig.posed_by_matrices(rotations, shape, moved).joints
    return RigLabels(turned, shape, moved, np.linalg.norm(joints - joints_m, axis=-1).mean(-1))


def _meta(folder: Path, name: str) -> Path:
    sequence, _, frame = name.partition("/")
    return folder / "train" / sequence / "meta" / f"{frame}.pkl"


def _image(folder: Path, name: str) -> Path | None:
    sequence, _, frame = name.partition("/")
    places = (folder / "train" / sequence / "rgb" / f"{frame}{end}" for end in (".jpg", ".png"))
    return next((path for path in places if path.is_file()), None)


def _require_all(folder: Path, names: list[str]) -> None:
    """Raise KnuckleError saying how many annotations and pictures of the list are missing."""
    missing = []
    for what, absent in (
        ("annotations", [name for name in names if not _meta(folder, name).is_file()]),
        ("pictures", [name for name in names if _image(folder, name) is None]),
    ):
        if absent:
            missing.append(f"{len(absent)} {what}, the first {absent[0]}")
    if missing:
        raise KnuckleError(
            f"{folder}: expected the {len(names)} frames of train.txt, missing {'; '.join(missing)}"
        )
