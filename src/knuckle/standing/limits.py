"""How long a command trains, and when the learning rate starts to fall."""

import math
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from knuckle.errors import KnuckleError

Clock = Callable[[], float]


class TimeLimit:
    """The end of a command's time, by the clock and by the time spent in training; either may be missing.

    deadline: seconds since the epoch. training: seconds in training, which the command tells by `trained`. cool_down:
    share of the time at whose beginning the rate starts to fall.
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
        self.cooling = cool_down * whole if math.isfinite(whole) else 0.0

    def left(self) -> float:
        """Seconds until the time is up; infinite without a limit."""
        by_clock = math.inf if self.deadline is None else self.deadline - self.clock()
        by_training = math.inf if self.training is None else self.training - self.trained
        return max(min(by_clock, by_training), 0.0)

    @property
    def must_cool(self) -> bool:
        """Whether the rate is to fall from now on."""
        return self.cooling > 0 and self.left() <= self.cooling


def parse_until(text: str, *, now: datetime) -> float:
    """The next time that a clock shows HH:MM, in seconds since the epoch. Raises KnuckleError for anything else."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise KnuckleError(f"--until: expected a time of day such as 06:30, got {text!r}")
    then = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    return (then if then > now else then + timedelta(days=1)).timestamp()
