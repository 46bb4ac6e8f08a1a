"""Which side each hand that was found is of, and with which probability.

The landmark network says left or right with each look, and is wrong with hands that hold things, are gloved or turned.
Three stages, each of which only sees hands that the one before left in doubt, their partners (see below) considered:

1. the look by which the hand was found, and the detector's own opinion (`DOUBT`);
2. one more look, at the mirror image of the hand (`DOUBT_AFTER_LOOKS`);
3. the hand is read both ways by the one-hand system, as a left one and as a right one: read as what it is, a hand
   agrees better with itself (the network's branches, its joints and the landmark network's, the rig and the joints it
   was fitted to). The two-hand system, which says of either side whether there is such a hand, is asked too.

All signals change their sign when the picture is mirrored, and there is no constant: left is as likely as right, and
exchanging both looks and readings gives the other side with the same probability. A picture and its mirror image come
to that within a few hundredths: where the second look goes is what the first one says. How much each signal counts, the
less the smaller and vaguer the hand, was learnt on rendered hands and on photographs (`benchmarks/training/sides.py`
writes `assets/sides.json`).

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
from jaxtyping import Bool, Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.detection.mirrored import look_mirrored
from knuckle.inference.disagreement import Estimated
from knuckle.inference.one_hand import Predictor
from knuckle.inference.pairing import PairWindow
from knuckle.inference.trust import logit, palm_length
from knuckle.inference.two_hands import PairPredictor
from knuckle.skeleton import Side
from knuckle.weights import ONE_HAND, TWO_HANDS, shipped_name

TABLE = Path(__file__).parent.parent / "assets" / "sides.json"

LOOKS = ("looks", "detector")
"""The looks at the picture and at its mirror image count alike: either could have been first."""
READ = (*LOOKS, "confidence", "branches", "apart", "apart 3D", "residual")
SIGNALS = (*READ, "two hands")
"""For a right hand, in the order of `side_signals`. The last one is what the two-hand system says, where it is
installed: that there is a right hand rather than a left one."""
FIRST = ("look", "detector")
FIRST_QUALITY = ("size", "presence")
LOOKS_QUALITY = (*FIRST_QUALITY, "looks alike")
"""The farther apart both looks see the joints, the less do they tell the side."""
QUALITY = (*LOOKS_QUALITY, "confidence", "branches")
"""How well the hand is seen, in the order of `qualities`, that decides how much the signals count."""

DOUBT = 0.015
"""A hand is looked at mirrored where its less likely side has at least this probability after one look, ..."""
DOUBT_AFTER_LOOKS = 0.017
"""... and read both ways where it has at least this after both, which takes about seven times as long as one look. Of
408 hands in photographs 34 % are looked at again and 10 % are read both ways, and of 577 held-out hands no side is lost
that is right when all are read."""
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


Looks = tuple[Evidence, Evidence]
"""Of the picture as it is and of its mirror image, the latter mirrored back."""


class SideTable(NamedTuple):
    """Odds by one look, by both looks, by both readings, by all signals; pair: logarithm of the odds that two near
    hands are of two sides."""

    first: SideOdds
    looks: SideOdds
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
    size = np.log(_side_px(boxes_px) / 100)
    first = np.stack([logit(evidence.right), logit(right)], axis=1)
    odds = table.first.logit(first, np.stack([size, logit(evidence.presence)], axis=1))
    rows = np.flatnonzero(
        _in_doubt(with_pairs(odds, boxes_px, table.pair), DOUBT) & np.isfinite(evidence.joints_px).all((1, 2))
    )
    if len(rows):
        seen = evidence.rows(rows)
        looks = (seen, look_mirrored(landmark_network(), image, seen))
        odds[rows] = _told_by_looks(table, looks, boxes_px[rows], right[rows])
        still = _in_doubt(with_pairs(odds, boxes_px, table.pair)[rows], DOUBT_AFTER_LOOKS)
        if still.any() and shipped_name(ONE_HAND) is not None:
            rows, looks = rows[still], (looks[0].rows(still), looks[1].rows(still))
            odds[rows] = _told_by_readings(table, image, looks, boxes_px[rows], right[rows])
    return _likeliest(with_pairs(odds, boxes_px, table.pair))


def _in_doubt(odds: Float[np.ndarray, "N"], least: float) -> Bool[np.ndarray, "N"]:
    """Which hands' less likely side has at least that probability."""
    return np.abs(odds) <= np.log(1 / least - 1)


