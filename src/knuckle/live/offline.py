"""Smoothing a finished track: what comes after a frame is known too, so nothing has to be late.

1. Frames that jump away from those around them and back (a mirrored hand, a wrong one) are set aside, as are those of
   little confidence.
2. Each of the others becomes the value of a parabola fitted to it and its neighbours in time, near ones counting more
   and those off the curve less (robust local regression, Cleveland 1979; with equal steps and weights it is the filter
   of Savitzky and Golay). Rotations are fitted in the plane of turns about the frame's own.
3. Gaps up to a second are bridged: rotations by the shortest turn, the place by a cubic that leaves and arrives at the
   speeds that were seen. The shape is one for the whole track: the median.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.errors import KnuckleError
from knuckle.hands import State
from knuckle.live.hand_pose import NEAREST_M, HandPose, between, palm_length_m
from knuckle.live.pose_filter import palm_middle_m
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues

_CHUNK = 256
_TURN_AT_LEAST_RAD, _MOVE_AT_LEAST_M = 0.7, 0.08
"""A frame that is off its neighbours' course by less is never an outlier,"""
_TIMES_USUAL = 6.0
"""nor by less than so many times what is usual in the track."""
_NEIGHBOURS = (1, 2, 3, 4)
"""Frames apart: the course is what lies between the frames so far before and after."""


@dataclass(frozen=True)
class Smoothing:
    """Settings (`benchmarks/live/smoothing.py` shows how they were chosen)."""

    place_s: float = 0.15
    """Half the window of the direction to the hand, seconds,"""
    distance_s: float = 0.3
    """of its distance,"""
    wrist_s: float = 0.15
    """of its rotation,"""
    fingers_s: float = 0.15
    """and of its fingers'."""
    bridge_s: float = 1.0
    """The longest gap that is bridged."""
    rounds: int = 2
    """Fits of each parabola: after the first, neighbours far off it count less."""


class SmoothTrack(NamedTuple):
    """A smoothed track of T frames."""

    poses: HandPose
    """NaN in frames without a hand."""
    states: tuple[State | None, ...]
    """"observed" where a frame's own pose counted, "bridged" where it lies between others', "doubtful" where the pose
    is the frame's own although its confidence is low and no bridge spans it; None without a hand."""


def smooth_track(
    times_s: Float[np.ndarray, "T"],
    poses: HandPose,
    confidence: Float[np.ndarray, "T"],
    *,
    threshold: float,
    rig: HandRig,
    smoothing: Smoothing | None = None,
) -> SmoothTrack:
    """A track without what was wrong or noise.

    Args:
        times_s: of the frames, rising.
        poses: of T frames; NaN where nothing was seen.
        confidence: of the frames, on the threshold's scale.
        threshold: from which on a frame is believed.
        rig: of the hand's side.
        smoothing: the settings.

    Raises KnuckleError for times that do not rise, or arrays of different lengths.
    """
    settings = smoothing or Smoothing()
    times_s, confidence = np.asarray(times_s, dtype=float), np.asarray(confidence, dtype=float)
    if not len(times_s) == len(confidence) == len(poses.root_m):
        raise KnuckleError(
            "track: expected as many times, poses and confidences, got"
            f" {len(times_s)}, {len(poses.root_m)} and {len(confidence)}"
        )
    if (np.diff(times_s) <= 0).any():
        raise KnuckleError("times_s: expected times that run forward, got a step of 0 or back")
    seen = np.all([np.isfinite(value).all(tuple(range(1, value.ndim))) for value in poses], axis=0)
    sure = seen & (confidence >= threshold) & (np.nan_to_num(poses.root_m[:, 2]) > NEAREST_M)
    states: list[State | None] = ["doubtful" if one else None for one in seen]
    given = HandPose(*(np.where(seen.reshape(-1, *[1] * (v.ndim - 1)), v, np.nan) for v in poses))
    rows = np.flatnonzero(sure)
    rows = rows[~outliers(times_s[rows], poses.rows(rows))]
    if not len(rows):
        return SmoothTrack(given, tuple(states))
    shape = np.median(poses.shape[rows], axis=0)
    given.shape[seen] = shape
    for part in np.split(rows, np.flatnonzero(np.diff(times_s[rows]) > settings.bridge_s) + 1):
        course = _smoothed(times_s[part], poses.rows(part), shape, rig, settings)
        span = np.arange(part[0], part[-1] + 1)
        for target, values in zip(
            given, _filled(times_s[span], times_s[part], course, shape, rig), strict=True
        ):
            target[span] = values
        for row in span:
            states[row] = "bridged"
        for row in part:
            states[row] = "observed"
    return SmoothTrack(given, tuple(states))


