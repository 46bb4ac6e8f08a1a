"""Pictures with labelled hands, kept as JPEG bytes and decoded at the size that is needed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError

UNKNOWN = -1.0
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

Split = Literal["train", "val"]


@dataclass(frozen=True, eq=False)
class LabelledHand:
    """One hand of a picture, px of it, pixel edges."""

    corners: Float[np.ndarray, "n 2"]
    """Points whose extent is the hand's: its 21 joints, or the corners of its box."""
    right: float
    """1 for a right hand, 0 for a left one, `UNKNOWN`."""
    ignored: bool = False
    """Whether it is there but shall neither be found nor missed."""

    @property
    def has_joints(self) -> bool:
        """Whether `corners` are the joints."""
        return len(self.corners) == 21


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A picture with its hands."""

    data: bytes
    """As the file holds it."""
    width: int
    height: int
    hands: tuple[LabelledHand, ...]
    complete: bool = True
    """Whether every hand is labelled."""
    kind: str = ""
    """Which source it is of."""
    name: str = field(default="", compare=False)

    def pixels(self, scale: float) -> tuple[UInt8[np.ndarray, "h w 3"], float]:
        """RGB, reduced as far as it may be for what shows it `scale` times as large, and by how much it is reduced."""
        reduction = next(step for step in (8, 4, 2, 1) if step == 1 or scale * step <= 0.75)
        return cv2.cvtColor(_decoded(self.data, _REDUCED[reduction], self.name), cv2.COLOR_BGR2RGB), float(
            reduction
        )


def read_pictures(
    index: Path, root: Path, *, split: Split | None = None, skip: int = 0, most: int | None = None
) -> Iterator[LabelledPicture]:
    """The pictures of an index: a line each, with `file` below root, `width`, `height` and `boxes` (`xywh`, `hand`,
    and where they are known `joints_px` and `ignore`); `boxes_complete` false where hands lack boxes.

    split: only those of it. skip, most: how many lines to leave out at the start, and to read after them. Raises
    KnuckleError naming the file and line that is not so.
    """
    lines = _lines(index)[skip:]
    for number, line in enumerate(lines[:most], start=skip + 1):
        try:
            row = json.loads(line)
            if split is not None and row.get("split", "train") != split:
                continue
            hands = tuple(_hand(box) for box in row["boxes"])
            size, file = (int(row["width"]), int(row["height"])), root / str(row["file"])
        except (ValueError, KeyError, TypeError) as error:
            raise KnuckleError(
                f"{index}: line {number}: expected a picture with its boxes, got {error!r}"
            ) from error
        try:
            data = file.read_bytes()
        except OSError as error:
            raise KnuckleError(f"{file}: expected a picture of {index}, got {error.strerror}") from error
        complete = bool(row.get("boxes_complete", True))
        yield LabelledPicture(data, *size, hands, complete, str(row.get("source", "")), str(row["file"]))


def read_empty_pictures(folder: Path) -> Iterator[LabelledPicture]:
    """Pictures without hands of a folder like data/backgrounds: the crops of index.jsonl, and the patches of
    no_hand.jsonl that photographs of the training split gave."""
    for name in ("index.jsonl", "no_hand.jsonl"):
        for line in _lines(folder / name):
            row = json.loads(line)
            if row.get("detection_split", "train") != "train":
                continue
            data = (folder / row["file"]).read_bytes()
            height, width = _decoded(data, cv2.IMREAD_GRAYSCALE, row["file"]).shape
            yield LabelledPicture(data, width, height, (), kind=name.removesuffix(".jsonl"), name=row["file"])


def _decoded(data: bytes, flags: int, name: str) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise KnuckleError(f"{name}: expected a picture to train on, got a damaged file")
    return image


def _lines(index: Path) -> list[str]:
    try:
        text = index.read_text()
    except OSError as error:
        raise KnuckleError(f"{index}: expected an index of pictures, got {error.strerror}") from error
    lines = text.splitlines()
    # A line that is still being written.
    return lines if text.endswith("\n") else lines[:-1]


def _hand(box: dict[str, Any]) -> LabelledHand:
    x, y, w, h = (float(value) for value in box["xywh"])
    joints = box.get("joints_px")
    if joints is None:
        corners = np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]])
    else:
        corners = np.array(joints, float).reshape(21, 2)
    right = {"right": 1.0, "left": 0.0}.get(box["hand"], UNKNOWN)
    return LabelledHand(corners, right, bool(box.get("ignore", False)))
