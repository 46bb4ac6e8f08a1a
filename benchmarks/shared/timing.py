"""A clock for the speed benchmarks: calls take turns, and slow ones are not repeated for ever."""

import time
from collections.abc import Callable, Sequence

import numpy as np


def medians(calls: Sequence[Callable[[], object]], *, runs: int, budget_s: float) -> list[float]:
    """Median seconds of each call over up to `runs` rounds, in turns so that a slow moment of the machine hits all.

    A first round is not counted unless it alone takes the budget; after the budget no further round begins.
    """
    start = time.perf_counter()
    rounds = [_round(calls)]
    while len(rounds) <= runs and time.perf_counter() - start < budget_s:
        rounds.append(_round(calls))
    counted = rounds[1:] or rounds
    return np.median(counted, axis=0).tolist()


def _round(calls: Sequence[Callable[[], object]]) -> list[float]:
    times = []
    for call in calls:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times
