"""Smoothing a finished track: what comes after a frame is known too, so nothing has to be late.

1. Frames that jump away from those around them and back (a mirrored hand, a wrong one) are set aside, as are those of
   little confidence.
2. Each of the others becomes the value of a parabola fitted to it and its neighbours in time, near ones counting more
   and those off the curve less (robust local regression, Cleveland 1979; with equal steps and weights it is the filter
   of Savitzky and Golay). Rotations are fitted in the plane of turns about the frame's own.
3. Gaps up to a second are bridged: rotations by the shortest turn, distances straight; the direction is that in which
   frames of little confidence show the hand, or else a cubic that leaves and arrives at the speeds that were seen. At
   ends and in longer gaps the nearest pose is held for half a second. The shape is one for the whole track: the median.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.errors import KnuckleError
from knuckle.hands import State
from knuckle.live.hand_pose import (
    NEAREST_M,
    HandPose,
    between,
    palm_length_m,
    palm_middle,
    place_joints,
    reach_m,
    seen_at,
)
from knuckle.live.pose_filter import palm_middle_m
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.quaternions import (
    axis_angle_to_quaternion,
    inverse,
    multiply,
    quaternion_to_axis_angle,
)
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

    place_s: float = 0.1
    """Half the window of the direction to the hand, seconds,"""
    distance_s: float = 0.4
    """of its distance,"""
    wrist_s: float = 0.2
    """of its rotation,"""
    fingers_s: float = 0.2
    """and of its fingers'."""
    bridge_s: float = 1.0
    """The longest gap that is bridged."""
    hold_s: float = 0.5
    """For how long the first or last confident pose is kept before and after it, at the ends and in longer gaps."""
    rounds: int = 2
    """Fits of each parabola: after the first, neighbours far off it count less."""


class SmoothTrack(NamedTuple):
    """A smoothed track of T frames."""

    poses: HandPose
    """NaN in frames without a hand."""
    states: tuple[State | None, ...]
    """"observed" where a frame's own pose counted, "bridged" where it lies between others', "held" where it
    is the nearest confident one, "doubtful" where it is the frame's own in spite of low confidence; None without a
    hand."""


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
    in_front = np.flatnonzero(seen & (np.nan_to_num(poses.root_m[:, 2]) > NEAREST_M))
    rows = np.flatnonzero(sure)
    wrong = rows[outliers(times_s[rows], poses.rows(rows))]
    rows, in_front = np.setdiff1d(rows, wrong), np.setdiff1d(in_front, wrong)
    if not len(rows):
        return SmoothTrack(given, tuple(states))
    shape = np.median(poses.shape[rows], axis=0)
    given.shape[seen] = shape
    for part in np.split(rows, np.flatnonzero(np.diff(times_s[rows]) > settings.bridge_s) + 1):
        span = np.arange(part[0], part[-1] + 1)
        shown = _followed(times_s, in_front[(in_front >= part[0]) & (in_front <= part[-1])], part, poses, rig)
        smooth = _smoothed(times_s, span, part, shown, poses, shape, rig, settings)
        for target, values in zip(given, smooth, strict=True):
            target[span] = values
        for row in span:
            states[row] = "bridged"
        for row in part:
            states[row] = "observed"
    _hold(times_s, rows, poses, given, states, rig, settings.hold_s)
    return SmoothTrack(given, tuple(states))