def _told_by_looks(
    table: SideTable,
    looks: Looks,
    boxes_px: Float[np.ndarray, "N 4"],
    detector_right: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N"]:
    return table.looks.logit(look_signals(looks, detector_right), look_qualities(looks, boxes_px))


def _told_by_readings(
    table: SideTable,
    image: UInt8[np.ndarray, "H W 3"],
    looks: Looks,
    boxes_px: Float[np.ndarray, "N 4"],
    detector_right: Float[np.ndarray, "N"],
) -> Float[np.ndarray, "N"]:
    both = read_both_ways(_reader(), image, boxes_px, looks, pairs=_pair_reader())
    signals, quality = side_signals(both, boxes_px, detector_right), qualities(both, boxes_px)
    if both.two_hands is None:
        return table.read.logit(signals[:, : len(READ)], quality)
    return table.both.logit(signals, quality)


class BothWays(NamedTuple):
    """Hands read as right ones and as left ones: what the landmark network and the one-hand system say; and the
    two-hand system's logit of a right hand less that of a left one, where it was asked."""

    looks: Looks
    read: tuple[Estimated, Estimated]
    two_hands: Float[np.ndarray, "N"] | None = None


def read_both_ways(
    reader: Predictor,
    image: UInt8[np.ndarray, "H W 3"],
    boxes_px: Float[np.ndarray, "N 4"],
    looks: Looks,
    *,
    pairs: PairPredictor | None = None,
) -> BothWays:
    """Both readings of hands. pairs: the two-hand system, which is shown each hand alone, as it is and mirrored."""
    camera = Camera.from_size(image.shape[1], image.shape[0])
    lefts: list[Side] = ["left"] * len(boxes_px)
    rights: list[Side] = ["right"] * len(boxes_px)
    as_right = reader.estimate(image, boxes_px, rights, camera, evidence=looks[0])
    as_left = reader.estimate(image, boxes_px, lefts, camera, evidence=looks[1])
    two_hands = None
    if pairs is not None:
        asked = [
            pairs.ask_once(image, [PairWindow(box, turned) for box in boxes_px], camera).confidence
            for turned in (False, True)
        ]
        two_hands = np.mean([logit(answer[:, 0]) - logit(answer[:, 1]) for answer in asked], axis=0)
    return BothWays(looks, (as_right, as_left), two_hands)


def look_signals(looks: Looks, detector_right: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N 2"]:
    """What speaks for a right hand after both looks, in the order of `LOOKS`; negated for the mirror image."""
    told = np.mean([logit(look.right) for look in looks], axis=0)
    return np.stack([told, logit(detector_right)], axis=1)


def look_qualities(looks: Looks, boxes_px: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N 3"]:
    """How well hands are seen in both looks, in the order of `LOOKS_QUALITY`; the same for the mirror image."""
    presence = np.mean([logit(look.presence) for look in looks], axis=0)
    side_px = _side_px(boxes_px)
    apart_px = np.linalg.norm(looks[0].joints_px - looks[1].joints_px, axis=-1).mean(1)
    return np.stack([np.log(side_px / 100), presence, -np.log(apart_px / side_px + 1e-2)], axis=1)


def side_signals(
    both: BothWays, boxes_px: Float[np.ndarray, "N 4"], detector_right: Float[np.ndarray, "N"]
) -> Float[np.ndarray, "N k"]:
    """What speaks for a right hand, in the order of `SIGNALS`; negated for the mirror image."""
    right, left = (_agreement(read, _side_px(boxes_px)) for read in both.read)
    two_hands = np.zeros(len(boxes_px)) if both.two_hands is None else both.two_hands
    looks = look_signals(both.looks, detector_right)
    return np.concatenate([looks, right - left, two_hands[:, None]], axis=1)


def qualities(both: BothWays, boxes_px: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N q"]:
    """How well hands are seen, in the order of `QUALITY`; the same for the mirror image."""
    best = np.maximum(*(_agreement(read, _side_px(boxes_px)) for read in both.read))
    return np.concatenate([look_qualities(both.looks, boxes_px), best[:, :2]], axis=1)


def _side_px(boxes_px: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N"]:
    """The longer side of each box, never quite zero."""
    return boxes_px[:, 2:].max(1, initial=1e-6)


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


def with_partners(odds: Float[np.ndarray, "N"], boxes_px: Float[np.ndarray, "N 4"]) -> Float[np.ndarray, "N"]:
    """`with_pairs` by the table that ships. Raises KnuckleError when it is missing or damaged."""
    return with_pairs(odds, boxes_px, read_table(TABLE).pair)


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
            _to_odds(table["looks"], LOOKS, LOOKS_QUALITY),
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
