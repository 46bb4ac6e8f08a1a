"""How hands and a thing touch and move together, as ARCTIC measures it (Fan et al. 2023).

Metres. A hand of V vertices and a thing of P, both with the same numbering in truth and prediction, through T frames.
Places where the true hand touches the true thing (nearer than 3 mm) say which vertices belong together; the prediction
is measured there. What does not count is NaN. The facts are those of the authors' `loss_modules.py`, `mdev.py` and
`eval_modules.py` (github.com/zc-alexfan/arctic, src/utils).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from knuckle.errors import KnuckleError

CONTACT_M = 0.003
LEAST_FRAMES = 15
"""Of a touch that lasts: half a second."""
FRAMES_S = 30.0
"""Frames a second."""


class Touch(NamedTuple):
    """The thing's vertex next to each of the hand's, frame by frame."""

    distance_m: Float[np.ndarray, "T V"]
    """Infinite where none is within reach."""
    vertex: Int[np.ndarray, "T V"]
    """-1 where none is within reach."""


class Window(NamedTuple):
    """A touch that lasts: frames from first to last, a vertex of the hand and the one of the thing that it stays at."""

    first: int
    last: int
    hand: int
    thing: int


def touches(
    hand_m: Float[np.ndarray, "T V 3"], thing_m: Float[np.ndarray, "T P 3"], *, reach_m: float = CONTACT_M
) -> Touch:
    """Where a hand touches a thing. Raises KnuckleError for another number of frames."""
    if len(hand_m) != len(thing_m):
        raise KnuckleError(
            f"hand and thing: expected as many frames of both, got {len(hand_m)}, {len(thing_m)}"
        )
    distance = np.full(hand_m.shape[:2], np.inf)
    vertex = np.full(hand_m.shape[:2], -1)
    for frame, (hand, thing) in enumerate(zip(hand_m, thing_m, strict=True)):
        # Only what lies in each other's box can touch.
        near = np.flatnonzero(_in_box(hand, thing, reach_m))
        those = np.flatnonzero(_in_box(thing, hand[near], reach_m)) if len(near) else near
        if not len(those):
            continue
        apart = np.linalg.norm(hand[near, None] - thing[None, those], axis=-1)
        nearest = apart.argmin(1)
        found = apart[np.arange(len(near)), nearest]
        within = found <= reach_m
        distance[frame, near[within]] = found[within]
        vertex[frame, near[within]] = those[nearest[within]]
    return Touch(distance, vertex)


def contact_deviations(
    hand_m: Float[np.ndarray, "T V 3"],
    thing_m: Float[np.ndarray, "T P 3"],
    touch: Touch,
    counts: Bool[np.ndarray, "T"],
) -> Float[np.ndarray, "T"]:
    """CDev, m: how far the predicted hand's vertices lie from those of the thing that they should touch, the mean over
    the vertices that touch in truth; NaN of frames in which the hand does not count or touches nothing."""
    found = np.full(len(hand_m), np.nan)
    for frame in np.flatnonzero(counts):
        own = np.flatnonzero(touch.distance_m[frame] <= CONTACT_M)
        if len(own):
            apart = thing_m[frame, touch.vertex[frame, own]] - hand_m[frame, own]
            found[frame] = np.linalg.norm(apart, axis=-1).mean()
    return found


def lasting_touches(touch: Touch, thing_m: Float[np.ndarray, "P 3"]) -> list[Window]:
    """Touches of at least 15 frames in turn that do not slide; thing_m: the thing in the first frame.

    A touch lasts from a frame after one without it to a frame before one without it. It slides where the thing's
    vertices that it meets lie more than 3 mm apart on average, over pairs of frames: of the first 15 each pair of two
    once, of the others, as the authors do, both ways and each with itself. It stays at the vertex that it meets most
    often, of several at the one with the lowest number.
    """
    windows = []
    touching = touch.distance_m < CONTACT_M
    for hand in np.flatnonzero(touching.sum(0) >= LEAST_FRAMES).tolist():
        steps = np.diff(touching[:, hand].astype(int))
        starts, ends = np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1)
        for first in starts.tolist():
            later = ends[ends >= first]
            if not len(later) or later[0] - first + 1 < LEAST_FRAMES:
                continue
            last = int(later[0])
            met = touch.vertex[first : last + 1, hand]
            if _mean_apart(thing_m[met]) <= CONTACT_M:
                windows.append(Window(first, last, hand, int(np.bincount(met).argmax())))
    return windows


def motion_deviations(
    windows: list[Window],
    hand_m: Float[np.ndarray, "T V 3"],
    thing_m: Float[np.ndarray, "T P 3"],
    counts: Bool[np.ndarray, "T"],
) -> Float[np.ndarray, "W"]:
    """MDev, m: how differently the predicted hand's and thing's vertices move from frame to frame while they should
    stay together, the mean over a window's steps whose two frames count; NaN of windows without one."""
    found = np.full(len(windows), np.nan)
    for number, (first, last, hand, thing) in enumerate(windows):
        frames = slice(first, last + 1)
        apart = np.diff(hand_m[frames, hand], axis=0) - np.diff(thing_m[frames, thing], axis=0)
        both = counts[frames][1:] & counts[frames][:-1]
        if both.any():
            found[number] = np.linalg.norm(apart[both], axis=-1).mean()
    return found


def acceleration_errors(
    truth_m: Float[np.ndarray, "T K 3"],
    predicted_m: Float[np.ndarray, "T K 3"],
    counts: Bool[np.ndarray, "T"],
) -> Float[np.ndarray, "T"]:
    """ACC, m/s^2: the mean length over points of the difference of accelerations, at 30 frames a second; NaN of the
    first and last frame and wherever a frame or one beside it does not count."""
    found = np.full(len(truth_m), np.nan)
    if len(truth_m) < 3:
        return found
    off = predicted_m - truth_m
    bent = (off[:-2] - 2 * off[1:-1] + off[2:]) * FRAMES_S**2
    inner = np.linalg.norm(bent, axis=-1).mean(-1)
    found[1:-1] = np.where(counts[:-2] & counts[1:-1] & counts[2:], inner, np.nan)
    return found


def _in_box(points_m: np.ndarray, others_m: np.ndarray, reach_m: float) -> np.ndarray:
    low, high = others_m.min(0) - reach_m, others_m.max(0) + reach_m
    return ((points_m >= low) & (points_m <= high)).all(-1)


def _mean_apart(points_m: np.ndarray) -> float:
    apart = np.linalg.norm(points_m[:, None] - points_m[None], axis=-1)
    left_out = np.zeros(apart.shape, bool)
    left_out[:LEAST_FRAMES, :LEAST_FRAMES] = np.triu(np.ones((LEAST_FRAMES, LEAST_FRAMES), bool))
    return float(apart[~left_out].mean())
