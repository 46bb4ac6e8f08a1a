"""How a track of joints moves beside the true one: jitter, lag, errors where motion is fast.

Tracks are (T, K, 3) metres with the times of their T frames, seconds, which may lie at any distance. Frames whose truth
is NaN (the hand is out of the picture) take no part, nor do steps and accelerations that touch one.
"""

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.checks import check_pair

LARGEST_SHIFT = 4.0
"""Frames within which a lag is looked for."""
_SHIFT_STEP = 0.05
_LEAST_AGREEMENT = 0.3
FASTEST = 0.1
"""Share of a track's frames that count as its fastest."""


def velocities(
    joints_m: Float[np.ndarray, "T K 3"], times_s: Float[np.ndarray, "T"]
) -> Float[np.ndarray, "T-1 K 3"]:
    """Of each step from a frame to the next, m/s. Raises KnuckleError for times that do not run forward."""
    steps_s = _steps(joints_m, times_s)
    return np.diff(joints_m, axis=0) / steps_s[:, None, None]


def accelerations(
    joints_m: Float[np.ndarray, "T K 3"], times_s: Float[np.ndarray, "T"]
) -> Float[np.ndarray, "T-2 K 3"]:
    """Of every frame but the first and last, m/s^2: the change of velocity over half the time of both steps."""
    steps_s = _steps(joints_m, times_s)
    return np.diff(velocities(joints_m, times_s), axis=0) / ((steps_s[1:] + steps_s[:-1]) / 2)[:, None, None]


def jitter(joints_m: Float[np.ndarray, "T K 3"], times_s: Float[np.ndarray, "T"]) -> float:
    """Mean length of the acceleration, m/s^2: what noise from frame to frame adds to a motion's own. NaN where no three
    frames follow each other."""
    return _mean(np.linalg.norm(accelerations(joints_m, times_s), axis=-1))


def acceleration_error(
    truth_m: Float[np.ndarray, "T K 3"],
    predicted_m: Float[np.ndarray, "T K 3"],
    times_s: Float[np.ndarray, "T"],
) -> float:
    """Mean length of the difference of both accelerations, m/s^2: 0 for a track that moves as the truth does, wherever
    it is. A smooth track of a shaking hand does not pass here, as it does with `jitter`."""
    truth_m, predicted_m = _pair(truth_m, predicted_m)
    apart = accelerations(predicted_m, times_s) - accelerations(truth_m, times_s)
    return _mean(np.linalg.norm(apart, axis=-1))


def lag_frames(
    truth_m: Float[np.ndarray, "T K 3"],
    predicted_m: Float[np.ndarray, "T K 3"],
    times_s: Float[np.ndarray, "T"],
) -> float:
    """By how many frames (of the median distance) a track is behind the true one; negative: ahead.

    It is the shift in time at which the true velocities agree best with the track's: the highest correlation, in steps
    of a twentieth of a frame. A steady error of place, and noise that is not of the motion, do not change it. NaN where
    the track does not follow the motion at any shift, or there is none.
    """
    truth_m, predicted_m = _pair(truth_m, predicted_m)
    frame_s = float(np.median(_steps(truth_m, times_s)))
    middles_s = (times_s[1:] + times_s[:-1]) / 2
    moved = velocities(predicted_m, times_s).reshape(len(middles_s), -1)
    true = velocities(truth_m, times_s).reshape(len(middles_s), -1)
    best, found = _LEAST_AGREEMENT, np.nan
    for shift in np.arange(-LARGEST_SHIFT, LARGEST_SHIFT + _SHIFT_STEP / 2, _SHIFT_STEP):
        shifted = _at(middles_s - shift * frame_s, middles_s, true)
        both = np.isfinite(shifted).all(1) & np.isfinite(moved).all(1)
        lengths = np.linalg.norm(shifted[both]) * np.linalg.norm(moved[both])
        if both.any() and lengths > 1e-9:
            agreement = float((shifted[both] * moved[both]).sum() / lengths)
            if agreement > best:
                best, found = agreement, float(shift)
    return found


def fastest(
    truth_m: Float[np.ndarray, "T K 3"], times_s: Float[np.ndarray, "T"], *, share: float = FASTEST
) -> Bool[np.ndarray, "T"]:
    """The frames in which the true joints are fastest on average: peaks of speed, the given share of all frames that
    have neighbours on both sides."""
    speed = np.full(len(truth_m), np.nan)
    around = (truth_m[2:] - truth_m[:-2]) / (times_s[2:] - times_s[:-2])[:, None, None]
    _steps(truth_m, times_s)
    speed[1:-1] = np.linalg.norm(around, axis=-1).mean(1)
    known = np.flatnonzero(np.isfinite(speed) & np.isfinite(truth_m).all((1, 2)))
    count = int(np.ceil(share * len(known)))
    chosen = np.zeros(len(truth_m), dtype=bool)
    chosen[known[np.argsort(-speed[known], kind="stable")[:count]]] = True
    return chosen


def _at(
    wanted_s: Float[np.ndarray, "T"], times_s: Float[np.ndarray, "T"], values: Float[np.ndarray, "T d"]
) -> Float[np.ndarray, "T d"]:
    """Values between those of known times; NaN outside, and beside a value that is NaN."""
    place = np.asarray(np.searchsorted(times_s, wanted_s) - 1).clip(0, len(times_s) - 2)
    share = (wanted_s - times_s[place]) / (times_s[place + 1] - times_s[place])
    mixed = values[place] + share[:, None] * (values[place + 1] - values[place])
    # Just at a known value its neighbour does not count.
    mixed = np.where(np.abs(share)[:, None] < 1e-9, values[place], mixed)
    inside = (share >= -1e-9) & (share <= 1 + 1e-9)
    return np.where(inside[:, None], mixed, np.nan)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _pair(truth_m: np.ndarray, predicted_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, the prediction NaN wherever the truth is."""
    out = np.zeros(len(truth_m), dtype=bool)
    if truth_m.ndim == 3:
        out |= np.isnan(truth_m).any((1, 2))
    shown = predicted_m if not out.any() else np.where(out[:, None, None], 0.0, predicted_m)
    check_pair(truth_m, shown, name="track of joints_m", last=3)
    return truth_m, np.where(out[:, None, None], np.nan, predicted_m)


def _steps(joints_m: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    if joints_m.ndim != 3 or len(joints_m) != len(times_s) or len(times_s) < 3:
        raise KnuckleError(
            f"track: expected joints (T, K, 3) and T times, T from 3 on, got {joints_m.shape} and"
            f" {np.shape(times_s)}"
        )
    steps_s = np.diff(times_s)
    if not (steps_s > 0).all():
        raise KnuckleError("times_s: expected times that run forward, got a step of 0 or back")
    return steps_s
