"""Stages that work at the same time, each in its own thread, with the results in order in the caller's."""

import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from knuckle.video.frame import VideoSource
from knuckle.video.handover import Ended, Handover

WAITING = 4
"""Items that may wait between two stages where none is left out."""


class Pipeline:
    """Iterates over what the last stage makes of each item; a context manager that stops the threads.

    One thread takes items from `items`, one more runs each stage. What one of them raises, the caller meets after the
    results before it. Ctrl-C reaches the caller, whose `with` block stops the rest.

    Args:
        items: such as a `VideoSource`, which is stopped with the pipeline and is the caller's to close, afterwards.
        stages: called with an item, or with what the stage before made of it.
        newest: whether an item that finds another one waiting takes its place, as it should for a live source.
            Otherwise stages wait for each other and nothing is left out.
        waiting: how many items may wait before each stage then.
    """

    def __init__(
        self, items: Iterable[Any], *stages: Callable[[Any], Any], newest: bool, waiting: int = WAITING
    ) -> None:
        self._items = items
        size = 1 if newest else waiting
        self._queues: list[Handover[Any]] = [Handover(size, newest=newest) for _ in range(len(stages) + 1)]
        self._stopped = threading.Event()
        works = [lambda: iter(items)]
        works += [
            lambda stage=stage, queue=queue: map(stage, _taken(queue))
            for stage, queue in zip(stages, self._queues, strict=False)
        ]
        self._threads = [
            threading.Thread(target=self._run, args=(work, queue), name=f"stage {place}", daemon=True)
            for place, (work, queue) in enumerate(zip(works, self._queues, strict=True))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def stale(self) -> int:
        """How many items were left out for newer ones."""
        return sum(queue.stale for queue in self._queues)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._queues[-1].take()
        except Ended:
            raise StopIteration from None

    def close(self) -> None:
        """Stop the stages, each after the item it has in hand."""
        self._stopped.set()
        if isinstance(self._items, VideoSource):
            self._items.stop()
        for queue in self._queues:
            queue.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Callable[[], Iterator[Any]], queue: Handover[Any]) -> None:
        try:
            for result in work():
                if self._stopped.is_set() or not queue.give(result):
                    return
        except BaseException as error:
            queue.end(error)
        else:
            queue.end()


def _taken(queue: Handover[Any]) -> Iterator[Any]:
    while True:
        try:
            yield queue.take()
        except Ended:
            return
