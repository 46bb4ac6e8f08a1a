"""Videos that OpenCV has no decoder for, AV1 above all, read by the library of the extra "video"."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np


class AvCapture:
    """A file as `cv2.VideoCapture` would give it, as far as `knuckle.video.capture.Capture` goes.

    Raises ModuleNotFoundError without the extra, and OSError where it finds no video either.
    """

    def __init__(self, path: str | Path, *, threads: int) -> None:
        import av
        from av.error import FFmpegError

        self._damaged = FFmpegError
        try:
            self._container: Any = av.open(str(path))
        except FFmpegError as error:
            raise OSError(f"{path}: no video ({error})") from error
        if not self._container.streams.video:
            self._container.close()
            raise OSError(f"{path}: no video")
        self._stream: Any = self._container.streams.video[0]
        self._stream.codec_context.thread_count = threads
        self._stream.thread_type = "AUTO"
        self._frames = self._container.decode(self._stream)
        self._frame: Any = None

    def isOpened(self) -> bool:
        return True

    def grab(self) -> bool:
        try:
            self._frame = next(self._frames, None)
        except self._damaged:
            # The rest of a damaged file; OpenCV ends there as well.
            self._frame = None
        return self._frame is not None

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        if self._frame is None:
            return False, None
        image = self._frame.to_ndarray(format="bgr24")
        return True, np.ascontiguousarray(np.rot90(image, round(self._frame.rotation / 90)))

    def get(self, propId: int) -> float:
        stream, rate = self._stream, float(self._stream.average_rate or 0)
        frame = self._frame
        sideways = frame is not None and frame.rotation % 180 == 90
        if propId == cv2.CAP_PROP_FPS:
            return rate
        if propId in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            return stream.width if (propId == cv2.CAP_PROP_FRAME_WIDTH) != sideways else stream.height
        if propId == cv2.CAP_PROP_FRAME_COUNT:
            return stream.frames or (self._container.duration or 0) / 1e6 * rate
        if propId == cv2.CAP_PROP_POS_MSEC and frame is not None and frame.pts is not None:
            return float((frame.pts - (stream.start_time or 0)) * stream.time_base * 1000)
        if propId == getattr(cv2, "CAP_PROP_PTS", None) and stream.start_time is not None:
            return float(stream.start_time * stream.time_base) * rate
        if propId == cv2.CAP_PROP_ORIENTATION_META:
            return 90.0 if sideways else 0.0
        shape = stream.sample_aspect_ratio
        if propId == cv2.CAP_PROP_SAR_NUM:
            return shape.numerator if shape else 0.0
        if propId == cv2.CAP_PROP_SAR_DEN:
            return shape.denominator if shape else 0.0
        return 0.0

    def set(self, propId: int, value: float) -> bool:
        return False

    def release(self) -> None:
        self._container.close()
