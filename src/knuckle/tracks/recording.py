"""What a live view records: the frames as they came, and their hands as JSON lines."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.tracks.lines import Header, LinesWriter
from knuckle.video.frame import Frame
from knuckle.video.writer import VideoWriter

VIDEO, LINES = "video.webm", "video.hands.jsonl"


class Recording:
    """Writes both files into a folder of its own, named after the time; a context manager. Times count from the first
    frame, and `knuckle track` takes the video.

    Args:
        folder: in which that folder is made.
        rate: about how many frames/s come.
        about: of the header: rig, settings, weights, knuckle.

    Raises KnuckleError naming a file that cannot be written, or without the extra "video".
    """

    def __init__(self, folder: Path, *, rate: float, about: dict[str, Any]) -> None:
        self.folder = _new_folder(folder)
        self._rate, self._about = rate, about
        self._video: VideoWriter | None = None
        self._lines: LinesWriter | None = None
        self._header: Header | None = None
        self._start_s = 0.0
        self.frames = 0
        self.seconds = 0.0

    def write(self, frame: Frame, hands: Hands) -> None:
        """Append a frame. Raises KnuckleError where it cannot be written; what was written stays readable."""
        if self._video is None or self._lines is None or self._header is None:
            size = frame.image.shape[1], frame.image.shape[0]
            self._video = VideoWriter(self.folder / VIDEO, size=size, rate=self._rate)
            self._lines = LinesWriter(self.folder / LINES)
            self._header = Header(
                video=VIDEO, path=VIDEO, bytes=None, rate=self._rate, camera=hands.camera, **self._about
            )
            self._lines.write_header(self._header)
            self._start_s = frame.time_s
        self.seconds = frame.time_s - self._start_s
        self._video.write(frame.image, self.seconds)
        hands = hands.changed(time_s=self.seconds)
        self._lines.write(self.frames, hands, self._header.camera, mesh=False)
        self.frames += 1

    def close(self) -> None:
        """Complete the files; may be called twice."""
        if self._lines is not None:
            self._lines.close()
        if self._video is not None:
            self._video.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _new_folder(parent: Path) -> Path:
    named = time.strftime("knuckle-%Y%m%d-%H%M%S")
    for number in range(1, 100):
        folder = parent / (named if number == 1 else f"{named}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise KnuckleError(f"{folder}: cannot be written ({error.strerror or error})") from error
        return folder
    raise KnuckleError(f"{parent / named}: expected a name that is free")
