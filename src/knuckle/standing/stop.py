"""Stopping a run: at the first Ctrl-C or SIGTERM, training finishes its step and saves its state."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class StopRequest:
    """Whether the user asked the run to stop."""

    def __init__(self) -> None:
        self.asked = False
        self.polled = False
        """Whether the present work checks `asked` itself, as training does. Other work (rendering, scoring) is
        interrupted at once, and any work at the second signal."""

    @contextmanager
    def handle_signals(self) -> Iterator[None]:
        """Handle the signals inside the block; works only in the main thread."""
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        again, self.asked = self.asked, True
        if again or not self.polled:
            raise KeyboardInterrupt
