"""How probable it is that there is a hand where one was found, from what both networks say of it.

The landmark network alone is sure of hands that are none, and misses gloved and hidden ones that the proposal network
sees. A logistic model weighs both: scores, size, how far the looks agree with each other and with the place proposed.
Its weights are learnt for each proposal network on rendered scenes and photographs
(`python -m benchmarks.training.hand_judge` writes `assets/detector/judge.json`).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.inference.detection.boxes import overlaps
from knuckle.inference.detection.landmarks import DETECTOR_FOLDER, joints_to_square
from knuckle.inference.detection.looks import Look, turn_between

TABLE = DETECTOR_FOLDER / "judge.json"
SIGNALS = (
    "place",
    "presence",
    "first presence",
    "size",
    "size shown",
    "side",
    "resized",
    "moved",
    "turned",
    "still resized",
    "fill",
    "aspect",
    "overlap",
)
"""Names of what `to_signals` gives, in its order."""
_SURE = 1e-3
"""Probabilities count as no nearer to 0 or 1."""
_USUAL_PX = 64.0


@dataclass(frozen=True, eq=False)
class Judge:
    """Probability of a hand: a logistic model of `SIGNALS`."""

    slopes: Float[np.ndarray, "k"]
    constant: float
    threshold: float
    """Least probability of what counts as a hand."""

    def probabilities(self, signals: Float[np.ndarray, "N k"]) -> Float[np.ndarray, "N"]:
        """That each finding is a hand, 0 to 1."""
        return 1 / (1 + np.exp(-(signals @ self.slopes + self.constant)))


def to_signals(
    look: Look, *, place_score: float, place_px: Float[np.ndarray, "4"], scale: float
) -> Float[np.ndarray, "k"]:
    """What speaks for a hand, as `SIGNALS` names it.

    Args:
        look: what the landmark network saw.
        place_score: of the place where it looked.
        place_px: x, y, w, h of that place.
        scale: px of what the proposal network was shown, in a px of the picture.
    """
    own = look.box_px
    size = max(float(own[2:].max()), 1e-6)
    suggested = joints_to_square(look.joints_px)
    last, first = look.square, look.first_square
    return np.array(
        [
            _logit(place_score),
            _logit(look.landmarks.presence),
            _logit(look.first_presence),
            np.log(size / _USUAL_PX),
            np.log(size * scale / _USUAL_PX),
            abs(2 * look.landmarks.right - 1),
            abs(np.log(last.side_px / first.side_px)),
            np.hypot(*np.subtract(last.centre_px, first.centre_px)) / last.side_px,
            turn_between(last, first),
            abs(np.log(max(suggested.side_px, 1e-6) / last.side_px)),
            size / last.side_px,
            float(own[2:].min()) / size,
            float(overlaps(own, place_px[None])[0]),
        ]
    )


@cache
def judge_of(network: str, table: Path = TABLE) -> Judge:
    """The judge of the places of a proposal network. Raises KnuckleError when the table is missing, damaged or lacks
    it."""
    try:
        entry = json.loads(table.read_text())[network]
        slopes = np.array([float(entry["slopes"][name]) for name in SIGNALS])
        return Judge(slopes, float(entry["constant"]), float(entry["threshold"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(
            f"{table}: expected the judge of {network} (JSON with slopes, constant and threshold), got {error!r}"
        ) from error


def to_table(judge: Judge) -> dict[str, object]:
    """A judge as the table has it."""
    rounded = {name: round(float(value), 4) for name, value in zip(SIGNALS, judge.slopes, strict=True)}
    return {"slopes": rounded, "constant": round(judge.constant, 4), "threshold": judge.threshold}


def stacked(rows: Sequence[Float[np.ndarray, "k"]]) -> Float[np.ndarray, "N k"]:
    """Signals of several findings, or of none."""
    return np.array(rows).reshape(-1, len(SIGNALS))


def _logit(probability: float) -> float:
    clipped = float(np.clip(probability, _SURE, 1 - _SURE))
    return float(np.log(clipped / (1 - clipped)))
