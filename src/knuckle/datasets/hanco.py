"""HanCo (Zimmermann, Argus and Brox 2021), layout of its archives: short clips of eight cameras, FreiHAND's recordings
made longer.

    meta.json                          is_train, subject_id, is_valid, object_id, has_fit: a list a sequence, a value a
                                       time step
    rgb/%04d/cam%d/%08d.jpg            sequence, camera 0-7, time step; training steps before a green screen
    rgb_{merged,homo,color_auto,color_sample}/...   the same of training steps with another background
    mask_hand/%04d/cam%d/%08d.jpg      the hand bright
    xyz/%04d/%08d.json                 21 x 3, metres of the world, common order
    calib/%04d/%08d.json               K: 8 x 3 x 3, M: 8 x 4 x 4, camera from world
    shape/%04d/%08d.json               poses 48 (relative to MANO's mean pose), shapes 10, global_t 3: MANO in the
                                       world, turned about the wrist at rest
    shape/%04d/cam%d/%08d.json         not read: the same for a camera

Right hands only. 1,518 sequences, 107,538 time steps. Steps with is_train false have natural backgrounds: they look
like what FreiHAND's evaluation split was taken from, so nothing here trains on them.

Taken from the authors' published code, not seen on the data: all of the above. The size of the pictures is read from
the first one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Bool, Float

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.label_numbers import checked_numbers, entry_numbers
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_json, read_rgb
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_COUNT

Variant = Literal["rgb", "rgb_merged", "rgb_homo", "rgb_color_auto", "rgb_color_sample"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
CAMERAS = 8
SEQUENCES = 1_518
STEPS = 107_538
META = "meta.json"
MASKS = "mask_hand"
SITE = "lmb.informatik.uni-freiburg.de/resources/datasets/HanCo.en.html"
LEAST_INSIDE = 11
"""A hand of which fewer joints lie within the picture is not trained on; a choice of ours."""
_CLEAR = 0.1
"""A picture shows no hand if no joint lies within it, nor within this part of its size round it."""


class Step(NamedTuple):
    """One moment of a sequence, seen by all cameras."""

    sequence: int
    frame: int

    def __str__(self) -> str:
        return f"{self.sequence:04d}/{self.frame:08d}"


@dataclass(frozen=True)
class Meta:
    """What meta.json says of every step, in order."""

    steps: list[Step]
    is_train: Bool[np.ndarray, "n"]
    has_fit: Bool[np.ndarray, "n"]
    is_valid: Bool[np.ndarray, "n"]
    """Whether the fit was validated."""
    sequences: int


class StepLabels(NamedTuple):
    """Of one step; metres."""

    joints_m: Float[np.ndarray, "21 3"]
    """World frame."""
    matrices: Float[np.ndarray, "8 3 3"]
    """Intrinsics, px."""
    camera_from_world: Float[np.ndarray, "8 4 4"]

    @property
    def in_cameras_m(self) -> Float[np.ndarray, "8 21 3"]:
        """The joints in every camera's frame."""
        turned = np.einsum("cij,kj->cki", self.camera_from_world[:, :3, :3], self.joints_m)
        return turned + self.camera_from_world[:, None, :3, 3]


def top_folder(folder: Path) -> Path:
    """The folder with meta.json: the given one, or HanCo in it."""
    inner = folder / "HanCo"
    return inner if inner.is_dir() and not (folder / META).is_file() else folder


def read_meta(folder: Path) -> Meta:
    """The steps of all sequences. Raises KnuckleError for a file that is missing, damaged or uneven."""
    path = folder / META
    if not path.is_file():
        raise KnuckleError(f"{folder}: expected HanCo ({SITE}) with {META}, got no such file")
    data = read_json(path, kind=dict)
    flags: dict[str, list[list[bool]]] = {}
    for key in ("is_train", "has_fit", "is_valid"):
        rows = data.get(key)
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise KnuckleError(f"{path}: {key}: expected a list of values for each sequence, got none")
        flags[key] = rows
    lengths = {key: [len(row) for row in rows] for key, rows in flags.items()}
    if len({tuple(length) for length in lengths.values()}) != 1:
        raise KnuckleError(
            f"{path}: expected as many values in is_train, has_fit and is_valid, got lists of other lengths"
        )
    steps = [Step(s, f) for s, length in enumerate(lengths["is_train"]) for f in range(length)]
    columns = [np.array([bool(v) for row in rows for v in row], bool) for rows in flags.values()]
    return Meta(steps, *columns, sequences=len(flags["is_train"]))


