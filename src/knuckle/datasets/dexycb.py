"""DexYCB (Chao et al., CVPR 2021), official layout.

    SUBJECT/SEQUENCE/meta.yml                        serials, num_frames, mano_sides, mano_calib, ...
    SUBJECT/SEQUENCE/SERIAL/color_%06d.jpg           640 x 480 px, eight cameras
    SUBJECT/SEQUENCE/SERIAL/labels_%06d.npz          seg, pose_m (1 x 51), joint_3d (1 x 21 x 3), joint_2d (1 x 21 x 2)
    calibration/intrinsics/SERIAL_640x480.yml        color: fx, fy, ppx, ppy
    calibration/mano_CALIB/mano.yml                  betas: the shape of a person's hands

One labelled hand a frame, joints in metres of its camera's frame (x right, y down, z forward) and in the common order,
fingertips manopth's. pose_m is a rotation, 45 coefficients of MANO's components, to which the mean pose is to be added,
and a translation. Where no hand is seen or annotated joints are all -1 and pose_m is 0.

The splits of set-ups s0 to s3 are by the place of a sequence among its subject's 100, by subject and by camera. The
facts are those of github.com/NVlabs/dex-ycb-toolkit (its README.md and dex_ycb.py).
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float

from knuckle.datasets.freihand import tight_box
from knuckle.datasets.label_numbers import entry_numbers
from knuckle.datasets.labelled import LabelledHand
from knuckle.datasets.photos import read_npz
from knuckle.datasets.plain_yaml import read_yaml
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_COUNT, SIDES, Side

Setup = Literal["s0", "s1", "s2", "s3"]
"""Seen subjects, cameras and objects; unseen subjects; unseen cameras; unseen objects grasped."""
Split = Literal["train", "val", "test"]
SETUPS: tuple[Setup, ...] = get_args(Setup)
SPLITS: tuple[Split, ...] = get_args(Split)

SITE = "dex-ycb.github.io"
WIDTH, HEIGHT = 640, 480
SUBJECTS = (
    "20200709-subject-01", "20200813-subject-02", "20200820-subject-03", "20200903-subject-04",
    "20200908-subject-05", "20200918-subject-06", "20200928-subject-07", "20201002-subject-08",
    "20201015-subject-09", "20201022-subject-10",
)  # fmt: skip
SERIALS = (
    "836212060125", "839512060362", "840412060917", "841412060263",
    "932122060857", "932122060861", "932122061900", "932122062010",
)  # fmt: skip
SEQUENCES = 100
"""Of each subject."""
HAND = 255
"""Of seg: the hand's pixels."""
_SAME_PLACE_PX = 2.0


class Recording(NamedTuple):
    """A sequence, seen by all cameras."""

    name: str
    """SUBJECT/SEQUENCE."""
    side: Side
    shape: Float[np.ndarray, "10"]
    frames: int


class Labels(NamedTuple):
    """Of the hand of one frame; metres of the camera's frame, px."""

    joints_m: Float[np.ndarray, "21 3"]
    joints_px: Float[np.ndarray, "21 2"]
    pose: Float[np.ndarray, "51"]
    """Rotation, 45 coefficients, translation."""


def subjects_of(setup: Setup, split: Split) -> list[int]:
    """The subjects of a split by number; raises KnuckleError for names that are none."""
    for name, value, known in (("setup", setup, SETUPS), ("split", split, SPLITS)):
        if value not in known:
            raise KnuckleError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
    if setup == "s0":
        return {"train": list(range(10)), "val": [0, 1], "test": list(range(2, 10))}[split]
    if setup == "s1":
        return {"train": [0, 1, 2, 3, 4, 5, 9], "val": [6], "test": [7, 8]}[split]
    return list(range(10))


def serials_of(setup: Setup, split: Split) -> list[int]:
    """The cameras of a split by number."""
    if setup != "s2":
        return list(range(8))
    return {"train": list(range(6)), "val": [6], "test": [7]}[split]


def takes_sequence(setup: Setup, split: Split, number: int) -> bool:
    """Whether a split has the sequence of this number of its subjects: five in a row are of one object."""
    if setup == "s0":
        return (number % 5 == 4) == (split != "train")
    if setup == "s3":
        held_out = {"val": (3, 19), "test": (7, 11, 15)}
        place = number // 5
        if split == "train":
            return not any(place in places for places in held_out.values())
        return place in held_out[split]
    return True


def sequences_of(folder: Path, subject: str) -> list[str]:
    """SUBJECT/SEQUENCE of all sequences of a subject, in the order that splits go by; empty where the subject is not
    there."""
    if not (folder / subject).is_dir():
        return []
    return sorted(f"{subject}/{path.name}" for path in (folder / subject).iterdir() if path.is_dir())


