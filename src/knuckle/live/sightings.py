"""What followed hands look like in a frame, and whose hand it is that a track was led to: where hands meet, a track may
be led to the other one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from knuckle.hands import Hand
from knuckle.inference.detection.evidence import LEAST_PRESENCE
from knuckle.inference.tracked import TrackedHands
from knuckle.live.association import SURE_ODDS, hand_size_px, in_one_place
from knuckle.live.track import Track

OTHER_SIDE = 0.5
"""What a look of the other side counts against a sighting, in hand sizes, where two tracks led to one hand."""


SURELY_EXCHANGED = 0.3
"""By how much better two hands must fit each other's tracks, in hand sizes, to be exchanged."""
OTHER_HAND, ASTRAY = 0.7, 1.2
"""A look to which a hand is of the other side with more probability, where another hand of that side went missing
within so many hand sizes, is at that one."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """A followed hand that a frame shows."""

    track: Track
    told: TrackedHands
    """What was said of all hands asked about, ..."""
    row: int
    """... of which this is one."""
    hand: Hand
    """That one, of the size and at the place that are known of it."""


def joints_of(seen: Sequence[Sighting]) -> Float[np.ndarray, "N 21 2"]:
    """Where the frame shows the joints."""
    return np.array([each.told.hands.joints_px[each.row] for each in seen]).reshape(-1, 21, 2)


def speaks_against(track: Track, right: float) -> bool:
    """Whether a look, to which it is a right hand with that probability, saw a hand of the track's other side."""
    return (1 - right if track.is_right else right) > OTHER_HAND


def kept(tracks: Sequence[Track], told: TrackedHands, expected: Float[np.ndarray, "N 21 2"]) -> list[int]:
    """Which tracks have seen their hand: where two were led to one, it is that one's whose side it is of, or that
    expected it nearer."""
    joints = told.hands.joints_px
    away = np.array(
        [
            np.linalg.norm(own - hand, axis=-1).mean() / hand_size_px(hand)
            for own, hand in zip(joints, expected, strict=True)
        ]
    )
    right = told.evidence.right >= 0.5
    away = away + OTHER_SIDE * (right != [track.is_right for track in tracks])
    same = in_one_place(joints)
    chosen: list[int] = []
    for number in np.argsort(away, kind="stable").tolist():
        if told.evidence.presence[number] >= LEAST_PRESENCE and not same[number, chosen].any():
            chosen.append(number)
    return chosen


def exchanged(seen: Sequence[Sighting], time_s: float) -> list[Track]:
    """Tracks of a left and a right hand that were led to each other's hand, as when both turn back where they meet:
    the sides that the looks say and the ways that the hands went speak for the other one. They go on from there."""
    joints = joints_of(seen)
    went = [(each.track.motion.joints_px, each.track.motion.predicted(time_s)) for each in seen]
    right = np.array([each.told.evidence.right[each.row] for each in seen])
    led: list[Track] = []

    def cost(number: int, to: int) -> float:
        away = min(np.linalg.norm(place - joints[to], axis=-1).mean() for place in went[number])
        own = right[to] if seen[number].track.is_right else 1 - right[to]
        return float(away / hand_size_px(joints[to]) + OTHER_SIDE * (1 - own))

    for a, b in combinations(range(len(seen)), 2):
        one, other = seen[a].track, seen[b].track
        if one.is_right == other.is_right or one in led or other in led:
            continue
        if cost(a, b) + cost(b, a) + SURELY_EXCHANGED < cost(a, a) + cost(b, b):
            one.found_again(joints[b], time_s)
            other.found_again(joints[a], time_s)
            led += [one, other]
    return led


def strayed(seen: Sequence[Sighting], lost: Sequence[Track], time_s: float) -> list[tuple[Sighting, Track]]:
    """Tracks of a sure side that were led to a hand of the other side which is missing just there, as where hands part
    that lay on each other: what they see, and the track whose hand it is. Each lost track is told once.

    lost: the hands that are missing."""
    led: list[tuple[Sighting, Track]] = []
    for each in seen:
        track, joints = each.track, each.told.hands.joints_px[each.row]
        if abs(track.side_odds) < SURE_ODDS or not speaks_against(track, each.told.evidence.right[each.row]):
            continue
        away = {
            other.identity: min(
                float(np.linalg.norm(place - joints, axis=-1).mean())
                for place in (other.motion.joints_px, other.motion.predicted(time_s))
            )
            for other in lost
            if other.is_right != track.is_right and all(other is not owner for _, owner in led)
        }
        nearest = min(away, key=lambda identity: away[identity], default=None)
        if nearest is not None and away[nearest] < ASTRAY * hand_size_px(joints):
            led.append((each, next(other for other in lost if other.identity == nearest)))
    return led
