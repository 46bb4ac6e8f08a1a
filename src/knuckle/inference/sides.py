"""Which side each hand that was found is of, and with which probability.

The landmark network says left or right with each look, and is wrong with hands that hold things, are gloved or turned.
Where it is not sure enough (`DOUBT`), it looks again, at the mirror image, and the hand is read both ways by the
one-hand system, as a left one and as a right one: read as what it is, a hand agrees better with itself (the network's
branches, its joints and the landmark network's, the rig and the joints it was fitted to). The two-hand system, which
says of either side whether there is such a hand, is asked too. All signals change their sign when the picture is
mirrored, and there is no constant: left is as likely as right, and a picture and its mirror image give mirrored sides
with the same probability, but where one look was enough. How much each signal counts, the less the smaller and vaguer
the hand, was learnt on rendered hands and on photographs (`benchmarks/training/sides.py` writes `assets/sides.json`).

Hands near each other and about equally large are rather a person's left and right than two of a side: a soft prior.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.inference.detection.evidence import Evidence, look_at
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.disagreement import Estimated
from knuckle.inference.one_hand import Predictor
from knuckle.inference.pairing import PairWindow
from knuckle.inference.trust import logit, palm_length
from knuckle.inference.two_hands import PairPredictor
from knuckle.skeleton import Side
from knuckle.weights import ONE_HAND, TWO_HANDS, shipped_name

TABLE = Path(__file__).parent.parent / "assets" / "sides.json"

READ = ("looks", "detector", "confidence", "branches", "apart", "apart 3D", "residual")
SIGNALS = (*READ, "two hands")
"""For a right hand, in the order of `side_signals`. The last one is what the two-hand system says, where it is
installed: that there is a right hand rather than a left one."""
FIRST = ("look", "detector")
"""Known at first. The looks at the picture and at its mirror image count alike later: either could have been first."""
QUALITY = ("size", "presence", "confidence", "branches")
"""How well the hand is seen, in the order of `qualities`, that decides how much the signals count."""
FIRST_QUALITY = ("size", "presence")

DOUBT = 0.005
"""A hand is read both ways where its less likely side has at least this probability: of 1,039 rendered hands none
beyond is wrong (at 0.01 three), and half of the hands in photographs need no more than the first look."""
NEAR, ALIKE = 4.0, 1.6
"""Hands whose middles lie within so many times the longer side of the larger box, which is at most so many times the
other one's, may be a person's two."""


@dataclass(frozen=True, eq=False)
class SideOdds:
    """Logit of a right hand: signals times slopes, times a sharpness that the quality decides."""

    slopes: Float[np.ndarray, "k"]
    quality_range: Float[np.ndarray, "q 2"]
    quality_slopes: Float[np.ndarray, "q"]
    constant: float

    def logit(
        self, signals: Float[np.ndarray, "N k"], quality: Float[np.ndarray, "N q"]
    ) -> Float[np.ndarray, "N"]:
        """Logarithm of the odds of a right hand."""
        sharpness = np.exp(np.clip(quality, *self.quality_range.T) @ self.quality_slopes + self.constant)
        return (signals @ self.slopes) * sharpness


class SideTable(NamedTuple):
    """Odds by one look, by both readings, by all signals; pair: logarithm of the odds that two near hands are of two
    sides."""

    first: SideOdds
    read: SideOdds
    both: SideOdds
    pair: float


class Sides(NamedTuple):
    """Of N hands: the likelier side, and its probability."""

    sides: tuple[Side, ...]
    confidence: Float[np.ndarray, "N"]


def decide_sides(
    image: UInt8[np.ndarray, "H W 3"],
    boxes_px: Float[np.ndarray, "N 4"],
    evidence: Evidence,
    *,
    detector_right: Float[np.ndarray, "N"] | None = None,
) -> Sides:
    """The sides of hands in a picture, whatever camera took it.

    Args:
        image: RGB, not mirrored.
        boxes_px: x, y, w, h of each hand, px.
        evidence: what the landmark network said of them, shown the picture as it is.
        detector_right: 0..1, that the detector took it for a right hand; 0.5 or None where it does not say.

    Raises KnuckleError when the table is missing or damaged.
    """
    table, count = read_table(TABLE), len(boxes_px)
    right = np.full(count, 0.5) if detector_right is None else detector_right
    size = np.log(boxes_px[:, 2:].max(1, initial=1e-6) / 100)
    first = np.stack([logit(evidence.right), logit(right)], axis=1)
    odds = table.first.logit(first, np.stack([size, logit(evidence.presence)], axis=1))
    sure = np.log(1 / DOUBT - 1)
    open_rows = np.flatnonzero((np.abs(odds) < sure) & np.isfinite(evidence.joints_px).all((1, 2)))
    if len(open_rows) and shipped_name(ONE_HAND) is not None:
        boxes, seen = boxes_px[open_rows], evidence.rows(open_rows)
        both = read_both_ways(_reader(), image, boxes, seen, pairs=_pair_reader())
        signals, quality = side_signals(both, boxes, right[open_rows]), qualities(both, boxes)
        if both.two_hands is None:
            odds[open_rows] = table.read.logit(signals[:, : len(READ)], quality)
        else:
            odds[open_rows] = table.both.logit(signals, quality)
    return _likeliest(with_pairs(odds, boxes_px, table.pair))


class BothWays(NamedTuple):
    """Hands read as right ones and as left ones: what the landmark network and the one-hand system say; and the
    two-hand system's logit of a right hand less that of a left one, where it was asked."""

    looks: tuple[Evidence, Evidence]
    read: tuple[Estimated, Estimated]
    two_hands: Float[np.ndarray, "N"] | None = None


