"""Places of hands by our own detector: whole hands with side and turn, in one pass over a window of any shape.

The network is `knuckle.models.hand_boxes`, trained by `knuckle train recipes/hand-boxes.toml`.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.cells import FoundBoxes, grid_cells, read_cells
from knuckle.geometry.crop import turn_of_px
from knuckle.inference.detection.landmarks import DETECTOR_FOLDER, TurnedSquare
from knuckle.inference.detection.proposals import Proposals, Window
from knuckle.inference.detection.search import Effort, ProposalName
from knuckle.inference.detection.windows import MULTIPLE_PX, show_window
from knuckle.inference.onnx_model import open_session
from knuckle.weights import checked_bytes

RECORD = DETECTOR_FOLDER / "hand_boxes.json"
SMALL_PX = 48.0
LOOK_SCORE, LEAST_SCORE = 0.35, 0.05
"""Of a place that is worth a look, and of one that is told of."""
HINTS = 5.0
FAST, COARSE = 0.75, 0.6
"""Size of the whole picture in a fast search, and of a second view of it in a thorough one, over what it was made
for."""
SAME_IOU = 0.5
"""Of two places that overlap by more, the better one is told of."""
SIDE_OF_DIAGONAL, SHIFT = 1.35, 0.035
"""From the extent of a usual hand's joints to the square that `joints_to_square` gives: its side over the extent's
diagonal, and how far its middle lies nearer the wrist, over its side. Medians of 2,300 hands (photographs of the
training split), half of them turned; two thirds of the sides lie within 11 %."""


class HandBoxNetwork:
    """Our detector as a `ProposalNetwork`, which any number of threads may ask at once.

    Pictures are RGB as the camera saw them, not mirrored.

    Args:
        record: of the network, as `knuckle.export.hand_boxes` writes it; by default the package's own.
        threads: of one run, as `knuckle.inference.onnx_model` has it.

    Raises KnuckleError when record or network are missing, damaged or exchanged.
    """

    name: ProposalName = "hand_boxes"
    small_px = SMALL_PX
    look_score, hints = LOOK_SCORE, HINTS

    def __init__(self, *, record: Path = RECORD, threads: int | None = None) -> None:
        file, sha256, self.input_px = _read_record(record)
        self.tile_px = 2 * self.input_px
        small_px, coarse_px = (
            MULTIPLE_PX * round(share * self.input_px / MULTIPLE_PX) for share in (FAST, COARSE)
        )
        self.whole_px: Mapping[Effort, tuple[int, ...]] = {
            "fast": (small_px,),
            "normal": (self.input_px,),
            "thorough": (self.input_px, coarse_px),
        }
        self._session = open_session(checked_bytes(file, sha256), name=file, threads=threads)
        given = [value.name for value in self._session.get_outputs()]
        if given != ["cells"]:
            raise KnuckleError(f"{file}: expected a hand detector with the output cells, got {given}")

    def propose(
        self, image: UInt8[np.ndarray, "H W 3"], window: Window, /, *, input_px: int | None = None
    ) -> Proposals:
        """Hands that it sees in a window, best first, with their sides."""
        shown = show_window(image, window, input_px or self.input_px)
        found = self.find(shown.picture)
        sizes = found.boxes[:, 2:] * shown.scale
        corners = shown.to_picture(found.boxes[:, :2])
        boxes = np.concatenate([corners, sizes], 1)
        squares = tuple(
            box_to_square(box, float(roll)) for box, roll in zip(boxes, found.roll_rad, strict=True)
        )
        return Proposals(boxes, squares, found.scores, found.right)

    def find(self, picture: UInt8[np.ndarray, "h w 3"]) -> FoundBoxes:
        """Hands in a picture whose sides are multiples of 32, shown as it is."""
        raw = self._session.run(("cells",), {"picture": picture[None]})[0][0]
        return read_cells(raw, _cells(*picture.shape[:2]), threshold=LEAST_SCORE, iou_threshold=SAME_IOU)


@lru_cache(maxsize=32)
def _cells(height: int, width: int) -> Float[np.ndarray, "N 3"]:
    return grid_cells(height, width)


def box_to_square(box_px: Float[np.ndarray, "4"], roll_rad: float) -> TurnedSquare:
    """The square of a usual hand whose joints have this extent (x, y, w, h), turned clockwise by `roll_rad`."""
    side = SIDE_OF_DIAGONAL * float(np.hypot(*box_px[2:]))
    to_wrist = turn_of_px(roll_rad) @ [0.0, SHIFT * side]
    x, y = box_px[:2] + box_px[2:] / 2 + to_wrist
    return TurnedSquare((float(x), float(y)), side, roll_rad)


def _read_record(path: Path) -> tuple[Path, str, int]:
    """The network's file, its sha256 and the size it is shown."""
    try:
        record: Any = json.loads(path.read_text())
        return path.with_name(str(record["file"])), str(record["sha256"]), int(record["input_px"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(
            f"{path}: expected the record of a hand detector (JSON with file, sha256 and input_px), got {error!r}"
        ) from error
