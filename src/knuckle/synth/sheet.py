"""Contact sheets: crops with and without their labels."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.sets.samples import PairSample, Sample
from knuckle.skeleton import BONES
from knuckle.synth.pairs.sheet import draw_pair

_FINGER_COLOURS = ((255, 70, 70), (255, 190, 40), (70, 220, 90), (60, 170, 255), (210, 90, 255))
_ZOOM = 2


def draw_labels(sample: Sample | PairSample, *, zoom: int = _ZOOM) -> UInt8[np.ndarray, "h w 3"]:
    """The crop enlarged, with its bones, two hands' with their parts too; joints the camera does not see are
    hollow."""
    if isinstance(sample, PairSample):
        return draw_pair(sample, zoom=zoom)
    image = cv2.resize(sample.image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    if not sample.is_hand:
        return image
    points = ((sample.joints_px + 0.5) * zoom - 0.5) * 16
    corners = [(int(x), int(y)) for x, y in np.rint(points)]
    for bone, (a, b) in enumerate(BONES):
        cv2.line(image, corners[a], corners[b], _FINGER_COLOURS[bone // 4], 1, cv2.LINE_AA, 4)
    for joint, (corner, seen) in enumerate(zip(corners, sample.visible, strict=True)):
        colour = (255, 255, 255) if joint == 0 else _FINGER_COLOURS[(joint - 1) // 4]
        cv2.circle(image, corner, 16 * 3, colour, -1 if seen else 1, cv2.LINE_AA, 4)
    return image


def contact_sheet(
    samples: Sequence[Sample | PairSample], *, columns: int = 8, zoom: int = _ZOOM
) -> UInt8[np.ndarray, "h w 3"]:
    """Rows of crops, each row of plain crops above the same ones with their labels."""
    size = len(samples[0].image) * zoom
    blank = np.full((size, size, 3), 24, np.uint8)
    rows = []
    for start in range(0, len(samples), columns):
        row = samples[start : start + columns]
        plain = [cv2.resize(s.image, (size, size), interpolation=cv2.INTER_CUBIC) for s in row]
        drawn = [draw_labels(s, zoom=zoom) for s in row]
        for tiles in (plain, drawn):
            rows.append(np.hstack(tiles + [blank] * (columns - len(tiles))))
    return np.vstack(rows)


def check_sheet_path(path: Path) -> None:
    """Raises KnuckleError for a suffix that is no picture's, and for a folder that is not there."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise KnuckleError(f"sheet: expected a .png or .jpg file name, got {path.name!r}")
    if not path.parent.is_dir():
        raise KnuckleError(f"{path}: cannot be written, there is no folder {path.parent}")


def write_sheet(path: Path, samples: Sequence[Sample | PairSample], *, columns: int = 8) -> None:
    """Write a contact sheet as PNG or JPEG; raises KnuckleError for another suffix or an unwritable path."""
    check_sheet_path(path)
    image = cv2.cvtColor(contact_sheet(samples, columns=columns), cv2.COLOR_RGB2BGR)
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    try:
        written = cv2.imwrite(str(temporary), image)
    except cv2.error:
        written = False
    if not written:
        raise KnuckleError(f"{path}: cannot be written")
    temporary.replace(path)
