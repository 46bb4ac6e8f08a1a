"""Cameras and streams: a thread reads them as fast as they come and keeps the newest frame alone."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Literal

import cv2

from knuckle.errors import KnuckleError
from knuckle.video.capture import Capture, prop
from knuckle.video.clock import LATEST_S, StreamClock, now
from knuckle.video.frame import Frame, VideoInfo, VideoSource
from knuckle.video.handover import Ended, Handover

FIRST_DELAY_S, LONGEST_DELAY_S = 0.25, 2.0
"""Between two tries to reach a stream again; doubled each time."""
FAILED_READS = 5
"""Of a camera in a row before it counts as gone: some fail once when they start."""
CLOSING_S = 2.0
"""How long `close` waits for a read that does not come back."""

Times = Literal["arrival", "stream", "monotonic"]
"""Which times are true: when frames come, those they carry from the stream's start, or those of the camera's driver on
our own clock."""


class LiveSource(VideoSource):
    """The newest frame of a camera or a stream, whenever it is asked for.

    Args:
        open_capture: opens it; called again, in the reading thread, to reach it again.
        name: as messages call it.
        absent: what to say where it cannot be opened, after "NAME: ".
        times: which times are true.
        timeout_s: how long to wait for a picture before giving up.
        reconnect_s: how long to try to reach it again when it has gone; 0 for what does not come back by itself.
        warn: takes sentences on what was lost and found again.

    Raises KnuckleError naming it where there is no first picture, and later where none comes any more.
    """

    def __init__(
        self,
        open_capture: Callable[[], Capture],
        *,
        name: str,
        absent: str,
        times: Times,
        timeout_s: float,
        reconnect_s: float,
        warn: Callable[[str], None],
    ) -> None:
        self._open_capture = open_capture
        self._name = name
        self._absent = absent
        self._times: Times = times
        self._timeout_s = timeout_s
        self._reconnect_s = reconnect_s
        self._warn = warn
        self._notes: SimpleQueue[str] = SimpleQueue()
        self._stopped = threading.Event()
        self._frames: Handover[Frame] = Handover(newest=True)
        self._rate: float | None = None
        self._size: tuple[int, ...] | None = None
        self._count = 0
        self._last_s = self._came_s = -float("inf")
        self._lost, self._delay_s = False, FIRST_DELAY_S
        self._thread = threading.Thread(target=self._run, name=f"read {name}", daemon=True)
        self._thread.start()
        try:
            self._first: Frame | None = self._frames.take(timeout_s)
        except TimeoutError:
            self.close()
            raise KnuckleError(f"{name}: expected a picture within {timeout_s:g} s, got none") from None
        except BaseException:
            self.close()
            raise
        width, height = self._first.image.shape[1::-1]
        self.info = VideoInfo(
            name=name, width=width, height=height, rate=self._rate, duration_s=None, count=None, live=True
        )

    @property
    def stale(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._frames.stale

    def __next__(self) -> Frame:
        first, self._first = self._first, None
        try:
            if first is None:
                return self._frames.take(self._timeout_s + self._reconnect_s)
            # It has waited since the source was opened; there may be a newer one.
            frame = self._frames.take(0)
            self._frames.stale += 1
            return frame
        except Ended:
            raise StopIteration from None
        except (TimeoutError, KnuckleError) as error:
            if first is not None:
                return first
            if isinstance(error, KnuckleError):
                raise
            raise self._gone(self._timeout_s + self._reconnect_s) from None
        finally:
            self._tell()

    def skip(self, count: int) -> None:
        if count:
            raise KnuckleError(f"{self._name}: expected a video file to go on in, got a live source")

    def stop(self) -> None:
        self._stopped.set()
        self._frames.close()

    def close(self) -> None:
        self.stop()
        # Only the thread itself lets go of the capture: one that is released during a read ends the program.
        if self._thread is not threading.current_thread():
            self._thread.join(CLOSING_S)

    def _tell(self) -> None:
        while True:
            try:
                self._warn(self._notes.get_nowait())
            except Empty:
                return

    def _gone(self, seconds: float) -> KnuckleError:
        return KnuckleError(
            f"{self._name}: expected pictures, got none for {seconds:.0f} s; is it still there?"
        )

    def _run(self) -> None:
        try:
            self._read_and_reconnect()
        except BaseException as error:
            self._frames.end(error)

    def _read_and_reconnect(self) -> None:
        capture = self._open_capture()
        if not capture.isOpened():
            capture.release()
            raise KnuckleError(f"{self._name}: {self._absent}")
        while True:
            try:
                self._read(capture)
            finally:
                capture.release()
            if self._stopped.is_set():
                return
            if not self._count:
                raise KnuckleError(f"{self._name}: {self._absent}")
            if not self._reconnect_s:
                raise KnuckleError(
                    f"{self._name}: expected pictures, got none any more: unplugged or turned off"
                )
            capture = self._reached_again()
            if capture is None:
                return

    def _read(self, capture: Capture) -> None:
        """Hand over frames until reading fails."""
        # Pictures over HTTP carry no rate; FFmpeg makes one up.
        self._rate = None if self._times == "arrival" else _rate(capture)
        stream_clock = StreamClock()
        failed = 0
        while not self._stopped.is_set():
            grabbed = capture.grab()
            came_s = now()
            there, image = capture.retrieve() if grabbed else (False, None)
            if not there or image is None:
                failed += 1
                if self._reconnect_s or failed >= FAILED_READS:
                    return
                continue
            failed, self._came_s = 0, came_s
            size = image.shape[1::-1]
            self._size = self._size or size
            if size != self._size:
                # What is known of the camera is in px of the first size.
                raise KnuckleError(
                    f"{self._name}: expected pictures of one size, got {_text(self._size)} and then {_text(size)}"
                )
            if self._lost:
                self._lost = False
                self._notes.put(f"{self._name}: pictures come again")
            time_s = self._taken(capture, stream_clock, came_s)
            index, self._count = self._count, self._count + 1
            if time_s <= self._last_s:
                self.backwards += 1
                continue
            self._last_s = time_s
            code = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
            if not self._frames.give(Frame(cv2.cvtColor(image, code), time_s, index)):
                return

    def _taken(self, capture: Capture, stream_clock: StreamClock, came_s: float) -> float:
        carried_s = (prop(capture, "POS_MSEC") or 0.0) / 1000
        if self._times == "stream":
            return stream_clock.taken(came_s, carried_s)
        if self._times == "monotonic" and 0 <= came_s - carried_s < LATEST_S:
            return carried_s
        return came_s

    def _reached_again(self) -> Capture | None:
        """Open it again, with longer and longer pauses; None when it was stopped meanwhile."""
        if not self._lost:
            self._lost, self._delay_s = True, FIRST_DELAY_S
            self._notes.put(f"{self._name}: no pictures any more; trying to reach it again")
        while now() < self._came_s + self._reconnect_s:
            if self._stopped.wait(self._delay_s):
                return None
            self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)
            capture = self._open_capture()
            if capture.isOpened():
                return capture
            capture.release()
        raise self._gone(now() - self._came_s)


def _rate(capture: Capture) -> float | None:
    rate = prop(capture, "FPS")
    return rate if rate is not None and 0 < rate <= 1000 else None


def _text(size: tuple[int, ...]) -> str:
    return "x".join(map(str, size))