def outliers(times_s: Float[np.ndarray, "T"], poses: HandPose) -> Bool[np.ndarray, "T"]:
    """Frames whose hand is turned or placed far from the course of those around it, for up to two frames on end."""
    count = len(times_s)
    turns, moved = np.full((2, len(_NEIGHBOURS), count), np.nan)
    for row, apart in enumerate(_NEIGHBOURS):
        if count <= 2 * apart:
            continue
        middle = slice(apart, count - apart)
        before, after = poses.rows(slice(0, count - 2 * apart)), poses.rows(slice(2 * apart, count))
        share = (times_s[middle] - times_s[: -2 * apart]) / (times_s[2 * apart :] - times_s[: -2 * apart])
        course = between(before, after, share)
        own, other = rodrigues(poses.pose_rad[middle, 0]), rodrigues(course.pose_rad[:, 0])
        turns[row, middle] = np.linalg.norm(matrix_to_axis_angle(other.swapaxes(-1, -2) @ own), axis=-1)
        moved[row, middle] = np.linalg.norm(poses.root_m[middle] - course.root_m, axis=-1)
    found = np.zeros(count, dtype=bool)
    for apart, at_least in ((turns, _TURN_AT_LEAST_RAD), (moved, _MOVE_AT_LEAST_M)):
        # Of a good frame beside two wrong ones, two courses do not pass through these.
        apart = np.sort(apart, axis=0)
        courses = np.isfinite(apart).sum(0)
        off = np.where(courses > 2, apart[1], apart[0])
        # At the ends a single course may itself lead to a wrong frame.
        known = courses > 1
        if known.any():
            found[known] |= off[known] > max(at_least, _TIMES_USUAL * float(np.median(off[known])))
    return found


def _hold(
    times_s: Float[np.ndarray, "T"],
    sure: Int[np.ndarray, "n"],
    poses: HandPose,
    given: HandPose,
    states: list[State | None],
    rig: HandRig,
    hold_s: float,
) -> None:
    """Give unsure frames beyond the ends of what is smoothed the nearest sure pose, in the direction in which they show
    the hand."""
    for row in [row for row, state in enumerate(states) if state == "doubtful"]:
        near = sure[np.abs(times_s[sure] - times_s[row]).argmin()]
        apart_s = abs(float(times_s[near] - times_s[row]))
        if apart_s > hold_s:
            continue
        kept = given.rows(near)
        moved = seen_at(kept, poses.rows(row), palm_middle_m(rig), within_m=reach_m(apart_s)) or kept
        for target, value in zip(given, moved, strict=True):
            target[row] = value
        states[row] = "held"


def _smoothed(
    times_s: Float[np.ndarray, "T"],
    span: Int[np.ndarray, "m"],
    sure: Int[np.ndarray, "n"],
    shown: Int[np.ndarray, "k"],
    poses: HandPose,
    shape: Float[np.ndarray, "10"],
    rig: HandRig,
    settings: Smoothing,
) -> HandPose:
    """The frames `span` of a track, from rotations and distances of its sure frames and directions of all that show the
    hand."""
    seen = poses.rows(shown)
    own, middle = axis_angle_to_quaternion(seen.pose_rad.astype(float)), place_joints(rig, seen).mean(-2)
    ray = _course(times_s, span, shown, middle[:, :2] / middle[:, 2:], settings.place_s, settings.rounds)
    among = np.isin(shown, sure)
    lengths = np.log(middle[among, 2] / palm_length_m(rig, seen.shape[among]))[:, None]
    distance = _course(times_s, span, sure, lengths, settings.distance_s, settings.rounds, straight=True)
    rotations = own[among]
    smooth = rotations.copy()
    for joints, window_s in ((slice(0, 1), settings.wrist_s), (slice(1, 16), settings.fingers_s)):
        for rows, near, apart_s in _windows(times_s[sure], window_s):
            start = rotations[rows, None, joints]
            apart = quaternion_to_axis_angle(multiply(inverse(start), rotations[near, joints]))
            value, _ = _parabola(apart_s, apart, window_s, settings.rounds)
            smooth[rows, joints] = multiply(start[:, 0], axis_angle_to_quaternion(value))
    before, after, share, _ = _between(times_s, span, sure)
    turn = quaternion_to_axis_angle(multiply(inverse(smooth[before]), smooth[after]))
    full = multiply(smooth[before], axis_angle_to_quaternion(share[:, None, None] * turn))
    still = HandPose(
        np.zeros((len(span), 3)), quaternion_to_axis_angle(full), np.broadcast_to(shape, (len(span), 10))
    )
    depth = np.exp(distance) * palm_length_m(rig, shape)
    root = np.concatenate([ray * depth, depth], 1) - place_joints(rig, still).mean(-2)
    return still._replace(root_m=root)


