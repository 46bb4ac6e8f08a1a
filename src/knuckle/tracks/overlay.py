"""The overlay video: hands drawn over the frames, written in parts that are joined at the end."""

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.inference.picture import in_picture_of
from knuckle.tracks.journal import EVERY
from knuckle.video.frame import Frame, VideoInfo
from knuckle.video.writer import PartsWriter, join_parts, part_path
from knuckle.view.overlay import draw_hands
from knuckle.view.quick_mesh import draw_quick_meshes

LARGEST_SIDE = 1920
"""Of the overlay, px: larger frames are reduced, since encoding 8K takes longer than all else."""
ASSUMED_RATE = 25.0


class Overlay:
    """Writes parts of `EVERY` frames into a folder; a part depends on its own frames alone.

    Args:
        folder: of the parts.
        info: of the video.
        first: number of the part that comes next; later ones of an earlier run are removed.
        last_ms: time of the last frame before it.
    """

    def __init__(self, folder: Path, info: VideoInfo, *, first: int, last_ms: int) -> None:
        shrink = min(1.0, LARGEST_SIDE / max(info.width, info.height))
        self._size = max(1, round(info.width * shrink)), max(1, round(info.height * shrink))
        self._folder = folder
        self.last_ms = last_ms
        number = first
        while (left := part_path(folder, number)).exists():
            left.unlink()
            number += 1
        rate = info.rate or ASSUMED_RATE
        self._parts = PartsWriter(folder, size=self._size, rate=rate, frames=EVERY, first=first)

    def draw(self, frame: Frame, hands: Hands) -> UInt8[np.ndarray, "h w 3"]:
        """The picture of a frame, in the video's size."""
        return draw_frame(frame.image, hands, self._size)

    def write(self, picture: UInt8[np.ndarray, "h w 3"], time_s: float) -> None:
        """Append a picture. Raises KnuckleError where it cannot be written."""
        # Frames less than a millisecond apart would have one time in the file.
        self.last_ms = max(round(1000 * time_s), self.last_ms + 1)
        self._parts.write(picture, self.last_ms / 1000)

    def close(self) -> None:
        """Complete the part at hand."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An error that ends the block is not to be hidden by what follows from it.
        with suppress(*([KnuckleError] if error is not None else [])):
            self.close()

    def join(self, path: Path) -> None:
        """Join all parts there are into one file."""
        parts = [part_path(self._folder, number) for number in range(self._parts.number)]
        if parts:
            join_parts(parts, path)


def draw_frame(
    image: UInt8[np.ndarray, "H W 3"], hands: Hands, size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Hands over a copy of a frame: meshes, skeletons, and labels with their identities. size: width, height px."""
    if image.shape[1::-1] == size:
        image = image.copy()
    else:
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        hands = in_picture_of(hands, hands.camera.resized(*size))
    draw_quick_meshes(image, hands)
    return draw_hands(image, hands, mesh=False)
