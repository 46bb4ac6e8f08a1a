"""The pictures that a camera is calibrated with: photos, and frames out of videos."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.photos.reading import read_photo
from knuckle.video import open_video

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


def read_pictures(paths: Sequence[Path], *, warn: Callable[[str], None] | None = None) -> Iterator[Seen]:
    """Each photo, and the frames of each video, upright and with square pixels as every other command sees them.

    warn: takes what a user should know of a video; None: `warnings.warn`. Raises KnuckleError for a file that is
    neither.
    """
    for path in paths:
        if path.suffix.lower() in VIDEOS:
            yield from _frames(path, warn)
        else:
            photo = read_photo(path)
            yield Seen(str(path), photo.pixels, (photo.width, photo.height))


def _frames(path: Path, warn: Callable[[str], None] | None) -> Iterator[Seen]:
    with open_video(path, warn=warn) as video:
        step, given = max((video.info.count or 0) // FRAMES, 1), 0
        # Read in turn: not every file can be entered anywhere.
        for number, frame in enumerate(video):
            if number % step == step // 2:
                given += 1
                height, width = frame.image.shape[:2]
                yield Seen(f"{path} frame {number}", frame.image, (width, height))
            if given == FRAMES:
                return
    if not given:
        raise KnuckleError(f"{path}: expected a video with frames, got none")