def _followed(
    times_s: Float[np.ndarray, "T"],
    shown: Int[np.ndarray, "k"],
    sure: Int[np.ndarray, "n"],
    poses: HandPose,
    rig: HandRig,
) -> Int[np.ndarray, "f"]:
    """The sure frames, and those others that show the hand where it can have come to since, and go on from to the next
    sure one."""
    middles, among = palm_middle(poses, palm_middle_m(rig)), set(sure.tolist())
    kept = set(shown.tolist())
    for order in (shown, shown[::-1]):
        last = order[0]
        for row in order[1:]:
            if row in kept and row not in among:
                move = middles[row] * (middles[last, 2] / middles[row, 2]) - middles[last]
                if np.linalg.norm(move) > reach_m(abs(float(times_s[row] - times_s[last]))):
                    kept.discard(int(row))
            if row in kept:
                last = row
    return np.array(sorted(kept))


def _course(
    times_s: Float[np.ndarray, "T"],
    span: Int[np.ndarray, "m"],
    known: Int[np.ndarray, "n"],
    values: Float[np.ndarray, "n d"],
    window_s: float,
    rounds: int,
    *,
    straight: bool = False,
) -> Float[np.ndarray, "m d"]:
    """Values of the frames `known`, smoothed, and between them: cubics with the smoothed rates at both ends, or
    straight lines where rates are mostly noise."""
    smooth, rate = values.copy(), np.zeros_like(values)
    for rows, near, apart_s in _windows(times_s[known], window_s):
        value, slope = _parabola(apart_s, (values[near] - values[rows, None])[:, :, None], window_s, rounds)
        smooth[rows] += value[:, 0]
        rate[rows] = slope[:, 0]
    before, after, part, gap_s = _between(times_s, span, known)
    share = part[:, None]
    a, b = smooth[before], smooth[after]
    if straight:
        return a + share * (b - a)
    ahead, back = rate[before] * gap_s[:, None], rate[after] * gap_s[:, None]
    return a + share * (
        ahead + share * (3 * (b - a) - 2 * ahead - back + share * (2 * (a - b) + ahead + back))
    )


def _between(
    times_s: Float[np.ndarray, "T"], span: Int[np.ndarray, "m"], known: Int[np.ndarray, "n"]
) -> tuple[Int[np.ndarray, "m"], Int[np.ndarray, "m"], Float[np.ndarray, "m"], Float[np.ndarray, "m"]]:
    """For each frame the places in `known` before and after it, how far it is between them, 0..1, and their distance in
    seconds. `known` has the first and the last of `span`."""
    if len(known) == 1:
        nothing = np.zeros(len(span), dtype=int)
        return nothing, nothing, np.zeros(len(span)), np.zeros(len(span))
    before = np.asarray(np.searchsorted(known, span, side="right") - 1).clip(0, len(known) - 2)
    start_s = times_s[known[before]]
    gap_s = times_s[known[before + 1]] - start_s
    return before, before + 1, (times_s[span] - start_s) / gap_s, gap_s


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
    lines fitted alike, which at the end of a track are surer. With less than three frames the values are the lines'
    too."""
    steps = np.where(np.isfinite(apart_s), apart_s, 0.0) / window_s
    weights = np.where(np.isfinite(apart_s), (1 - np.minimum(np.abs(steps), 0.999) ** 3) ** 3, 0.0)
    enough = (weights > 0).sum(1)
    design = np.stack([np.ones_like(steps), steps, steps**2], -1)
    design[enough < 3, :, 2] = 0
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
