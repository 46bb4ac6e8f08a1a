"""Asking a run to stop: the first Ctrl-C or SIGTERM lets the step that is under way end and the state be saved."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequest:
    """Whether somebody asked. `waits`: whether the work under way looks for itself; where it does not (rendering,
    scoring), or is asked a second time, it is interrupted."""

    def __init__(self) -> None:
        self.asked = False
        self.waits = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Answer the signals meanwhile; only in a main thread, as signals are."""
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        again, self.asked = self.asked, True
        if again or not self.waits:
            raise KeyboardInterrupt