def read_recording(folder: Path, name: str) -> Recording:
    """One sequence by its meta.yml and the calibration it names; raises KnuckleError saying what is wrong there."""
    path = folder / name / "meta.yml"
    meta = _mapping(path)
    sides, calibrations, frames = (meta.get(key) for key in ("mano_sides", "mano_calib", "num_frames"))
    if not isinstance(sides, list) or len(sides) != 1 or sides[0] not in SIDES:
        raise KnuckleError(f"{path}: mano_sides: expected one of {', '.join(SIDES)} in a list, got {sides!r}")
    if not isinstance(frames, int) or frames < 1:
        raise KnuckleError(f"{path}: num_frames: expected a count, got {frames!r}")
    if not isinstance(calibrations, list) or len(calibrations) != 1 or not _plain(str(calibrations[0])):
        raise KnuckleError(
            f"{path}: mano_calib: expected a calibration's name in a list, got {calibrations!r}"
        )
    calibration = folder / "calibration" / f"mano_{calibrations[0]}" / "mano.yml"
    shape = entry_numbers(_mapping(calibration), "betas", (10,), str(calibration))
    return Recording(name, sides[0], shape, frames)


def read_camera(folder: Path, serial: str) -> Camera:
    """A camera's lens; raises KnuckleError for a calibration that is missing or lacks it."""
    path = folder / "calibration" / "intrinsics" / f"{serial}_{WIDTH}x{HEIGHT}.yml"
    lens = _mapping(path).get("color")
    if not isinstance(lens, dict):
        raise KnuckleError(f"{path}: expected color with fx, fy, ppx and ppy, got {lens!r}")
    values = [lens.get(key) for key in ("fx", "fy", "ppx", "ppy")]
    fx, fy, cx, cy = entry_numbers({"color": values}, "color", (4,), str(path))
    return Camera(float(fx), float(fy), float(cx), float(cy), WIDTH, HEIGHT)


def picture_of(folder: Path, name: str, serial: str, frame: int) -> Path:
    """The colour picture of a frame."""
    return folder / name / serial / f"color_{frame:06d}.jpg"


def labels_of(folder: Path, name: str, serial: str, frame: int) -> Path:
    """The label file of a frame."""
    return folder / name / serial / f"labels_{frame:06d}.npz"


def read_labels(path: Path, camera: Camera) -> Labels | None:
    """The hand of a label file; None where it says that there is none.

    Raises KnuckleError for a file that is missing, damaged or of other arrays, and for joints that do not project to
    those in px, as those of another camera or convention do not.
    """
    shapes = {"joint_3d": (1, JOINT_COUNT, 3), "joint_2d": (1, JOINT_COUNT, 2), "pose_m": (1, 51)}
    arrays = read_npz(path, tuple(shapes))
    for key, shape in shapes.items():
        wanted = " x ".join(map(str, shape))
        if arrays[key].shape != shape or arrays[key].dtype.kind not in "fiu":
            raise KnuckleError(
                f"{path}: {key}: expected {wanted} numbers, got {arrays[key].dtype} {arrays[key].shape}"
            )
        if not np.isfinite(arrays[key]).all():
            raise KnuckleError(f"{path}: {key}: expected finite numbers, got NaN or infinity")
    joints_m, joints_px, pose = (arrays[key][0].astype(float) for key in shapes)
    if (joints_m == -1).all():
        return None
    if (joints_m[:, 2] <= 0).any():
        raise KnuckleError(f"{path}: joint_3d: expected joints before the camera, got joints behind it")
    apart = float(np.abs(camera.project(joints_m) - joints_px).max())
    if apart > _SAME_PLACE_PX:
        raise KnuckleError(
            f"{path}: joint_2d: expected the projection of joint_3d, got {apart:.1f} px from it"
        )
    return Labels(joints_m, joints_px, pose)


def hand_of(
    folder: Path, recording: Recording, serial: str, frame: int, camera: Camera, labels: Labels
) -> LabelledHand:
    """The labelled hand of a frame, its box tight around the joints; its mask is in the label file."""
    return LabelledHand(
        name=f"{recording.name}/{serial}/{frame:06d}",
        source="DexYCB",
        image=picture_of(folder, recording.name, serial, frame),
        side=recording.side,
        camera=camera,
        box_px=tight_box(labels.joints_px),
        joints_px=labels.joints_px,
        joints_m=labels.joints_m,
        mask=labels_of(folder, recording.name, serial, frame),
        mask_values=(HAND, HAND),
    )


def _plain(name: str) -> bool:
    """Whether a name stays in its folder."""
    return "/" not in name and "\\" not in name and name not in ("", ".", "..")


def _mapping(path: Path) -> dict[str, Any]:
    value = read_yaml(path)
    if not isinstance(value, dict):
        raise KnuckleError(f"{path}: expected keys with values, got {type(value).__name__}")
    return value
