"""What every source of video gives: frames with their times, and what is known of the whole."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from jaxtyping import UInt8

from knuckle.geometry.camera import Camera


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a video."""

    image: UInt8[np.ndarray, "H W 3"]
    """RGB, upright, with square pixels."""
    time_s: float
    """When it was taken, s; grows from frame to frame. Of a file: as the file says, from the video's start. Of a live
    source: on the clock of `time.monotonic`."""
    index: int
    """Its number among the frames that the source gave, those that were left out included: from 0."""


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before it is read."""

    name: str
    """As messages call it: the path, "camera 0", or the address without a password."""
    width: int
    """Of the frames, px: upright and with square pixels."""
    height: int
    rate: float | None
    """Frames/s, on average; None where nobody says."""
    duration_s: float | None
    """None where nobody says, as of a live source."""
    count: int | None
    """About how many frames there are; None where nobody says."""
    live: bool
    """Whether frames come as time passes, and are gone when nobody takes them."""
    camera: Camera | None = None
    """Intrinsics, where the file's metadata tell them."""


class VideoSource(ABC):
    """An iterator of frames, and a context manager that closes it.

    Attributes:
        info: what is known of it.
        stale: frames of a live source that were left out because newer ones had come.
        backwards: frames left out because their time was not after that of the frame before.
    """

    info: VideoInfo
    stale: int = 0
    backwards: int = 0

    def __iter__(self) -> Iterator[Frame]:
        return self

    @abstractmethod
    def __next__(self) -> Frame:
        """The next frame. Raises KnuckleError where a live source gives none any more."""

    @abstractmethod
    def skip(self, count: int) -> None:
        """Leave out the next `count` frames: what follows is as if they had been read. Raises KnuckleError where there
        are not so many, or the source is live."""

    @abstractmethod
    def stop(self) -> None:
        """Let a thread that waits for the next frame go on, from another one: there is none for it any more."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file or camera; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
