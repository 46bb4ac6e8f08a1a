"""A queue from one thread to another that either keeps the newest item alone or loses none."""

import threading
import time
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Ended(Exception):
    """The giver has ended and everything it gave was taken."""


class Handover(Generic[T]):
    """Items from a thread that gives to one that takes.

    Args:
        size: how many may wait.
        newest: whether an item that finds the queue full takes the oldest one's place. Otherwise its giver waits.

    Attributes:
        stale: how many items were lost that way.
    """

    def __init__(self, size: int = 1, *, newest: bool) -> None:
        self.stale = 0
        self._items: deque[T] = deque()
        self._size = size
        self._newest = newest
        self._changed = threading.Condition()
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None

    def give(self, item: T) -> bool:
        """Hand an item over; False when nobody takes any more."""
        with self._changed:
            while not self._closed and len(self._items) >= self._size:
                if self._newest:
                    self._items.popleft()
                    self.stale += 1
                else:
                    self._changed.wait()
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()
            return not self._closed

    def end(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes; the taker meets `error` after what was given."""
        with self._changed:
            if not self._ended:
                self._ended, self._error = True, error
                self._changed.notify_all()

    def take(self, timeout_s: float | None = None) -> T:
        """The oldest item that waits, or the next one that comes.

        Raises TimeoutError when none comes in time, Ended when none comes any more, and what the giver met.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            while not self._items:
                if self._error is not None:
                    raise self._error
                if self._ended or self._closed:
                    raise Ended
                # Short waits, since a system may not let Ctrl-C through a long one.
                left = 0.2 if until is None else min(0.2, until - time.monotonic())
                if left <= 0:
                    raise TimeoutError
                self._changed.wait(left)
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Say that nothing more is taken: givers that wait go on."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
