"""The pictures that a camera is calibrated with: photos, and frames out of videos."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.photos.reading import read_photo

VIDEOS = frozenset({".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".mpg", ".mpeg"})
"""Suffixes of the files that are taken for videos."""
FRAMES = 24
"""Frames that are looked at of a video, spread over it."""


class Seen(NamedTuple):
    """A picture in the size at which it was read."""

    name: str
    pixels: UInt8[np.ndarray, "H W 3"]
    size: tuple[int, int]
    """Width and height of the file's picture, px."""


def read_pictures(paths: Sequence[Path]) -> Iterator[Seen]:
    """Each photo, and the frames of each video. Raises KnuckleError for a file that is neither."""
    for path in paths:
        if path.suffix.lower() in VIDEOS:
            yield from _frames(path)
        else:
            photo = read_photo(path)
            yield Seen(str(path), photo.pixels, (photo.width, photo.height))


def _frames(path: Path) -> Iterator[Seen]:
    if not path.is_file():
        raise KnuckleError(f"{path}: expected a video, but there is no such file")
    capture = cv2.VideoCapture(str(path))
    try:
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        step, number, given = max(count // FRAMES, 1), 0, 0
        # Read in turn: not every file can be entered anywhere.
        while given < FRAMES and capture.grab():
            if number % step == step // 2:
                done, frame = capture.retrieve()
                if done:
                    given += 1
                    pixels = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                    yield Seen(f"{path} frame {number}", pixels, (pixels.shape[1], pixels.shape[0]))
            number += 1
    finally:
        capture.release()
    if not given:
        raise KnuckleError(f"{path}: expected a video with frames, got none")