def label_file(folder: Path, part: str, step: Step) -> Path:
    """A file of xyz, calib or shape."""
    return folder / part / f"{step.sequence:04d}" / f"{step.frame:08d}.json"


def picture_of(folder: Path, part: str, step: Step, camera: int) -> Path:
    """A picture of one of `VARIANTS`, or a mask."""
    return folder / part / f"{step.sequence:04d}" / f"cam{camera}" / f"{step.frame:08d}.jpg"


def picture_size(folder: Path) -> tuple[int, int]:
    """Width and height of the first picture that can be read. Raises KnuckleError where there is none."""
    for variant in VARIANTS:
        for path in (folder / variant).glob("*/cam*/*.jpg"):
            try:
                height, width = read_rgb(path).shape[:2]
            except KnuckleError:
                continue
            return width, height
    raise KnuckleError(f"{folder}: expected pictures of HanCo ({SITE}) in {', '.join(VARIANTS)}, got none")


def read_step(folder: Path, step: Step) -> StepLabels:
    """Joints and cameras of a step. Raises KnuckleError naming the file and what is wrong with it."""
    path = label_file(folder, "xyz", step)
    joints_m = checked_numbers(read_json(path, kind=list), (JOINT_COUNT, 3), str(path), nested=True)
    path = label_file(folder, "calib", step)
    calib = read_json(path, kind=dict)
    matrices, moves = (
        entry_numbers(calib, key, (CAMERAS, side, side), str(path), nested=True)
        for key, side in (("K", 3), ("M", 4))
    )
    turns = moves[:, :3, :3]
    if np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max() > 1e-3:
        raise KnuckleError(f"{path}: M: expected rigid camera-from-world matrices, got others")
    labels = StepLabels(joints_m, matrices, moves)
    if (labels.in_cameras_m[..., 2] <= 0).any():
        raise KnuckleError(f"{path}: M: expected the hand before every camera, got it behind one")
    return labels


def read_fit(folder: Path, step: Step) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pose (16, 3), shape (10) and translation (3), m, of MANO in the world. Raises KnuckleError for a damaged file."""
    path = label_file(folder, "shape", step)
    data = read_json(path, kind=dict)
    return (
        entry_numbers(data, "poses", (16, 3), str(path), nested=True),
        entry_numbers(data, "shapes", (10,), str(path), nested=True),
        entry_numbers(data, "global_t", (3,), str(path), nested=True),
    )


def joints_inside(
    joints_px: Float[np.ndarray, "*n 21 2"], size: tuple[int, int], *, margin: float = 0.0
) -> Bool[np.ndarray, "*n 21"]:
    """Which joints lie within the picture, or within `margin` of its size round it."""
    limit = np.array(size, dtype=float)
    return np.all((joints_px >= -margin * limit) & (joints_px <= (1 + margin) * limit - 1), axis=-1)


def shown(labels: StepLabels, size: tuple[int, int]) -> tuple[Bool[np.ndarray, "8"], Bool[np.ndarray, "8"]]:
    """Which cameras show the hand well enough, and which show none of it."""
    seen = zip(labels.matrices, labels.in_cameras_m, strict=True)
    joints_px = np.stack([Camera.from_matrix(matrix, *size).project(joints_m) for matrix, joints_m in seen])
    enough = joints_inside(joints_px, size).sum(-1) >= LEAST_INSIDE
    return enough, np.asarray(~joints_inside(joints_px, size, margin=_CLEAR).any(-1))


def hand_of(
    folder: Path, step: Step, camera: int, labels: StepLabels, size: tuple[int, int], *, variant: Variant
) -> LabelledHand:
    """The hand as one camera sees it; its mask is not looked at."""
    lens, joints_m = Camera.from_matrix(labels.matrices[camera], *size), labels.in_cameras_m[camera]
    joints_px = lens.project(joints_m)
    name = f"{step.sequence:04d}/cam{camera}/{step.frame:08d} {variant}"
    image = picture_of(folder, variant, step, camera)
    return LabelledHand(name, "HanCo", image, "right", lens, tight_box(joints_px), joints_px, joints_m)
