"""A video file that plays as if it were a camera."""

import threading
from dataclasses import replace

from knuckle.errors import KnuckleError
from knuckle.video.clock import now
from knuckle.video.frame import Frame, VideoSource
from knuckle.video.handover import Ended, Handover


class PacedFile(VideoSource):
    """Frames of a file no sooner than their time has come, counted from the first one that is asked for; where nobody
    is there for one, the next takes its place. Times are on the clock of `time.monotonic`."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self.info = replace(source.info, live=True)
        self._frames: Handover[Frame] = Handover(newest=True)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def stale(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._frames.stale

    @property
    def backwards(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._source.backwards

    def __next__(self) -> Frame:
        if self._thread is None and not self._stopped.is_set():
            self._thread = threading.Thread(target=self._play, name=f"play {self.info.name}", daemon=True)
            self._thread.start()
        try:
            return self._frames.take()
        except Ended:
            raise StopIteration from None

    def skip(self, count: int) -> None:
        if self._thread is not None:
            raise KnuckleError(f"{self.info.name}: expected frames to be skipped before the file plays")
        self._source.skip(count)

    def stop(self) -> None:
        self._stopped.set()
        self._frames.close()

    def close(self) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join()
        self._source.close()

    def _play(self) -> None:
        offset_s: float | None = None
        try:
            for frame in self._source:
                if offset_s is None:
                    offset_s = now() - frame.time_s
                due_s = frame.time_s + offset_s
                if self._stopped.wait(max(0.0, due_s - now())):
                    return
                if not self._frames.give(replace(frame, time_s=due_s)):
                    return
        except BaseException as error:
            self._frames.end(error)
        else:
            self._frames.end()
