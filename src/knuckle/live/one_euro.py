"""The One-Euro filter with true timestamps, of points and of rotations.

"1 Euro Filter", Casiez et al. 2012: a low-pass whose cut-off rises with speed, so that a hand at rest is steady and a
fast one is not late. Times are seconds and may come at any distance. Speed is the length of a vector's or a rotation's
rate, so that all its components are filtered alike. `beta` is Hz of cut-off for each unit of speed: metres and radians
a second here (settings for millimetres are a thousandth of those for metres).

A low-pass trails a steady motion by 1 / (2 pi cut-off) seconds. `trend` takes some of that away: before a new value is
mixed in, the old one goes on by that share of its own filtered speed. 0 is the filter as published.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.rig.quaternions import axis_angle_to_quaternion, inverse, multiply, quaternion_to_axis_angle


@dataclass(frozen=True)
class Cutoffs:
    """Settings of a filter; numbers, or arrays that broadcast to its values less the last dimension."""

    rest_hz: Any
    """Cut-off at rest (`mincutoff`): lower is steadier."""
    beta: Any
    """By how many Hz the cut-off rises with a unit of speed: higher is less late."""
    speed_hz: Any = 1.0
    """Cut-off of the speed itself (`dcutoff`)."""
    trend: Any = 0.0
    """Share of the filtered speed by which the old value goes on, 0..1."""


class OneEuro:
    """The filter of vectors (..., d), of which each has its own speed.

    Args:
        cutoffs: the settings.
        restart_s: after a longer time without a value it starts anew.
    """

    def __init__(self, cutoffs: Cutoffs, *, restart_s: float = 0.5) -> None:
        self.cutoffs, self._restart_s = cutoffs, restart_s
        self.reset()

    def reset(self) -> None:
        """Forget all values."""
        self._time_s: float | None = None
        self._value = self._given = self._speed = np.zeros(0)

    @property
    def speed(self) -> np.ndarray:
        """Filtered rate of the values, in their unit a second; of rotations in the axes of the rotation itself."""
        return self._speed

    def push(self, time_s: float, value: np.ndarray, *, unit: float = 1.0) -> np.ndarray:
        """The filtered value at that time. `unit`: what one of the value's unit counts in speed, where that is not 1.

        The time of the last value gives the last answer again. Raises KnuckleError for a time before it.
        """
        value = np.asarray(value, dtype=float)
        last = self._time_s
        if last is not None and time_s < last:
            raise KnuckleError(f"time_s: expected times that run forward, got {time_s:g} after {last:g}")
        if last is not None and time_s == last:
            return self._value
        if last is None or time_s - last > self._restart_s:
            self._value, self._speed = value, np.zeros(self._rate_shape(value))
        else:
            self._mix(value, time_s - last, unit)
        self._time_s, self._given = time_s, value
        return self._value

    def _mix(self, value: np.ndarray, step_s: float, unit: float) -> None:
        settings = self.cutoffs
        rate = self._difference(self._given, value) / step_s
        self._speed = self._speed + share_of_new(step_s, settings.speed_hz)[..., None] * (rate - self._speed)
        length = np.sqrt((self._speed * self._speed).sum(-1)) * unit
        share = share_of_new(step_s, settings.rest_hz + settings.beta * length)[..., None]
        trend = np.asarray(settings.trend)[..., None] * step_s
        before = self._moved(self._value, trend * self._speed)
        self._value = self._moved(before, share * self._difference(before, value))

    def saved(self) -> dict[str, Any]:
        """What it knows, as plain numbers and lists."""
        arrays = (self._value, self._given, self._speed)
        return {"time_s": self._time_s} | dict(zip(_KEPT, (a.tolist() for a in arrays), strict=True))

    def restore(self, data: dict[str, Any]) -> None:
        """Go on from what `saved` gave. Raises KnuckleError for anything else."""
        try:
            time_s = data["time_s"]
            self._time_s = None if time_s is None else float(time_s)
            self._value, self._given, self._speed = (np.array(data[name], dtype=float) for name in _KEPT)
        except (KeyError, TypeError, ValueError) as error:
            raise KnuckleError(f"state of a filter: expected what saved() gives, got {error!r}") from error

    def _rate_shape(self, value: np.ndarray) -> tuple[int, ...]:
        return value.shape

    def _difference(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return end - start

    def _moved(self, start: np.ndarray, by: np.ndarray) -> np.ndarray:
        return start + by


class RotationOneEuro(OneEuro):
    """The filter of rotations, as unit quaternions (..., 4), along the shortest turns; speeds are rad/s."""

    def _rate_shape(self, value: np.ndarray) -> tuple[int, ...]:
        return (*value.shape[:-1], 3)

    def _difference(self, start: np.ndarray, end: np.ndarray) -> Float[np.ndarray, "*batch 3"]:
        return quaternion_to_axis_angle(multiply(inverse(start), end))

    def _moved(self, start: np.ndarray, by: np.ndarray) -> Float[np.ndarray, "*batch 4"]:
        moved = multiply(start, axis_angle_to_quaternion(by))
        # Rounding would add up over hours.
        return moved / np.sqrt((moved * moved).sum(-1, keepdims=True))


_KEPT = ("value", "given", "speed")


def share_of_new(step_s: float, cutoff_hz: Any) -> Any:
    """Of a new value in the filtered one, step_s after the last."""
    turn = 2 * np.pi * step_s * np.asarray(cutoff_hz, dtype=float)
    return turn / (1 + turn)
