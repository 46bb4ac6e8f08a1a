"""What a robot is told frame by frame: to follow, to hold while the hand is lost, and never to jump."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError

Status = Literal["waiting", "following", "returning", "holding"]
"""Nothing was seen yet; the robot is where the hand says; it is on its way there, at the speed that is allowed; the
hand is lost and the robot stays."""


class Command(NamedTuple):
    """What to tell the robot."""

    positions: Float[np.ndarray, "n"] | None
    """Of its joints, radians (metres for prismatic ones); None while waiting: tell it nothing."""
    status: Status
    lost_s: float
    """For how long the hand has been lost; 0 while it is seen."""


@dataclass
class Holder:
    """Turns wanted positions, or None where there is no hand to trust, into commands.

    A robot whose hand is lost keeps its last command, for however long. When the hand is back, and at any other time,
    joints move no faster than allowed.
    """

    fastest: float
    """Of any joint, radians (or metres) a second."""
    start: Float[np.ndarray, "n"] | None = None
    """Where the robot's joints are at first, so that even its first movement is no jump; without it the first command
    is what the first hand says."""

    def __post_init__(self) -> None:
        if not self.fastest > 0:
            raise KnuckleError(f"fastest: expected a speed above 0, got {self.fastest}")
        self._told = None if self.start is None else np.array(self.start, float)
        self._time_s: float | None = None
        self._seen_s: float | None = None

    def __call__(self, wanted: Float[np.ndarray, "n"] | None, time_s: float) -> Command:
        """The command for a moment. Raises KnuckleError where time goes back, and for positions that are no numbers or
        as many as before."""
        if self._time_s is not None and time_s < self._time_s:
            raise KnuckleError(f"time: expected {self._time_s} s or later, got {time_s}")
        step = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        if wanted is None:
            lost = 0.0 if self._seen_s is None else time_s - self._seen_s
            return Command(self._copy(), "waiting" if self._seen_s is None else "holding", lost)
        wanted = np.asarray(wanted, float)
        if not np.isfinite(wanted).all() or (self._told is not None and wanted.shape != self._told.shape):
            raise KnuckleError(f"positions: expected finite numbers, one a joint, got {wanted.tolist()}")
        self._seen_s = time_s
        if self._told is None:
            self._told = wanted.copy()
            return Command(self._copy(), "following", 0.0)
        reach = self.fastest * step
        self._told = self._told + np.clip(wanted - self._told, -reach, reach)
        there = np.abs(wanted - self._told).max(initial=0) < 1e-9
        return Command(self._copy(), "following" if there else "returning", 0.0)

    def _copy(self) -> Float[np.ndarray, "n"] | None:
        return None if self._told is None else self._told.copy()
