"""EgoDexter (Mueller et al. 2017): a left hand from its owner's view, 640 x 480 px, fingertips alone. To score on.

    data/{Desk,Fruits,Kitchen,Rotunda}/color/image_%05d_color.png
    data/SEQUENCE/annotation.txt         a line a picture: five of "u,v;" px of the depth image, -1,-1 where missing
    data/SEQUENCE/annotation.txt_3D.txt  a line a picture: five of "x,y,z;" mm, depth camera; 0,0,0 where missing
    data/SEQUENCE/my_annotation.txt_3D.txt   others' corrections (Minimal-Hand), an empty field where a label is wrong
    data/SEQUENCE/{depth,color_on_depth} not read

Tips are of thumb, index, middle, ring and little finger. Line n is of the n-th picture by name. Points of the depth
camera are taken into the colour camera, and metres, here.

Cameras, order and formats are those of published readers, not seen on the data.
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.labelled import LabelledHand
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_CLASSES, JOINT_COUNT

SEQUENCES = ("Desk", "Fruits", "Kitchen", "Rotunda")
ANNOTATED = 1_485
"""Pictures with tips, as published."""
LABELS_3D, LABELS_2D, CORRECTED = "annotation.txt_3D.txt", "annotation.txt", "my_annotation.txt_3D.txt"
SITE = "handtracker.mpi-inf.mpg.de/projects/OccludedHands/EgoDexter.htm"
CAMERA = Camera(617.173, 617.173, 315.453, 242.259, 640, 480)
DEPTH_CAMERA = Camera(475.62, 475.62, 311.125, 245.965, 640, 480)
COLOUR_FROM_DEPTH = np.array(
    [
        [1.0000, 0.00090442, -0.0074, 20.2365],
        [-0.00071933, 0.9997, 0.0248, 1.2846],
        [0.0075, -0.0248, 0.9997, 5.7360],
    ]
)
"""Rotation and translation, mm."""
TIPS = JOINT_CLASSES["T"]
BOX_M = 0.24
"""Side of the box at the tips' depth: no box is published, and a hand's tips do not span it. A choice of ours, in which
the whole hand lies whatever way it points."""
_MM = 1e-3


def top_folder(folder: Path) -> Path:
    """The folder with the sequences: the given one, or data in it."""
    inner = folder / "data"
    return inner if inner.is_dir() else folder


def is_egodexter(folder: Path) -> bool:
    """Whether a folder holds the tips of a sequence."""
    return any((top_folder(folder) / sequence / LABELS_3D).is_file() for sequence in SEQUENCES)


def pictures_of(folder: Path, sequence: str) -> list[Path]:
    """The colour pictures of a sequence by name. folder: of the sequences."""
    return sorted((folder / sequence / "color").glob("*.png"))


def read_points(path: Path, last: int) -> Float[np.ndarray, "n 5 last"]:
    """A label file's lines as they are, NaN where a tip is not labelled.

    last: 2 for px, 3 for mm. Raises KnuckleError naming file and line of what cannot be read.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected tips, a line a picture, got {error}") from error
    rows = [
        _line(line, last, f"{path}: line {number}") for number, line in enumerate(lines, 1) if line.strip()
    ]
    points = np.array(rows, dtype=float).reshape(-1, 5, last)
    missing = (points == -1).all(-1) if last == 2 else (points == 0).all(-1)
    points[missing] = np.nan
    return points


def to_colour(tips_mm: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Points of the depth camera, mm, in the colour camera, metres."""
    return (tips_mm @ COLOUR_FROM_DEPTH[:, :3].T + COLOUR_FROM_DEPTH[:, 3]) * _MM


def read_egodexter(
    folder: Path, *, corrected: bool = False, limit: int | None = None, sequences: tuple[str, ...] = SEQUENCES
) -> list[LabelledHand]:
    """The pictures with a tip or more, by sequence; joints other than tips are NaN.

    corrected: others' corrections (`my_annotation.txt_3D.txt`) in place of the published labels. Raises KnuckleError
    for a sequence or file that is missing, and for lines and pictures that are not equally many.
    """
    top = top_folder(folder)
    hands: list[LabelledHand] = []
    for sequence in sequences:
        hands += _sequence(top, sequence, CORRECTED if corrected else LABELS_3D)
    return hands[:limit]


def _sequence(top: Path, sequence: str, name: str) -> list[LabelledHand]:
    pictures, path = pictures_of(top, sequence), top / sequence / name
    if not path.is_file():
        raise KnuckleError(f"{path}: expected tips of EgoDexter ({SITE}), got no such file")
    tips_mm = read_points(path, 3)
    if len(pictures) != len(tips_mm):
        raise KnuckleError(
            f"{path}: expected a line a picture, got {len(tips_mm)} lines for {len(pictures)} pictures of "
            f"{sequence}/color"
        )
    hands = []
    for number, (picture, tips_m) in enumerate(zip(pictures, to_colour(tips_mm), strict=True), 1):
        known = np.isfinite(tips_m).all(-1)
        if not known.any():
            continue
        if (tips_m[known, 2] <= 0).any():
            raise KnuckleError(f"{path}: line {number}: expected tips before the camera, got z <= 0")
        joints_m = np.full((JOINT_COUNT, 3), np.nan)
        joints_m[list(TIPS)] = tips_m
        joints_px = CAMERA.project(joints_m)
        digits = re.search(r"\d+", picture.stem)
        label = f"{sequence}/{digits[0] if digits else picture.stem}"
        hands.append(
            LabelledHand(
                label, "EgoDexter", picture, "left", CAMERA, _box(tips_m[known]), joints_px, joints_m
            )
        )
    return hands


def _box(tips_m: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "4"]:
    """x, y, w, h px: a square round the tips' middle, made larger where they reach beyond."""
    tips_px = CAMERA.project(tips_m)
    middle, half = tips_px.mean(0), BOX_M / 2 * CAMERA.fx / tips_m[:, 2].mean()
    low, high = np.minimum(tips_px.min(0), middle - half), np.maximum(tips_px.max(0), middle + half)
    return np.concatenate([low, high - low])


def _line(line: str, last: int, where: str) -> list[list[float]]:
    fields = [field.strip() for field in line.split(";")]
    # Every tip ends with a semicolon; corrections leave a field empty.
    fields = fields[:-1] if line.rstrip().endswith(";") else fields
    if len(fields) != 5:
        raise KnuckleError(f"{where}: expected five tips, each ending with ;, got {len(fields)}")
    points = []
    for field in fields:
        values = [value.strip() for value in field.split(",")] if field else []
        if not any(values):
            points.append([float("nan")] * last)
            continue
        try:
            point = [float(value) for value in values]
        except ValueError:
            raise KnuckleError(f"{where}: expected {last} numbers a tip, got {field!r}") from None
        if len(point) != last or not np.isfinite(point).all():
            raise KnuckleError(f"{where}: expected {last} finite numbers a tip, got {field!r}")
        points.append(point)
    return points
