"""How sure a hand is: whether there is one, and how exact each of its joints.

Networks say .98 of nearly every wrong pose. What tells more is whether several answers agree: the landmark network's
and ours, our network's branches, the rig and the joints it was fitted to; and how large the hand is, whether the
picture cuts it, whether it points at the camera. How much each counts was learnt on rendered hands, whose joints are
known, and on boxes without a hand (`benchmarks/training/certainty.py` writes `assets/certainty.json`): a logistic model
of there being a hand, and for each joint the logarithm of the radius that holds the true joint in 68 of 100 cases.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.disagreement import Estimated
from knuckle.inference.trust import STANDARD, box_overlap, logit, off_itself, palm_length
from knuckle.skeleton import JOINT_COUNT, WRIST

TABLE = Path(__file__).parent.parent / "assets" / "certainty.json"

SIGNALS = (
    *("presence", "side", "own 3D", "box"),
    *("confidence", "branches", "apart", "apart 3D", "residual"),
    *("size", "cut", "end-on"),
)
"""Of a hand, in the order of `hand_signals`."""
JOINT_SIGNALS = ("branches", "apart", "apart 3D", "outside")
"""Of a joint, in the order of `joint_signals`."""
SEEN, ALONE = "seen", "alone"
"""The two entries of a system: with the landmark network's answer and without."""

HOLDS = 0.68
"""Probability that a joint lies within its radius."""
DOUBTFUL = 0.5
"""A hand of less confidence is doubtful: there is rather none."""


@dataclass(frozen=True, eq=False)
class Radii:
    """Logarithm of a radius: signals of the hand and of the joint times slopes, and an offset a joint."""

    slopes: Float[np.ndarray, "k"]
    joint_slopes: Float[np.ndarray, "m"]
    offsets: Float[np.ndarray, "21"]

    def of(self, hand: Float[np.ndarray, "N k"], joint: Float[np.ndarray, "N 21 m"]) -> np.ndarray:
        """The radius of each joint (N, 21)."""
        return np.exp((hand @ self.slopes)[:, None] + joint @ self.joint_slopes + self.offsets)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Figures of one system."""

    range: Float[np.ndarray, "k 2"]
    """Between which numbers each signal was when the figures were learnt; beyond, it counts as the nearer end."""
    joint_range: Float[np.ndarray, "m 2"]
    slopes: Float[np.ndarray, "k"]
    constant: float
    """Signals times slopes and this: the logit of the confidence."""
    picture: Radii
    """Over the longer side of the hand's box."""
    space: Radii
    """Metres."""

    def confidence(self, hand: Float[np.ndarray, "N k"]) -> Float[np.ndarray, "N"]:
        """Probability that there is a hand."""
        return 1 / (1 + np.exp(-(np.clip(hand, *self.range.T) @ self.slopes + self.constant)))

    def radii(
        self, hand: Float[np.ndarray, "N k"], joint: Float[np.ndarray, "N 21 m"]
    ) -> tuple[Float[np.ndarray, "N 21"], Float[np.ndarray, "N 21"]]:
        """Radii in the picture, over the longer side of the box, and in space, metres."""
        within = np.clip(hand, *self.range.T), np.clip(joint, *self.joint_range.T)
        return self.picture.of(*within), self.space.of(*within)


def annotate(
    estimated: Estimated, evidence: Evidence | None, side_confidence: Float[np.ndarray, "N"] | None = None
) -> Hands:
    """Hands with calibrated confidence, errors of the joints and state.

    evidence: what the landmark network said of them; None where it does not count. side_confidence: that their sides
    are right; 1 for all where None. The errors were learnt for the fitted rig: of a network's own mesh they are NaN,
    not known. Raises KnuckleError when the table is missing or damaged.
    """
    hands, count = estimated.hands, len(estimated.hands)
    confidence = np.zeros(count)
    error_px, error_m = np.zeros((2, count, JOINT_COUNT))
    hand, joint = hand_signals(estimated, evidence), joint_signals(estimated)
    told = Evidence.none(count) if evidence is None else evidence
    asked = np.asarray(np.isfinite(told.joints_px).all((1, 2)))
    longest = hands.boxes_px[:, 2:].max(1, initial=0.0)
    for row in range(count):
        one = slice(row, row + 1)
        figures = calibration_of(hands.models[row], seen=bool(asked[row]))
        confidence[one] = figures.confidence(hand[one])
        picture, error_m[one] = figures.radii(hand[one], joint[one])
        error_px[one] = picture * longest[row]
    error_m[:, WRIST] = 0.0
    if hands.mesh == "network":
        error_px[:], error_m[:] = np.nan, np.nan
    return hands.changed(
        confidence=confidence,
        side_confidence=np.ones(count) if side_confidence is None else side_confidence,
        states=tuple("observed" if value >= DOUBTFUL else "doubtful" for value in confidence),
        joint_error_px=error_px,
        joint_error_m=error_m,
    )


