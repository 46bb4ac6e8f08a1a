"""From what a user calls a video to its source."""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from knuckle.errors import KnuckleError
from knuckle.video.capture import Capture, open_capture, prop
from knuckle.video.file_source import FileSource
from knuckle.video.frame import VideoSource
from knuckle.video.live_source import LiveSource
from knuckle.video.paced import PacedFile

SCHEMES = ("rtsp", "rtsps", "http", "https")
TIMEOUT_S, RECONNECT_S = 10.0, 30.0


def open_video(
    source: int | str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    paced: bool = False,
    timeout_s: float = TIMEOUT_S,
    reconnect_s: float = RECONNECT_S,
    warn: Callable[[str], None] | None = None,
) -> VideoSource:
    """Open a video file, a camera or a stream; use it in a `with` block and iterate over it.

    A file gives all its frames, each once, with the times it tells. A camera or stream gives the newest frame whenever
    it is asked, and leaves out those nobody was there for.

    Args:
        source: a file; a camera's number (0 is the first one; "0" too: "./0" is a file of that name); or an rtsp:// or
            http:// address. A video file on a web server counts as a file.
        size: (width, height) in px to ask a camera for; it may give another one. None: what it gives by itself.
        paced: play a file as if it were a camera: each frame no sooner than its time, late ones left out.
        timeout_s: how long to wait for a picture of a camera or stream.
        reconnect_s: how long to try to reach a stream again that has gone.
        warn: takes what a user should know, one sentence each that names the source, such as that a file was cut short.
            None: `warnings.warn`.

    Raises KnuckleError naming the source where there is no picture in it, it is absent or used by another program.
    """
    warn = warn or (lambda note: warnings.warn(note, stacklevel=3))
    if isinstance(source, int) or (isinstance(source, str) and source.isascii() and source.isdigit()):
        return _camera(int(source), size=size, timeout_s=timeout_s, warn=warn)
    if isinstance(source, str) and "://" in source:
        opened = _stream(source, timeout_s=timeout_s, reconnect_s=reconnect_s, warn=warn)
    else:
        opened = FileSource(Path(source), warn=warn)
    return PacedFile(opened) if paced and not opened.info.live else opened


def _camera(
    number: int, *, size: tuple[int, int] | None, timeout_s: float, warn: Callable[[str], None]
) -> LiveSource:
    def opened() -> Capture:
        capture = open_capture(number)
        # What a camera cannot do is no reason not to use it, as it would be if it were asked for on opening.
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if size is not None:
            # Uncompressed, few cameras give more than 640x480 at full rate.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        return capture

    return LiveSource(
        opened,
        name=f"camera {number}",
        absent=_absent(number),
        times="monotonic",
        timeout_s=timeout_s,
        reconnect_s=0,
        warn=warn,
    )


def _absent(number: int) -> str:
    """Why a camera does not open, where the system says."""
    device = Path(f"/dev/video{number}")
    if sys.platform.startswith("linux"):
        if not device.exists():
            return f"expected a camera, got none ({device} does not exist)"
        if not os.access(device, os.R_OK | os.W_OK):
            return f"expected a camera, got no permission to use {device}"
    return "expected a camera that gives pictures, got none: used by another program, or no camera"


def _stream(
    address: str, *, timeout_s: float, reconnect_s: float, warn: Callable[[str], None]
) -> VideoSource:
    parts = urlsplit(address)
    if parts.scheme.lower() not in SCHEMES or not parts.hostname:
        raise KnuckleError(
            f"{_shown(address)}: expected a file, a camera's number, or an address that starts with"
            f" {', '.join(f'{scheme}://' for scheme in SCHEMES)}"
        )
    name = _shown(address)
    milliseconds = max(1, round(1000 * timeout_s))
    limits: dict[int, float] = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: milliseconds,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: milliseconds,
        # Every further thread of the decoder holds a picture back.
        cv2.CAP_PROP_N_THREADS: 1,
    }
    first: list[Capture] = []
    if parts.scheme.lower().startswith("http"):
        capture = open_capture(address, limits)
        if capture.isOpened() and (prop(capture, "FRAME_COUNT") or 0) > 0:
            capture.release()
            return FileSource(address, name=name, warn=warn)
        first.append(capture)
    return LiveSource(
        lambda: first.pop() if first else open_capture(address, limits),
        name=name,
        absent="expected a stream, got no answer or one without pictures",
        times="stream" if parts.scheme.lower().startswith("rtsp") else "arrival",
        timeout_s=timeout_s,
        reconnect_s=reconnect_s,
        warn=warn,
    )


def _shown(address: str) -> str:
    """An address without what may be secret: name and password, and the query."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
