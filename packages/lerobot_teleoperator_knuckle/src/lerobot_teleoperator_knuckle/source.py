"""The newest hands of a camera, found in a thread of their own so that a robot's loop never waits for them."""

import threading
import time
from typing import Protocol

from knuckle.hands import Hands


class Source(Protocol):
    """What gives hands."""

    def newest(self) -> Hands | None:
        """Those of the newest picture, `time_s` by `time.monotonic`; None before the first. Raises what ended it."""
        ...

    def close(self) -> None:
        """May be called twice."""
        ...


class CameraSource:
    """Hands of a camera, a stream or a video, by knuckle's tracker."""

    def __init__(self, source: str, *, mirrored: bool = False, camera_file: str | None = None) -> None:
        from knuckle import Tracker
        from knuckle.photos.camera_file import read_camera
        from knuckle.video import open_video
        from knuckle.video.paced import PacedFile

        self._video = open_video(source, paced=True)
        self._is_file = isinstance(self._video, PacedFile)
        camera = None if camera_file is None else read_camera(camera_file)
        self._tracker = Tracker(mirrored=mirrored, **({} if camera is None else {"camera": camera}))
        self._hands: Hands | None = None
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def newest(self) -> Hands | None:
        if self._error is not None:
            raise self._error
        return self._hands

    def close(self) -> None:
        self._stop.set()
        self._video.stop()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._video.close()

    def _follow(self) -> None:
        try:
            for frame in self._video:
                if self._stop.is_set():
                    return
                hands = self._tracker(frame.image, frame.time_s)
                # Of a camera's picture its own time, which is earlier: what is late then counts as old.
                taken_s = time.monotonic() if self._is_file else frame.time_s
                self._hands = hands.changed(time_s=taken_s)
        except Exception as error:  # told to whoever asks for hands next
            self._error = error
