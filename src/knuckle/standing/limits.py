"""How long a command trains, and when its learning rate starts to fall."""

import math
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from knuckle.errors import KnuckleError

Clock = Callable[[], float]


class TimeLimit:
    """When a command ends: by the clock, by the time spent in training, by the first of both, or never.

    Args:
        deadline: seconds since the epoch.
        training: limit to the seconds in training; the caller adds those spent to `trained`.
        cool_down: the learning rate falls over this last share of the time.
        clock: seconds since the epoch, now.
    """

    def __init__(
        self,
        *,
        deadline: float | None = None,
        training: float | None = None,
        cool_down: float = 0.0,
        clock: Clock = time.time,
    ) -> None:
        self.deadline, self.training, self.clock = deadline, training, clock
        self.trained = 0.0
        whole = self.left()
        self.cool_down_seconds = cool_down * whole if math.isfinite(whole) else 0.0

    def left(self) -> float:
        """Seconds until the time is up; infinite without a limit."""
        by_clock = math.inf if self.deadline is None else self.deadline - self.clock()
        by_training = math.inf if self.training is None else self.training - self.trained
        return max(min(by_clock, by_training), 0.0)

    @property
    def in_cool_down(self) -> bool:
        """Whether the last share of the time has begun, over which the learning rate falls."""
        return self.cool_down_seconds > 0 and self.left() <= self.cool_down_seconds


def parse_time_of_day(text: str, *, now: datetime) -> float:
    """When it is next HH:MM, in seconds since the epoch. Raises KnuckleError for any other text."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise KnuckleError(f"--until: expected a time of day such as 06:30, got {text!r}")
    then = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    return (then if then > now else then + timedelta(days=1)).timestamp()
