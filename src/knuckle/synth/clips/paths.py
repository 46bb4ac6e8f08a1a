"""Values that change smoothly with time: reaching movements between keys, slow wandering, oscillation in bursts."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

Path = Callable[[float], np.ndarray]
"""A value at a time (s)."""


def ease(share: float) -> float:
    """How far a reaching movement of people has come after a share of its time: minimum jerk (Flash and Hogan 1985)."""
    s = min(max(share, 0.0), 1.0)
    return s * s * s * (10 - 15 * s + 6 * s * s)


class Keys:
    """Minimum-jerk movements from key to key; the first and the last value are held beyond them. Two equal values in a
    row are a rest.

    times_s: increasing. values: one for each, of any shape.
    """

    def __init__(self, times_s: Sequence[float] | np.ndarray, values: Sequence[object] | np.ndarray) -> None:
        self.times = np.asarray(times_s, float)
        self.values = np.asarray(values, float)
        if len(self.times) != len(self.values) or (np.diff(self.times) <= 0).any():
            raise ValueError(f"keys: expected increasing times, one a value, got {self.times.tolist()}")

    def __call__(self, time_s: float) -> np.ndarray:
        after = int(np.searchsorted(self.times, time_s, side="right"))
        if after == 0:
            return self.values[0]
        if after == len(self.times):
            return self.values[-1]
        start, end = self.times[after - 1], self.times[after]
        share = ease((time_s - start) / (end - start))
        return self.values[after - 1] + share * (self.values[after] - self.values[after - 1])


class Wander:
    """Slow noise about zero: a sum of sines whose amplitude falls with their frequency.

    size: standard deviation of each component. low_hz, high_hz: of the sines.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        size: Float[np.ndarray, "c"] | Sequence[float],
        *,
        low_hz: float = 0.1,
        high_hz: float = 0.9,
        count: int = 7,
    ) -> None:
        size = np.asarray(size, float)
        self.hz = np.geomspace(low_hz, high_hz, count) * rng.uniform(0.9, 1.1, count)
        amplitude = rng.normal(size=(count, len(size))) / self.hz[:, None]
        # A sine of amplitude a has the variance a^2 / 2.
        self.amplitude = amplitude * size / np.sqrt((amplitude**2).sum(0) / 2)
        self.phase = rng.uniform(0, 2 * np.pi, (count, len(size)))

    def __call__(self, time_s: float) -> np.ndarray:
        return (self.amplitude * np.sin(2 * np.pi * self.hz[:, None] * time_s + self.phase)).sum(0)


class Shaking:
    """A fast oscillation between two times, with a soft start and end; zero outside.

    size: amplitude of each component. hz: how often a second. ramp_s: how long start and end take.
    """

    def __init__(
        self,
        start_s: float,
        end_s: float,
        size: Sequence[float] | np.ndarray,
        hz: float,
        *,
        ramp_s: float = 0.3,
    ) -> None:
        self.start, self.end, self.size, self.hz, self.ramp = (
            start_s,
            end_s,
            np.asarray(size, float),
            hz,
            ramp_s,
        )

    def __call__(self, time_s: float) -> np.ndarray:
        strength = ease((time_s - self.start) / self.ramp) * ease((self.end - time_s) / self.ramp)
        return strength * self.size * np.sin(2 * np.pi * self.hz * (time_s - self.start))


def total(*paths: Path) -> Path:
    """The sum of several."""
    return lambda time_s: np.sum([path(time_s) for path in paths], axis=0)


def still(*value: float) -> Path:
    """A value that does not change."""
    fixed = np.asarray(value, float)
    return lambda time_s: fixed
