"""A clock for the speed benchmarks: calls take turns, and slow ones are not repeated for ever."""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np


def medians(
    calls: Sequence[Callable[[], object]], *, runs: int, budget_s: float = math.inf, warm_up: int = 1
) -> list[float]:
    """Median seconds of each call over up to `runs` rounds, in turns so that a slow moment of the machine hits all.

    The first `warm_up` rounds are not counted unless there are no others; after the budget no further round begins.
    """
    start = time.perf_counter()
    rounds = [_round(calls)]
    while len(rounds) < runs + warm_up and time.perf_counter() - start < budget_s:
        rounds.append(_round(calls))
    counted = rounds[warm_up:] or rounds
    return np.median(counted, axis=0).tolist()


def _round(calls: Sequence[Callable[[], object]]) -> list[float]:
    times = []
    for call in calls:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times
