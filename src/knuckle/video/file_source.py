"""Video files, read by OpenCV: every frame once, in order, with its own time."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError, install_command
from knuckle.photos.reading import MAX_PIXELS, MIN_SIDE
from knuckle.video import metadata
from knuckle.video.av_capture import AvCapture
from knuckle.video.capture import READ_THREADS, Capture, open_capture, prop
from knuckle.video.frame import Frame, VideoInfo, VideoSource

MAX_RATE = 1000.0
"""Frames/s. What claims more counts in the container's ticks."""
MISSING_S, MISSING_SHARE = 0.5, 0.02
"""A video that ends earlier than its header says by more than both was cut short."""


class FileSource(VideoSource):
    """The frames of a file, or of a file on a web server: all of them, each once.

    Frames are turned as the file's metadata says and have square pixels. What a user should know of how it was read
    goes to `warn`, one sentence each, naming the file. Raises KnuckleError naming it when there is no picture in it.
    """

    def __init__(self, address: str | Path, *, name: str | None = None, warn: Callable[[str], None]) -> None:
        self._name = name or str(address)
        self._warn = warn
        self._index = 0
        self._last_s: float | None = None
        self._size: tuple[int, ...] | None = None
        self._untimed = False
        self._ended = False
        self._first: Frame | None = None
        self._capture = _opened(address, self._name)
        try:
            self._start(address)
        except BaseException:
            self.close()
            raise

    def _start(self, address: str | Path) -> None:
        capture = self._capture
        width, height = (int(prop(capture, f"FRAME_{side}") or 0) for side in ("WIDTH", "HEIGHT"))
        if width * height > MAX_PIXELS or min(width, height) < MIN_SIDE:
            raise KnuckleError(
                f"{self._name}: expected frames of at least {MIN_SIDE} px a side and at most"
                f" {MAX_PIXELS // 1_000_000} megapixels, got {width}x{height}"
            )
        rate = prop(capture, "FPS") or 0.0
        count = prop(capture, "FRAME_COUNT") or 0.0
        told = 0 < rate <= MAX_RATE
        self._pixel_shape = _pixel_shape(capture)
        picture = self._retrieved() if capture.grab() else None
        if picture is None:
            capture = self._capture = _by_av(address, capture, self._name)
            picture = self._retrieved() if capture.grab() else None
        if picture is None:
            raise KnuckleError(f"{self._name}: expected a video with pictures, got one without any")
        self._size = picture.shape[:2]
        height, width = self._size
        self._end_s = count / rate if rate > 0 and count > 0 else None
        if self._end_s is not None and told and not metadata.is_quicktime(Path(address)):
            # Others tell when they end, whenever the first frame comes; times count from that.
            self._end_s = max(0.0, self._end_s - max(0.0, (prop(capture, "PTS") or 0.0) / rate))
        self.info = VideoInfo(
            name=self._name,
            width=width,
            height=height,
            rate=rate if told else None,
            duration_s=self._end_s,
            count=int(count) if 0 < count < 1e9 else None,
            live=False,
            camera=metadata.camera_of(Path(address), width, height) if Path(address).is_file() else None,
        )
        self._first = Frame(picture, self._time(), 0)

    def __next__(self) -> Frame:
        if self._first is not None:
            return self._passed_first(self._first)
        while self._grab():
            time_s = self._time()
            if not self._is_after(time_s):
                continue
            image = self._retrieved()
            if image is None:
                break
            self._last_s = time_s
            return Frame(image, time_s, self._index)
        self._finish()
        raise StopIteration

    def skip(self, count: int) -> None:
        """Frames are decoded and thrown away: seeking in a file may land a frame beside the one that is meant."""
        done = 0
        while done < count:
            if self._first is not None:
                self._passed_first(self._first)
            elif not self._grab():
                raise KnuckleError(f"{self._name}: expected more than {count} frames, got {done}")
            elif not self._is_after(time_s := self._time()):
                continue
            else:
                self._last_s = time_s
            done += 1

    def stop(self) -> None:
        self._ended = True

    def close(self) -> None:
        self._ended = True
        self._first = None
        self._capture.release()

    def _grab(self) -> bool:
        if self._ended or not self._capture.grab():
            return False
        self._index += 1
        return True

    def _passed_first(self, frame: Frame) -> Frame:
        self._first, self._last_s = None, frame.time_s
        return frame

    def _time(self) -> float:
        """Of the frame that was grabbed last, s."""
        time_s = max(0.0, (prop(self._capture, "POS_MSEC") or 0.0) / 1000)
        if self._index == 1 and time_s <= 0 and self.info.count is None:
            self._untimed = True
            self._warn(f"{self._name}: its frames have no times; {self._assumed_rate:g} frames/s are assumed")
        return self._index / self._assumed_rate if self._untimed else time_s

    @property
    def _assumed_rate(self) -> float:
        return self.info.rate or 25.0

    def _is_after(self, time_s: float) -> bool:
        if self._last_s is None or time_s > self._last_s:
            return True
        self.backwards += 1
        return False

    def _retrieved(self) -> UInt8[np.ndarray, "H W 3"] | None:
        there, image = self._capture.retrieve()
        if not there or image is None:
            return None
        code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
        image = cv2.cvtColor(image, code)
        if self._pixel_shape != 1:
            width = max(1, round(image.shape[1] * self._pixel_shape))
            image = cv2.resize(image, (width, image.shape[0]), interpolation=cv2.INTER_AREA)
        return np.asarray(self._of_one_size(image))

    def _of_one_size(self, image: np.ndarray) -> np.ndarray:
        """Recordings of calls change their resolution on the way; the first frame's is kept."""
        height, width = self._size or image.shape[:2]
        if image.shape[:2] == (height, width):
            return image
        if abs(image.shape[1] * height - image.shape[0] * width) > 0.01 * image.shape[0] * width:
            raise KnuckleError(
                f"{self._name}: expected frames of one shape, got {width}x{height} px and, from frame {self._index} on,"
                f" {image.shape[1]}x{image.shape[0]}"
            )
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)

    def _finish(self) -> None:
        """Say once what was unusual."""
        if self._ended:
            return
        self._ended = True
        if self.backwards:
            self._warn(
                f"{self._name}: left out {self.backwards} frames whose time was not after that of the frame before"
            )
        end_s = (self._last_s or 0.0) + 1 / (self.info.rate or 1e9)
        count, told_s = self.info.count, self._end_s
        if count is None or told_s is None or self._index + 1 >= count:
            return
        if told_s - end_s > max(MISSING_S, MISSING_SHARE * told_s):
            self._warn(
                f"{self._name}: ends after {end_s:.1f} s of the {told_s:.1f} s that its header says, as if it were cut"
                f" off; what is there was read"
            )


