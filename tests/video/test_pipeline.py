"""Stages side by side: order, what is left out, what is raised, and an end that is clean."""

import threading
import time

import pytest

from knuckle.video.handover import Ended, Handover
from knuckle.video.pipeline import WAITING, Pipeline


def test_nothing_is_left_out_and_the_order_stays():
    with Pipeline(range(50), lambda x: x + 1, lambda x: 2 * x, newest=False) as results:
        assert list(results) == [2 * (x + 1) for x in range(50)]
        assert results.stale == 0


def test_stages_work_at_the_same_time():
    meet = threading.Barrier(2, timeout=3)

    def both(x: int) -> int:
        # Passes only when the other stage is at work on another item.
        if 0 < x < 4:
            meet.wait()
        return x

    def later(x: int) -> int:
        if x < 3:
            meet.wait()
        return x

    with Pipeline(range(5), both, later, newest=False) as results:
        assert list(results) == list(range(5))


def test_a_slow_stage_gets_the_newest_item():
    came, go = threading.Event(), threading.Event()

    def items():
        yield 0
        came.wait(3)
        yield from range(1, 10)
        go.set()

    def slow(x: int) -> int:
        if x == 0:
            came.set()
            go.wait(3)
        return x

    with Pipeline(items(), slow, newest=True) as results:
        assert list(results)[-1] == 9
        assert results.stale >= 8


@pytest.mark.parametrize("broken", ["items", "stage"])
def test_what_a_thread_raises_reaches_the_caller_after_earlier_results(broken):
    def items():
        yield from range(3)
        if broken == "items":
            raise ValueError("broken items")

    def stage(x: int) -> int:
        if broken == "stage" and x == 2:
            raise ValueError("broken stage")
        return x

    seen = []
    with (
        pytest.raises(ValueError, match=f"broken {broken}"),
        Pipeline(items(), stage, newest=False) as results,
    ):
        seen.extend(iter(results.__next__, None))
    assert threading.active_count() < 10


def test_leaving_the_block_stops_all_threads_even_where_nobody_takes():
    before = threading.active_count()
    # What waits, and what both threads have in hand.
    full, given = 2 * WAITING + 2, []

    def endless():
        while True:
            given.append(1)
            yield 1

    with pytest.raises(KeyboardInterrupt), Pipeline(endless(), lambda x: x, newest=False) as results:
        next(results)
        while len(given) <= full:
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert threading.active_count() == before


def test_a_handover_waits_no_longer_than_told_and_ends_after_its_items():
    queue: Handover[int] = Handover(newest=False)
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        queue.take(0.05)
    assert 0.04 < time.monotonic() - start < 1
    assert queue.give(1)
    queue.end(ValueError("after"))
    assert queue.take() == 1
    with pytest.raises(ValueError, match="after"):
        queue.take()
    queue.close()
    assert not queue.give(2)
    ended: Handover[int] = Handover(newest=True)
    ended.end()
    with pytest.raises(Ended):
        ended.take()