def outliers(times_s: Float[np.ndarray, "T"], poses: HandPose) -> Bool[np.ndarray, "T"]:
    """Frames whose hand is turned or placed far from the course of those around it, for up to two frames on end."""
    count = len(times_s)
    turned, moved = np.full((2, len(_NEIGHBOURS), count), np.nan)
    for row, apart in enumerate(_NEIGHBOURS):
        if count <= 2 * apart:
            continue
        middle = slice(apart, count - apart)
        before, after = poses.rows(slice(0, count - 2 * apart)), poses.rows(slice(2 * apart, count))
        share = (times_s[middle] - times_s[: -2 * apart]) / (times_s[2 * apart :] - times_s[: -2 * apart])
        course = between(before, after, share)
        own, other = rodrigues(poses.pose_rad[middle, 0]), rodrigues(course.pose_rad[:, 0])
        turned[row, middle] = np.linalg.norm(matrix_to_axis_angle(other.swapaxes(-1, -2) @ own), axis=-1)
        moved[row, middle] = np.linalg.norm(poses.root_m[middle] - course.root_m, axis=-1)
    found = np.zeros(count, dtype=bool)
    for apart, at_least in ((turned, _TURN_AT_LEAST_RAD), (moved, _MOVE_AT_LEAST_M)):
        # Of a good frame beside two wrong ones, two courses do not pass through these.
        apart = np.sort(apart, axis=0)
        off = np.where(np.isnan(apart[1]), apart[0], apart[1])
        known = np.isfinite(off)
        if known.any():
            found[known] |= off[known] > max(at_least, _TIMES_USUAL * float(np.median(off[known])))
    return found


class _Course(NamedTuple):
    """A smoothed part of a track, n frames."""

    rotations: Float[np.ndarray, "n 16 3 3"]
    place: Float[np.ndarray, "n 3"]
    """x / z, y / z and the logarithm of z in lengths of the palm, of the palm's middle."""
    rate: Float[np.ndarray, "n 3"]
    """Its change a second."""


def _smoothed(
    times_s: Float[np.ndarray, "n"], poses: HandPose, shape: Any, rig: HandRig, settings: Smoothing
) -> _Course:
    rotations = rodrigues(poses.pose_rad.astype(float))
    middle = poses.root_m + rotations[:, 0] @ palm_middle_m(rig)
    length = palm_length_m(rig, poses.shape)
    place = np.concatenate([middle[:, :2] / middle[:, 2:], np.log(middle[:, 2:] / length[:, None])], 1)
    rate, smooth, turned = np.zeros_like(place), place.copy(), rotations.copy()
    for columns, window_s in ((slice(0, 2), settings.place_s), (slice(2, 3), settings.distance_s)):
        for rows, near, apart_s in _windows(times_s, window_s):
            apart = place[near, columns] - place[rows, None, columns]
            value, slope = _parabola(apart_s, apart[:, :, None], window_s, settings.rounds)
            smooth[rows, columns] += value[:, 0]
            rate[rows, columns] = slope[:, 0]
    for joints, window_s in ((slice(0, 1), settings.wrist_s), (slice(1, 16), settings.fingers_s)):
        for rows, near, apart_s in _windows(times_s, window_s):
            own = rotations[rows, None, joints].swapaxes(-1, -2)
            apart = matrix_to_axis_angle(own @ rotations[near, joints])
            value, _ = _parabola(apart_s, apart, window_s, settings.rounds)
            turned[rows, joints] = rotations[rows, joints] @ rodrigues(value)
    return _Course(turned, smooth, rate)


def _windows(times_s: Float[np.ndarray, "n"], window_s: float) -> Any:
    """Some frames at a time: their rows, those of the frames around them (n, k; the ends are repeated), and how far
    these are from them in time, infinite where they are not in the window."""
    first = np.searchsorted(times_s, times_s - window_s)
    last = np.searchsorted(times_s, times_s + window_s, side="right")
    for start in range(0, len(times_s), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(times_s)))
        places = first[rows, None] + np.arange((last - first)[rows].max())
        inside = places < last[rows, None]
        near: Int[np.ndarray, "n k"] = np.minimum(places, len(times_s) - 1)
        yield rows, near, np.where(inside, times_s[near] - times_s[rows, None], np.inf)