def hand_signals(estimated: Estimated, evidence: Evidence | None) -> Float[np.ndarray, "N k"]:
    """What tells how sure each hand is, in the order of `SIGNALS`; 0 where it is not known."""
    hands, apart = estimated
    count, side_px = len(hands), hands.boxes_px[:, 2:].max(1, initial=1e-6)
    told = Evidence.none(count) if evidence is None else evidence
    is_right = np.array([side == "right" for side in hands.sides], dtype=bool)
    palm = np.maximum(palm_length(hands.joints_m), 1e-3)
    columns = [
        logit(told.presence),
        np.where(is_right, 1, -1) * logit(told.right),
        np.log(off_itself(told) + 1e-3),
        box_overlap(hands.joints_px, hands.boxes_px),
        logit(hands.confidence),
        np.log(apart.branches_px.mean(1) / side_px + 1e-2),
        np.log(apart.evidence_px.mean(1) / side_px + 1e-2),
        np.log(apart.evidence_m.mean(1) / palm + 5e-2),
        np.log(apart.residual_m / palm + 1e-2),
        np.log(side_px / 100),
        _outside(hands.joints_px, hands.camera).mean(1),
        _end_on(hands.joints_m),
    ]
    unknown = ~np.isfinite(told.joints_px).all((1, 2))
    for number in (SIGNALS.index("presence"), SIGNALS.index("side")):
        columns[number] = np.where(unknown, 0.0, columns[number])
    # A hand that was not found, whose joints lie metres apart, has no residual: as far off as can be.
    residual = SIGNALS.index("residual")
    columns[residual] = np.where(np.isnan(apart.residual_m), np.log(1.0), columns[residual])
    return _known(np.stack(columns, axis=-1).reshape(count, len(SIGNALS)))


def joint_signals(estimated: Estimated) -> Float[np.ndarray, "N 21 m"]:
    """What tells how exact each joint is, in the order of `JOINT_SIGNALS`; 0 where it is not known."""
    hands, apart = estimated
    side_px = hands.boxes_px[:, 2:].max(1, initial=1e-6)[:, None]
    palm = np.maximum(palm_length(hands.joints_m), 1e-3)[:, None]
    columns = [
        np.log(apart.branches_px / side_px + 1e-2),
        np.log(apart.evidence_px / side_px + 1e-2),
        np.log(apart.evidence_m / palm + 5e-2),
        _outside(hands.joints_px, hands.camera).astype(float),
    ]
    return _known(np.stack(columns, axis=-1))


def _known(signals: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Signals, 0 where there are none: what `np.nan_to_num` does of finite numbers, in a tenth of its time."""
    return np.where(np.isnan(signals), 0.0, signals)


def _outside(joints_px: Float[np.ndarray, "N 21 2"], camera: Camera) -> Bool[np.ndarray, "N 21"]:
    """Which joints lie outside the picture."""
    beyond = np.array([camera.width, camera.height]) - 0.5
    return np.any((joints_px < -0.5) | (joints_px > beyond), axis=-1)


def _end_on(joints_m: Float[np.ndarray, "N 21 3"]) -> Float[np.ndarray, "N"]:
    """How much of the hand's extent lies along the line of sight: logarithm of its depth over its width."""
    spread = (joints_m - joints_m.mean(1, keepdims=True)).std(1)
    return np.log((spread[:, 2] + 1e-4) / (np.hypot(spread[:, 0], spread[:, 1]) + 1e-4))


def calibration_of(system: str, *, seen: bool) -> Calibration:
    """The figures of a system by its record's name, with the landmark network's answer (`seen`) or without; the
    standard ones where it has none of its own. Raises KnuckleError when the table is missing or damaged."""
    systems = _read_table(TABLE)
    entry = systems.get(system, systems[STANDARD])
    return entry[SEEN if seen else ALONE]


@lru_cache(maxsize=4)
def _read_table(path: Path) -> dict[str, dict[str, Calibration]]:
    try:
        systems = json.loads(path.read_text())["systems"]
        table = {
            name: {kind: to_calibration(entry[kind]) for kind in (SEEN, ALONE)}
            for name, entry in systems.items()
        }
        table[STANDARD]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(
            f"{path}: expected figures of confidence and joint errors by system, got {error!r}"
        ) from error
    return table


def to_calibration(entry: dict[str, Any]) -> Calibration:
    """Figures of a table's numbers by name. Raises KeyError or ValueError where some are missing."""

    def radii(numbers: dict[str, Any]) -> Radii:
        offsets = np.array(numbers["joints"], dtype=float)
        if offsets.shape != (JOINT_COUNT,):
            raise ValueError(f"joints: expected {JOINT_COUNT} numbers, got {offsets.shape}")
        return Radii(
            np.array([numbers["slopes"][name] for name in SIGNALS], dtype=float),
            np.array([numbers["joint slopes"][name] for name in JOINT_SIGNALS], dtype=float),
            offsets,
        )

    return Calibration(
        np.array([entry["range"][name] for name in SIGNALS], dtype=float),
        np.array([entry["joint range"][name] for name in JOINT_SIGNALS], dtype=float),
        np.array([entry["confidence"]["slopes"][name] for name in SIGNALS], dtype=float),
        float(entry["confidence"]["constant"]),
        radii(entry["picture"]),
        radii(entry["space"]),
    )