def _opened(address: str | Path, name: str) -> Capture:
    path = Path(address)
    web = str(address).startswith(("http://", "https://"))
    if not web:
        _check_file(path, name)
    # An absolute path cannot be taken for the name of a protocol ("concat:a.mp4").
    target = str(address) if web else os.path.abspath(path)  # noqa: PTH100 - resolves no links, as Path does
    threads = min(os.cpu_count() or 1, READ_THREADS)
    capture = open_capture(target, {cv2.CAP_PROP_N_THREADS: threads})
    if not capture.isOpened():
        raise KnuckleError(f"{name}: expected a video, got {'an answer' if web else metadata.describe(path)}")
    return capture


def _by_av(address: str | Path, tried: Capture, name: str) -> Capture:
    """Another reader of a file of which OpenCV decodes nothing."""
    code = int(prop(tried, "FOURCC") or 0)
    tried.release()
    codec = code.to_bytes(4, "little").decode("ascii", "replace") if 0 < code < 2**32 else ""
    try:
        return AvCapture(address, threads=min(os.cpu_count() or 1, READ_THREADS))
    except ModuleNotFoundError:
        if codec.upper() != "AV01":
            raise KnuckleError(f"{name}: expected a video with pictures, got one without any") from None
        raise KnuckleError(
            f"{name}: expected a video that OpenCV decodes, got AV1; that is read after {install_command('video')}"
        ) from None
    except OSError:
        raise KnuckleError(f"{name}: expected a video with pictures, got one without any") from None


def _check_file(path: Path, name: str) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise KnuckleError(f"{path!r}: expected a name in UTF-8, which OpenCV needs for a video") from None
    if path.is_dir():
        raise KnuckleError(f"{name}: expected a video file, got a folder")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise KnuckleError(f"{name}: expected a video file that can be read ({error.strerror})") from error
    if empty:
        raise KnuckleError(f"{name}: expected a video, got an empty file")


def _pixel_shape(capture: Capture) -> float:
    """Width over height of the frames' pixels, as turned."""
    across, down = prop(capture, "SAR_NUM") or 0, prop(capture, "SAR_DEN") or 0
    if across <= 0 or down <= 0 or not 0.1 < across / down < 10:
        return 1.0
    sideways = (prop(capture, "ORIENTATION_META") or 0) % 180 == 90
    return down / across if sideways else across / down