def _parabola(
    apart_s: Float[np.ndarray, "n k"], values: Float[np.ndarray, "n k j d"], window_s: float, rounds: int
) -> tuple[Float[np.ndarray, "n j d"], Float[np.ndarray, "n j d"]]:
    """The parabolas fitted to j vectors in k neighbouring frames: their values at time 0, and the slopes of straight
    lines fitted alike, which at the end of a track are surer. With less than four neighbours the values are the lines'
    too."""
    steps = np.where(np.isfinite(apart_s), apart_s, 0.0) / window_s
    weights = np.where(np.isfinite(apart_s), (1 - np.minimum(np.abs(steps), 0.999) ** 3) ** 3, 0.0)
    enough = (weights > 0).sum(1)
    design = np.stack([np.ones_like(steps), steps, steps**2], -1)
    design[enough < 4, :, 2] = 0
    weights = np.repeat(weights[:, :, None], values.shape[2], axis=2)
    fit = np.zeros((len(values), values.shape[2], 3, values.shape[3]))
    normal, right, ridge = np.eye(3), fit, 1e-9 * np.eye(3)
    for turn in range(rounds):
        if turn:
            off = np.linalg.norm(values - np.einsum("nkp,njpd->nkjd", design, fit), axis=-1)
            usual = np.array(
                [_weighted_median(off[:, :, j], weights[:, :, j]) for j in range(off.shape[2])]
            ).T
            ratio = off / (6 * np.maximum(usual, 1e-9))[:, None]
            weights = weights * np.clip(1 - ratio**2, 0, None) ** 2
        normal = np.einsum("nkj,nkp,nkq->njpq", weights, design, design) + ridge
        right = np.einsum("nkj,nkp,nkjd->njpd", weights, design, values)
        fit = np.linalg.solve(normal, right)
    line = np.linalg.solve(normal[..., :2, :2], right[..., :2, :])
    return fit[:, :, 0], line[:, :, 1] / window_s


def _weighted_median(
    values: Float[np.ndarray, "n k"], weights: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, "n"]:
    order = np.argsort(values, axis=1)
    gathered = np.cumsum(np.take_along_axis(weights, order, 1), axis=1)
    half = (gathered >= gathered[:, -1:] / 2).argmax(1)
    return np.take_along_axis(values, order[np.arange(len(values)), half][:, None], 1)[:, 0]


def _filled(
    wanted_s: Float[np.ndarray, "m"],
    times_s: Float[np.ndarray, "n"],
    course: _Course,
    shape: Any,
    rig: HandRig,
) -> HandPose:
    """A course at all frames from its first to its last."""
    if len(times_s) == 1:
        rotations, place = course.rotations, course.place
    else:
        row = np.clip(np.searchsorted(times_s, wanted_s, side="right") - 1, 0, len(times_s) - 2)
        gap_s = times_s[row + 1] - times_s[row]
        share = ((wanted_s - times_s[row]) / gap_s)[:, None]
        start, end = course.rotations[row], course.rotations[row + 1]
        turn = matrix_to_axis_angle(start.swapaxes(-1, -2) @ end)
        rotations = start @ rodrigues(share[..., None] * turn)
        # The cubic of Hermite through both places with both rates.
        a, b = course.place[row], course.place[row + 1]
        ahead, back = course.rate[row] * gap_s[:, None], course.rate[row + 1] * gap_s[:, None]
        # The distance's rate is mostly noise: it goes straight.
        ahead[:, 2] = back[:, 2] = (b - a)[:, 2]
        place = a + share * (
            ahead + share * (3 * (b - a) - 2 * ahead - back + share * (2 * (a - b) + ahead + back))
        )
    depth = np.exp(place[:, 2:]) * palm_length_m(rig, shape)
    root = np.concatenate([place[:, :2] * depth, depth], 1) - rotations[:, 0] @ palm_middle_m(rig)
    return HandPose(root, matrix_to_axis_angle(rotations), np.broadcast_to(shape, (len(root), 10)))
