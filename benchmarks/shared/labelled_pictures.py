"""Pictures with the boxes of their hands, to measure hand detectors on: photographs, mosaics of them, pictures without
hands and rendered scenes.

Photographs lie in the folder that KNUCKLE_DATA names, with their index `boxes.jsonl`; a folder of rendered scenes has
an index of the same form.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.photos.reading import read_image

GRIDS = (2, 3, 4, 5, 6)
MOSAIC_SEED = 20262
MOSAIC_PX = 1024
"""Of a mosaic's longer side at most; no photograph is enlarged."""


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A picture and its N hands."""

    read: Callable[[], UInt8[np.ndarray, "H W 3"]]
    boxes_px: Float[np.ndarray, "N 4"]
    """x, y, w, h px."""
    sides: tuple[str | None, ...]
    """"left", "right", or None where nobody is sure."""
    ignored: Bool[np.ndarray, "N"]
    """Hands that are too hidden to be asked for: it counts neither for nor against a detector to find them."""
    complete: bool = True
    """Whether all its hands are labelled."""


def read_index(folder: Path, **wanted: str) -> list[dict]:
    """The lines of a folder's `boxes.jsonl` whose keys have the values wanted."""
    lines = (json.loads(line) for line in (folder / "boxes.jsonl").read_text().splitlines())
    return [line for line in lines if all(line[key] == value for key, value in wanted.items())]


def photographs(folder: Path, rows: Sequence[dict]) -> Iterator[LabelledPicture]:
    """The pictures of some lines of a folder's index."""
    for row in rows:
        yield _labelled(
            lambda row=row: read_image(folder / row["file"]), row["boxes"], row.get("boxes_complete", True)
        )


def enlarged(folder: Path, rows: Sequence[dict], width: int, height: int) -> Iterator[LabelledPicture]:
    """Photographs at another size: to time detectors at the size of a usual picture."""
    for row in rows:
        scale = np.tile([width / row["width"], height / row["height"]], 2)
        boxes = [{**box, "xywh": (scale * box["xywh"]).tolist()} for box in row["boxes"]]

        def read(row: dict = row) -> UInt8[np.ndarray, "H W 3"]:
            return cv2.resize(read_image(folder / row["file"]), (width, height))

        yield _labelled(read, boxes, row["boxes_complete"])


def mosaics(folder: Path, rows: Sequence[dict], grid: int, count: int) -> Iterator[LabelledPicture]:
    """Photographs side by side in a square grid, drawn by a seed of their own: the hands of real pictures, small."""
    for number in range(count):
        rng = np.random.default_rng([MOSAIC_SEED, grid, number])
        chosen = [rows[i] for i in rng.choice(len(rows), grid * grid, replace=len(rows) < grid * grid)]
        yield _mosaic(folder, chosen, grid)


def hand_free(folder: Path) -> list[LabelledPicture]:
    """Patches of photographs without a hand that trained nothing: `backgrounds/no_hand.jsonl` but its train split."""
    lines = (json.loads(line) for line in (folder / "no_hand.jsonl").read_text().splitlines())
    return [
        _labelled(lambda line=line: read_image(folder / line["file"]), [], True)
        for line in lines
        if line["detection_split"] != "train"
    ]


def _labelled(read: Callable[[], np.ndarray], boxes: Sequence[dict], complete: bool) -> LabelledPicture:
    return LabelledPicture(
        read,
        np.array([box["xywh"] for box in boxes], dtype=float).reshape(-1, 4),
        tuple(box.get("hand") for box in boxes),
        np.array([bool(box.get("ignore", False)) for box in boxes], dtype=bool),
        complete,
    )


def _mosaic(folder: Path, rows: Sequence[dict], grid: int) -> LabelledPicture:
    width, height = rows[0]["width"], rows[0]["height"]
    ratio = min(1.0, MOSAIC_PX / grid / max(width, height))
    cell = np.array([round(width * ratio), round(height * ratio)])
    boxes = []
    for number, row in enumerate(rows):
        corner = cell * [number % grid, number // grid]
        scale = cell / [row["width"], row["height"]]
        for box in row["boxes"]:
            x, y, w, h = box["xywh"]
            xywh = [*(corner + scale * [x, y]), *(scale * [w, h])]
            boxes.append({"xywh": xywh, "hand": box["hand"]})

    def read() -> UInt8[np.ndarray, "H W 3"]:
        size = (int(cell[0]), int(cell[1]))
        photos = [
            cv2.resize(read_image(folder / row["file"]), size, interpolation=cv2.INTER_AREA) for row in rows
        ]
        return np.vstack([np.hstack(photos[start : start + grid]) for start in range(0, len(photos), grid)])

    return _labelled(read, boxes, all(row["boxes_complete"] for row in rows))
