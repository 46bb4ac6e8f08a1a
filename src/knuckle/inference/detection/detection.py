"""What a hand detector is: a picture in, boxes with sides and scores out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.inference.detection.evidence import Evidence
from knuckle.skeleton import Side


@dataclass(frozen=True, eq=False)
class Detection:
    """A hand found in a picture."""

    box_px: Float[np.ndarray, "4"]
    """x, y, w, h of the extent of its 21 joints, px of the picture (pixel centres at integers)."""
    side: Side
    score: float
    """That there is a hand, 0 to 1."""
    rotation_rad: float = 0.0
    """How far the hand is turned from fingers-up, clockwise in the picture."""
    evidence: Evidence | None = None
    """What the landmark network said of this one hand, where the detector asked it."""
    right: float | None = None
    """That it is a right one, 0 to 1; None where the detector has no number for it."""


class Detector(Protocol):
    """Anything that maps an RGB picture to the hands in it, best first; an empty list where there is none."""

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], /) -> list[Detection]: ...
