"""Videos that are written: VP9 in WebM, by the extra "video", whole or as parts that are joined at the end.

The library that writes (av) carries encoders under the GPL as well; of all it has, VP9's and WebM's are used here.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError, install_command
from knuckle.files import atomic_path

SUFFIX = ".webm"
TICK_S = Fraction(1, 1000)
"""WebM counts time in milliseconds."""
QUALITY = 32
"""VP9's constant quality, 0 (best) to 63."""
_CONTAINER = {"fflags": "+bitexact", "cluster_time_limit": "1000", "flush_packets": "1"}
"""Without the first, every file has a random number in it; the second is how many ms wait in memory at most."""
_BT601 = 5
"""What RGB is turned into; told in the file, since players take another for large pictures."""


def import_av() -> Any:
    """The library that writes videos. Raises KnuckleError naming the extra where it is not installed."""
    try:
        import av
        import av.error
    except ModuleNotFoundError as error:
        if error.name != "av":
            raise
        raise KnuckleError(
            f"writing a video needs av, which is not installed: {install_command('video')}"
        ) from None
    return av


class VideoWriter:
    """Writes frames with their times to a VP9 file; a context manager.

    The file appears under its name, complete, when the block ends, even by an error or Ctrl-C: it then has the frames
    until there. No frame, no file.

    Args:
        path: to be written, ending in .webm.
        size: width and height of the frames, px.
        rate: about how many frames/s come; how well the encoder does depends on it, their times do not.
        start_s: the time of a frame that is the file's 0; None takes that of the first frame.
        threads: of the encoder.

    Raises KnuckleError naming the path: for another suffix, when it cannot be written, or without the extra "video".
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size: tuple[int, int],
        rate: float,
        start_s: float | None = None,
        threads: int = 2,
    ) -> None:
        self._av = import_av()
        self._failures = OSError, self._av.error.FFmpegError
        self.path = Path(path)
        if self.path.suffix.lower() != SUFFIX:
            raise KnuckleError(f"{path}: expected a name that ends in {SUFFIX}, got {self.path.suffix!r}")
        if min(size) < 1 or not 0 < rate <= 1000:
            raise KnuckleError(
                f"{path}: expected a size and a rate of a video, got {size} px and {rate} frames/s"
            )
        self.size = size
        self.count = 0
        self._start_s = start_s
        self._last = -1
        self._closed = False
        self._temporary = self.path.with_name(f".{self.path.stem[:100]}.{uuid4().hex[:12]}{SUFFIX}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._temporary.touch()  # fails here if the folder cannot be written; av opens it with the first frame
            self._container = self._av.open(str(self._temporary), "w", format="webm", options=_CONTAINER)
        except OSError as error:
            raise self._unwritable(error) from error
        options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            "row-mt": "1",
            "b": "0",
            "crf": str(QUALITY),
        }
        stream = self._container.add_stream(
            "libvpx-vp9", rate=Fraction(rate).limit_denominator(1000), options=options
        )
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = TICK_S
        context = stream.codec_context
        context.time_base, context.thread_count, context.colorspace = TICK_S, threads, _BT601
        self._stream = stream

    def write(self, image: UInt8[np.ndarray, "H W 3"], time_s: float) -> None:
        """Append an RGB frame. Raises KnuckleError where its time is not after that of the frame before, its size is
        another one, or it cannot be written, as on a full disk; what was written before stays readable."""
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise KnuckleError(
                f"{self.path}: expected RGB frames of {width}x{height} px in bytes, got {image.shape} {image.dtype}"
            )
        if self._start_s is None:
            self._start_s = time_s
        ticks = round((time_s - self._start_s) / float(TICK_S))
        if ticks <= self._last:
            raise KnuckleError(
                f"{self.path}: expected a frame more than {self._last} ms after the start, got one of {ticks} ms"
            )
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = ticks, TICK_S
        try:
            self._mux(frame)
        except self._failures as error:
            self.close()
            raise self._unwritable(error) from error
        self._last = ticks
        self.count += 1

    def close(self) -> None:
        """Write what is left and give the file its name; may be called twice."""
        if self._closed:
            return
        self._closed = True
        problem: Exception | None = None
        try:
            if self.count:
                self._mux(None)
        except self._failures as error:
            problem = error
        try:
            self._container.close()
        except self._failures as error:
            problem = problem or error
        try:
            # A file whose end could not be written is readable to there.
            if self.count and self._temporary.stat().st_size:
                os.replace(self._temporary, self.path)  # noqa: PTH105 - replaces on every system
        except OSError as error:
            problem = problem or error
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)
        if problem is not None:
            raise self._unwritable(problem) from problem

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An error that ends the block is not to be hidden by what follows from it.
        with suppress(*([KnuckleError] if error is not None else [])):
            self.close()

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _unwritable(self, error: Exception) -> KnuckleError:
        kept = "; it ends with what could be written" if self.count else ""
        return KnuckleError(
            f"{self.path}: cannot be written ({getattr(error, 'strerror', None) or error}){kept}"
        )


class PartsWriter:
    """Writes a long video as parts of equally many frames, `part-0000.webm` and so on; a context manager.

    Every part is complete in itself under its name, begins with a picture that needs no other and depends on its own
    frames alone: a run that was killed goes on with the first part that is not there, and what is joined is as if it
    had not been. Times are kept from part to part.

    Args:
        folder: of the parts. What a killed run left there half-written is removed.
        size: width and height of the frames, px.
        rate: as of `VideoWriter`.
        frames: in a part.
        first: number of the part that the next frame begins.
        threads: of the encoder.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        size: tuple[int, int],
        rate: float,
        frames: int,
        first: int = 0,
        threads: int = 2,
    ) -> None:
        import_av()
        self.folder = Path(folder)
        self.number = first
        self._frames = frames
        self._options: dict[str, Any] = {"size": size, "rate": rate, "start_s": 0.0, "threads": threads}
        self._part: VideoWriter | None = None
        for left in self.folder.glob(f".part-*{SUFFIX}"):
            left.unlink(missing_ok=True)

    def write(self, image: UInt8[np.ndarray, "H W 3"], time_s: float) -> bool:
        """Append an RGB frame; True when it completed a part. Raises as `VideoWriter.write`."""
        if self._part is None:
            self._part = VideoWriter(part_path(self.folder, self.number), **self._options)
        self._part.write(image, time_s)
        if self._part.count < self._frames:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Complete the part at hand, whatever its length."""
        if self._part is not None:
            part, self._part = self._part, None
            self.number += 1
            part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(*([KnuckleError] if error is not None else [])):
            self.close()


def part_path(folder: str | Path, number: int) -> Path:
    """Where a part lies, complete if it is there."""
    return Path(folder) / f"part-{number:04d}{SUFFIX}"


def join_parts(parts: Sequence[Path], path: str | Path) -> None:
    """Join parts of one video, in order, without encoding again. Raises KnuckleError naming what cannot be read or
    written."""
    av = import_av()
    if not parts:
        raise KnuckleError(f"{path}: expected parts to join, got none")
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="webm", options=_CONTAINER) as joined,
    ):
        stream = None
        for part in parts:
            try:
                with av.open(str(part)) as opened:
                    video = opened.streams.video[0]
                    if stream is None:
                        stream = joined.add_stream_from_template(video)
                    for packet in opened.demux(video):
                        if packet.dts is not None:
                            packet.stream = stream
                            joined.mux(packet)
            except (OSError, IndexError, av.error.FFmpegError) as error:
                raise KnuckleError(f"{part}: cannot be joined into {path} ({error})") from error
