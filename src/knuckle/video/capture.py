"""The one place that opens OpenCV's captures, quietly: what is wrong is said in our own sentences."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import cv2
import numpy as np

READ_THREADS = 4
"""At most, of the decoder: each holds a picture, and at 8K more of them would fill a small machine's memory."""

_SILENT = 0


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool: ...
    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, np.ndarray | None]: ...
    def get(self, propId: int) -> float: ...
    def set(self, propId: int, value: float) -> bool: ...
    def release(self) -> None: ...


def open_capture(source: int | str, parameters: Mapping[int, float] = {}) -> Capture:
    """A capture of a camera's number, or of a path or address by FFmpeg; whether it is open is still to be asked."""
    # Of FFmpeg; read when the first one is opened. Its lines about a damaged file help nobody.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    given = [int(value) for pair in parameters.items() for value in pair]
    with _quiet():
        if isinstance(source, int):
            backend = cv2.CAP_V4L2 if sys.platform.startswith("linux") else cv2.CAP_ANY
        else:
            backend = cv2.CAP_FFMPEG
        return cv2.VideoCapture(source, backend, given)  # pyright: ignore[reportReturnType]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without OpenCV's own warnings; they tell what the caller says better."""
    levels: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 4 has them in the package itself
    before = levels.getLogLevel()
    levels.setLogLevel(_SILENT)
    try:
        yield
    finally:
        levels.setLogLevel(before)


def prop(capture: Capture, *names: str) -> float | None:
    """The first of some properties that this OpenCV knows, None where none is known or told."""
    for name in names:
        number = getattr(cv2, f"CAP_PROP_{name}", None)
        value = None if number is None else capture.get(number)
        if value is not None and np.isfinite(value):
            return value
    return None
