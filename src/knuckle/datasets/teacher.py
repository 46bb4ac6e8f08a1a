"""Reader of photographs that a teacher labelled: `labels.jsonl`, one object a hand.

Keys read: file (a square crop of a photograph, relative to the folder), source, licence, tier, aspect_stretched, size
(side of the crop, px), orig_size (width, height of the photograph), crop_affine (2 x 3: crop px from photograph px,
0 being the outer edge of the first pixel in both), hand (the side shown), joints_2d_px (21 x 2, crop px) and
joints_3d_m (21 x 3, metres, centred on the hand, axes x right, y down, z away). Joints are in the common order.

Hands of tier B, and those of photographs whose aspect was not kept, are for measuring and left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.datasets.label_numbers import entry_numbers
from knuckle.errors import KnuckleError
from knuckle.files import parse_json
from knuckle.geometry.camera import Camera
from knuckle.skeleton import JOINT_COUNT, SIDES, Side

LABELS = "labels.jsonl"
_KINDS: dict[str, type] = {
    "file": str,
    "source": str,
    "licence": str,
    "tier": str,
    "aspect_stretched": bool,
    "size": int,
    "orig_size": list,
    "crop_affine": list,
    "hand": str,
    "joints_2d_px": list,
    "joints_3d_m": list,
}
_FOCAL_OVER_DIAGONAL = 1.2
"""Of the whole photograph: about that of a phone or a webcam; nobody measured it."""


@dataclass(frozen=True, eq=False)
class TeacherHand:
    """One hand as the teacher saw it.

    The frame is the stored crop: camera, side and joints_px are those of it, pixel centres at integers. joints_m:
    centred on the hand, in the camera's axes, of the size of a general hand.
    """

    image: Path
    source: str
    licence: str
    side: Side
    camera: Camera
    joints_px: Float[np.ndarray, "21 2"]
    joints_m: Float[np.ndarray, "21 3"]


def read_teacher(folder: Path) -> list[TeacherHand]:
    """The hands that may be trained on, in the order of the file; pictures are read later.

    Raises KnuckleError naming the line and the key that is missing or malformed, or the picture that is not there.
    """
    path = folder / LABELS
    hands = [
        _hand(row, folder, where)
        for where, row in _rows(path)
        if row["tier"] == "A" and not row["aspect_stretched"]
    ]
    if not hands:
        raise KnuckleError(f"{path}: expected hands of tier A, got none")
    return hands


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected a label file, got {error}") from error
    for number, line in enumerate(lines, start=1):
        where = f"{path}: line {number}"
        try:
            row = parse_json(line)
        except ValueError as error:
            raise KnuckleError(f"{where}: expected a JSON object, got {error}") from error
        if not isinstance(row, dict):
            raise KnuckleError(f"{where}: expected a JSON object, got a {type(row).__name__}")
        if missing := [key for key in _KINDS if key not in row]:
            raise KnuckleError(f"{where}: expected a hand, missing {', '.join(missing)}")
        for key, kind in _KINDS.items():
            if type(row[key]) is not kind:
                raise KnuckleError(f"{where}: {key}: expected {kind.__name__}, got {row[key]!r}")
        if row["tier"] not in ("A", "B"):
            raise KnuckleError(f'{where}: tier: expected "A" or "B", got {row["tier"]!r}')
        yield where, row


def _hand(row: dict[str, Any], folder: Path, where: str) -> TeacherHand:
    image = folder / row["file"]
    if not image.is_file():
        raise KnuckleError(f"{where}: expected the picture {image}, got no such file")
    if row["hand"] not in SIDES:
        raise KnuckleError(f'{where}: hand: expected "left" or "right", got {row["hand"]!r}')
    return TeacherHand(
        image=image,
        source=row["source"],
        licence=row["licence"],
        side=row["hand"],
        camera=_camera(row, where),
        # The file counts from the edge of the first pixel, we from its centre.
        joints_px=entry_numbers(row, "joints_2d_px", (JOINT_COUNT, 2), where) - 0.5,
        joints_m=entry_numbers(row, "joints_3d_m", (JOINT_COUNT, 3), where),
    )


def _camera(row: dict[str, Any], where: str) -> Camera:
    """The photograph's assumed camera, as the crop shows it."""
    size, affine = row["size"], entry_numbers(row, "crop_affine", (2, 3), where)
    photograph = entry_numbers(row, "orig_size", (2,), where)
    scale = affine[0, 0]
    if size < 1 or (photograph < 1).any():
        raise KnuckleError(f"{where}: expected size and orig_size of 1 px and more, got {size}, {photograph}")
    if scale <= 0 or not np.allclose(affine[:, :2], scale * np.eye(2), rtol=0, atol=1e-6 * scale):
        raise KnuckleError(f"{where}: crop_affine: expected one scale and a shift, got {row['crop_affine']}")
    focal = _FOCAL_OVER_DIAGONAL * scale * float(np.hypot(*photograph))
    u, v = scale * photograph / 2 + affine[:, 2] - 0.5
    return Camera(focal, focal, float(u), float(v), size, size, assumed=True)
