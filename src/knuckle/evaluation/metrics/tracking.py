"""How well hands are followed through a video: matches of true and reported hands, switches of identity, jumps of side,
missed and false hands.

The matching is CLEAR-MOT's (Bernardin and Stiefelhagen 2008): a pair of the frame before stays one while it can, the
others go by distance. Truth that is hidden or cut off so far that nobody need find it takes part in the matching, so
that a hand reported there is not called false, but is not counted as missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.skeleton import Side

NEAR = 0.5
"""A reported hand is a true one where its joints lie, on average, within this share of the true hand's size."""
SHOWN = 0.5
"""A hand that shows by less, as a share of its pixels, need not be found, ..."""
LEAST_PX = 32.0
"""... nor one whose box's longer side is shorter, px."""
HIDDEN = 0.1
"""A hand that showed by less, or was out of the picture, may come back with another identity."""


@dataclass(frozen=True, eq=False)
class TrueHands:
    """The hands of a frame."""

    identities: Sequence[int]
    sides: Sequence[Side]
    joints_px: Float[np.ndarray, "N 21 2"]
    shown: Float[np.ndarray, "N"]
    """Share of each hand's pixels that can be seen, 0..1."""


@dataclass(frozen=True, eq=False)
class ReportedHands:
    """What was reported of a frame."""

    identities: Sequence[int]
    """Empty where the reporter gives none."""
    sides: Sequence[Side]
    joints_px: Float[np.ndarray, "M 21 2"]


class Match(NamedTuple):
    """A true hand that was reported, by numbers."""

    frame: int
    true: int
    reported: int


@dataclass(frozen=True, eq=False)
class TrackingScores:
    """Counts over a video."""

    matches: tuple[Match, ...]
    frames: int
    to_find: int
    """True hands that show well enough, over all frames, ..."""
    missed: int
    """... and those of them that no reported hand lies on."""
    false: int
    """Reported hands that lie on no true one."""
    switches: int
    """How often a true hand got another identity without having been hidden or out of the picture."""
    mirror_jumps: int
    """How often a true hand's side changed from one match to the next."""
    wrong_sides: int
    """Matches with the wrong side."""

    @property
    def missed_share(self) -> float:
        """Of the hands to find; NaN without any."""
        return self.missed / self.to_find if self.to_find else float("nan")

    @property
    def false_per_frame(self) -> float:
        """Hands reported where there is none, a frame; NaN without frames."""
        return self.false / self.frames if self.frames else float("nan")


def score_tracking(truth: Sequence[TrueHands], reported: Sequence[ReportedHands]) -> TrackingScores:
    """Compare what was reported of each frame with the truth. Raises KnuckleError for another number of frames."""
    if len(truth) != len(reported):
        raise KnuckleError(f"frames: expected {len(truth)} as in the truth, got {len(reported)}")
    matches: list[Match] = []
    to_find = missed = false = switches = jumps = wrong = 0
    before: dict[int, int] = {}
    last_identity: dict[int, int] = {}
    last_side: dict[int, Side] = {}
    for number, (true, found) in enumerate(zip(truth, reported, strict=True)):
        pairs = _matched(true, found, before)
        of_true = dict(pairs)
        sizes = np.ptp(true.joints_px, axis=1).max(-1, initial=0.0)
        there = set(true.identities)
        wanted = np.flatnonzero((true.shown >= SHOWN) & (sizes >= LEAST_PX)).tolist()
        to_find += len(wanted)
        missed += sum(hand not in of_true for hand in wanted)
        false += len(found.sides) - len(pairs)
        for identity in [i for i in last_identity if i not in there]:
            del last_identity[identity]
        before = {}
        for hand, row in pairs:
            identity, side = true.identities[hand], found.sides[row]
            matches.append(Match(number, hand, row))
            wrong += side != true.sides[hand]
            jumps += last_side.get(identity, side) != side
            last_side[identity] = side
            if found.identities:
                own = found.identities[row]
                switches += last_identity.get(identity, own) != own
                last_identity[identity] = before[identity] = own
        for hand, identity in enumerate(true.identities):
            if true.shown[hand] < HIDDEN:
                last_identity.pop(identity, None)
    return TrackingScores(tuple(matches), len(truth), to_find, missed, false, switches, jumps, wrong)


def _matched(true: TrueHands, found: ReportedHands, before: dict[int, int]) -> list[tuple[int, int]]:
    """Pairs (true hand, reported hand) of a frame; before: the identity each true hand had in the frame before."""
    costs: dict[tuple[int, int], tuple[bool, float]] = {}
    for hand, identity in enumerate(true.identities):
        size = max(float(np.ptp(true.joints_px[hand], axis=0).max()), 1.0)
        away = np.linalg.norm(found.joints_px - true.joints_px[hand], axis=-1).mean(-1) / size
        for row, distance in enumerate(away.tolist()):
            if distance <= NEAR:
                kept = bool(found.identities) and before.get(identity) == found.identities[row]
                costs[hand, row] = (not kept, distance)
    pairs: list[tuple[int, int]] = []
    for hand, row in sorted(costs, key=lambda pair: (costs[pair], pair)):
        if all(hand != other and row != taken for other, taken in pairs):
            pairs.append((hand, row))
    return sorted(pairs)