def read_both_ways(
    reader: Predictor,
    image: UInt8[np.ndarray, "H W 3"],
    boxes_px: Float[np.ndarray, "N 4"],
    evidence: Evidence,
    *,
    pairs: PairPredictor | None = None,
) -> BothWays:
    """Both readings of hands. evidence: of the picture as it is; the mirror image is looked at here. pairs: the
    two-hand system, which is shown each hand alone, as it is and mirrored."""
    camera = Camera.from_size(image.shape[1], image.shape[0])
    lefts: list[Side] = ["left"] * len(boxes_px)
    rights: list[Side] = ["right"] * len(boxes_px)
    mirrored = look_at(landmark_network(), image, boxes_px, lefts)
    as_right = reader.estimate(image, boxes_px, rights, camera, evidence=evidence)
    as_left = reader.estimate(image, boxes_px, lefts, camera, evidence=mirrored)
    two_hands = None
    if pairs is not None:
        looks = [
            pairs.ask_once(image, [PairWindow(box, turned) for box in boxes_px], camera).confidence
            for turned in (False, True)
        ]
        two_hands = np.mean([logit(look[:, 0]) - logit(look[:, 1]) for look in looks], axis=0)
    return BothWays((evidence, mirrored), (as_right, as_left), two_hands)


def side_signals(
    both: BothWays, boxes_px: Float[np.ndarray, "N 4"], detector_right: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N k"]:
    """What speaks for a right hand, in the order of `SIGNALS`; negated for the mirror image."""
    side_px = boxes_px[:, 2:].max(1, initial=1e-6)
    right, left = (_agreement(read, side_px) for read in both.read)
    looks = np.mean([logit(look.right) for look in both.looks], axis=0)
    two_hands = np.zeros(len(boxes_px)) if both.two_hands is None else both.two_hands
    first = np.stack([looks, logit(detector_right)], axis=1)
    return np.concatenate([first, right - left, two_hands[:, None]], axis=1)


def qualities(both: BothWays, boxes_px: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N q"]:
    """How well hands are seen, in the order of `QUALITY`; the same for the mirror image."""
    side_px = boxes_px[:, 2:].max(1, initial=1e-6)
    agreement = [_agreement(read, side_px) for read in both.read]
    presence = np.mean([logit(look.presence) for look in both.looks], axis=0)
    best = np.maximum(*agreement)
    return np.stack([np.log(side_px / 100), presence, best[:, 0], best[:, 1]], axis=1)


def _agreement(read: Estimated, side_px: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N 5"]:
    """How well a reading agrees with itself and with the landmark network: confidence, branches, apart, apart 3D,
    residual."""
    hands, apart = read
    palm = np.maximum(palm_length(hands.joints_m), 1e-3)
    columns = [
        logit(hands.confidence),
        -np.log(apart.branches_px.mean(1) / side_px + 1e-2),
        -np.log(apart.evidence_px.mean(1) / side_px + 1e-2),
        -np.log(apart.evidence_m.mean(1) / palm + 5e-2),
        -np.log(apart.residual_m / palm + 1e-2),
    ]
    return np.nan_to_num(np.stack(columns, axis=1))


def with_pairs(
    odds: Float[np.ndarray, "N"], boxes_px: Float[np.ndarray, "N 4"], pair: float
) -> Float[np.ndarray, "N"]:
    """Logits of right hands, those of near pairs with what is known of the other one; each hand has one partner at
    most, the nearest first."""
    sides = boxes_px[:, 2:].max(1, initial=0.0)
    middles = boxes_px[:, :2] + boxes_px[:, 2:] / 2
    apart = {
        (a, b): float(np.hypot(*(middles[a] - middles[b])) / max(sides[a], sides[b]))
        for a, b in combinations(range(len(odds)), 2)
        if max(sides[a], sides[b]) <= ALIKE * min(sides[a], sides[b])
    }
    joined, free = odds.copy(), set(range(len(odds)))
    for couple in sorted(apart, key=lambda couple: (apart[couple], couple)):
        if apart[couple] > NEAR or not free >= set(couple):
            continue
        free -= set(couple)
        a, b = couple
        joined[a] += _told_by_partner(odds[b], pair)
        joined[b] += _told_by_partner(odds[a], pair)
    return joined


def _told_by_partner(odds: float, pair: float) -> float:
    """What a partner's logit of being a right hand adds to a hand's own."""
    return float(np.logaddexp(odds, pair) - np.logaddexp(0.0, odds + pair))


def _likeliest(odds: Float[np.ndarray, "N"]) -> Sides:
    sides: Sequence[Side] = ["right" if value >= 0 else "left" for value in odds]
    return Sides(tuple(sides), 1 / (1 + np.exp(-np.abs(odds))))


@lru_cache(maxsize=1)
def _reader() -> Predictor:
    return Predictor(ONE_HAND)


@lru_cache(maxsize=1)
def _pair_reader() -> PairPredictor | None:
    return None if shipped_name(TWO_HANDS) is None else PairPredictor(TWO_HANDS)


@lru_cache(maxsize=4)
def read_table(path: Path) -> SideTable:
    """The odds of a file. Raises KnuckleError when it is missing or damaged."""
    try:
        table = json.loads(path.read_text())
        return SideTable(
            _to_odds(table["first"], FIRST, FIRST_QUALITY),
            _to_odds(table["read"], READ, QUALITY),
            _to_odds(table["both"], SIGNALS, QUALITY),
            float(table["pair"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(f"{path}: expected odds of a hand's side by signal, got {error!r}") from error


def _to_odds(numbers: dict[str, Any], signals: Sequence[str], quality: Sequence[str]) -> SideOdds:
    return SideOdds(
        np.array([numbers["slopes"][name] for name in signals], dtype=float),
        np.array([numbers["quality range"][name] for name in quality], dtype=float),
        np.array([numbers["quality slopes"][name] for name in quality], dtype=float),
        float(numbers["constant"]),
    )
