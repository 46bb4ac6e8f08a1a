"""RGB2Hands' benchmark (Wang et al. 2020): two hands before one RGB-D camera, joints in the colour picture. To score
on.

    color_intrinsics.txt        fx fy cx cy of the colour camera
    SEQUENCE/color/NNNN_color.png
    SEQUENCE/annotation/annot2D_color/NNNN_color2.5D.txt   a line a joint: u, v, and two more numbers; 0 0 where missing
    SEQUENCE/depth, depth_intrinsics.txt, extrinsics.txt   not read
    joint_order.txt             not of the data set: what each line is, "left wrist", "right index_tip", - for none

The sequences lie in the folder itself or in data. Only u and v are read: no joint is known in 3D.

Layout and formats are those of published readers, not seen on the data. None of them says which joint a line is of.
With 42 lines the left hand's 21 joints and then the right one's, in the common order, are assumed; with another number
joint_order.txt must say. The preview shows whether it is right.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.datasets.label_numbers import checked_numbers
from knuckle.datasets.photos import check_size, read_rgb
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.skeleton import HAND_SIDES, JOINT_COUNT, JOINT_NAMES, SIDES

SEQUENCES = ("seq01_crossed", "seq02_occlusion", "seq03_shuffle", "seq04_scratch")
INTRINSICS, ORDER = "color_intrinsics.txt", "joint_order.txt"
LABELS = "annotation/annot2D_color"
SITE = "handtracker.mpi-inf.mpg.de/projects/RGB2Hands"
LEAST_LABELLED = 4
"""A hand with fewer joints in a picture does not count: they do not say where it is. A choice of ours."""

Order = list[tuple[int, int] | None]
"""Hand and joint of each line; None for a line that is not read."""
ASSUMED: Order = [(HAND_SIDES.index(side), joint) for side in SIDES for joint in range(JOINT_COUNT)]


@dataclass(frozen=True, eq=False)
class Rgb2HandsFrame:
    """A picture with its labels, the right hand first."""

    name: str
    image: Path
    camera: Camera
    joints_px: Float[np.ndarray, "2 21 2"]
    """px of the picture; NaN where not labelled."""
    is_hand: Bool[np.ndarray, "2"]
    """Which hands have joints enough."""

    def read(self) -> UInt8[np.ndarray, "H W 3"]:
        """The picture, RGB; raises KnuckleError if it is missing, damaged or of another size than the first."""
        picture = read_rgb(self.image)
        check_size(picture, (self.camera.width, self.camera.height), self.image)
        return picture


def sequence_folders(folder: Path) -> list[Path]:
    """Where the sequences that are there lie."""
    tops = (folder, folder / "data")
    top = next((top for top in tops if any((top / name).is_dir() for name in SEQUENCES)), folder)
    return [top / name for name in SEQUENCES if (top / name).is_dir()]


def is_rgb2hands(folder: Path) -> bool:
    """Whether a folder holds labels of a sequence."""
    return any((sequence / LABELS).is_dir() for sequence in sequence_folders(folder))


def read_camera(folder: Path) -> Camera:
    """The colour camera; the size is that of the first picture. Raises KnuckleError where either is missing or
    damaged."""
    path = next(
        (p for p in (folder / INTRINSICS, folder / "data" / INTRINSICS) if p.is_file()), folder / INTRINSICS
    )
    try:
        words = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected fx fy cx cy of RGB2Hands ({SITE}), got {error}") from error
    fx, fy, cx, cy = checked_numbers(words, (4,), str(path)).tolist()
    for sequence in sequence_folders(folder):
        for picture in sorted((sequence / "color").glob("*.png")):
            height, width = read_rgb(picture).shape[:2]
            return Camera(fx, fy, cx, cy, width, height)
    raise KnuckleError(f"{folder}: expected pictures SEQUENCE/color/NNNN_color.png of RGB2Hands, got none")


def read_order(folder: Path) -> tuple[Order, bool]:
    """What each line of the label files is of, and whether that is only assumed. Raises KnuckleError for a line of
    joint_order.txt that names no joint, or one twice."""
    path = folder / ORDER
    if not path.is_file():
        return ASSUMED, True
    try:
        lines = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KnuckleError(f'{path}: expected lines of "SIDE JOINT", got {error}') from error
    order: Order = []
    for number, line in enumerate(lines, 1):
        side, _, joint = line.strip().partition(" ")
        if not side:
            continue
        known = side in SIDES and joint in JOINT_NAMES
        entry = (HAND_SIDES.index(side), JOINT_NAMES.index(joint)) if known else None  # pyright: ignore[reportArgumentType]
        if (not known and line.strip() != "-") or (entry is not None and entry in order):
            raise KnuckleError(
                f'{path}: line {number}: expected "SIDE JOINT" (as "left index_tip"), each once, or -, got {line!r}'
            )
        order.append(entry)
    return order, False


def label_files(sequence: Path) -> list[Path]:
    """The label files of a sequence by name."""
    return sorted((sequence / LABELS).glob("*_color2.5D.txt"))


def picture_of(label: Path) -> Path:
    """The picture that a label file is of."""
    return label.parents[2] / "color" / label.name.replace("_color2.5D.txt", "_color.png")


def read_labels(path: Path, order: Order) -> Float[np.ndarray, "2 21 2"]:
    """The joints of a label file, px, the right hand first, NaN for those that are not labelled.

    Raises KnuckleError naming the file and line of what cannot be read, and for a number of lines without an order.
    """
    try:
        rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected a line a joint, got {error}") from error
    if len(rows) != len(order):
        raise KnuckleError(
            f"{path}: expected {len(order)} lines, got {len(rows)}; write {ORDER} beside the sequences to say what each"
            " line is of"
        )
    joints = np.full((2, JOINT_COUNT, 2), np.nan)
    for number, (row, place) in enumerate(zip(rows, order, strict=True), 1):
        u, v = checked_numbers(row[:2], (2,), f"{path}: line {number}").tolist()
        if place is not None and (u, v) != (0, 0):
            joints[place] = u, v
    return joints


def read_frame(label: Path, order: Order, camera: Camera) -> Rgb2HandsFrame:
    """The labels of a file with what they are of. Raises KnuckleError as `read_labels`."""
    joints_px = read_labels(label, order)
    enough = np.isfinite(joints_px).all(-1).sum(-1) >= LEAST_LABELLED
    name = f"{label.parents[2].name}/{label.name.partition('_')[0]}"
    return Rgb2HandsFrame(name, picture_of(label), camera, joints_px, enough)


def read_rgb2hands(folder: Path, *, limit: int | None = None) -> list[Rgb2HandsFrame]:
    """The pictures with a labelled hand, by sequence. Raises KnuckleError naming what is missing or damaged."""
    labels = [label for sequence in sequence_folders(folder) for label in label_files(sequence)]
    if not labels:
        raise KnuckleError(f"{folder}: expected RGB2Hands ({SITE}) with SEQUENCE/{LABELS}, got none")
    camera, (order, _) = read_camera(folder), read_order(folder)
    frames = (read_frame(label, order, camera) for label in labels)
    return [frame for frame in frames if frame.is_hand.any()][:limit]
