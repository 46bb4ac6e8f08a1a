"""From the times a stream's frames carry to this computer's clock."""

import time

LATEST_S = 1.0
"""How long a frame may be under way. What claims more has another clock."""
DRIFT = 1e-3
"""How fast a stream's clock may run apart from ours: s a second."""


def now() -> float:
    """The clock of `Frame.time_s` of live sources, s."""
    return time.monotonic()


class StreamClock:
    """When frames were taken, on our clock, from when they came and the times they carry.

    Frames come early or late as the network has it; the times they carry are even. The least time on the way that was
    seen lately is taken for the way itself, so that no frame is dated before it can have been.
    """

    def __init__(self) -> None:
        self._offset_s: float | None = None
        self._last: tuple[float, float] | None = None

    def taken(self, came_s: float, stream_s: float) -> float:
        """came_s: on our clock. stream_s: as the frame carries it."""
        offset_s = came_s - stream_s
        if self._offset_s is None or self._last is None or stream_s < self._last[1]:
            self._offset_s = offset_s
        else:
            self._offset_s = min(offset_s, self._offset_s + DRIFT * (came_s - self._last[0]))
            if offset_s - self._offset_s > LATEST_S:
                self._offset_s = offset_s
        self._last = came_s, stream_s
        return stream_s + self._offset_s
