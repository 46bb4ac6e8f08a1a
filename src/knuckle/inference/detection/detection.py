"""What a hand detector is: a picture in, boxes with sides and scores out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.inference.detection.evidence import Evidence
from knuckle.skeleton import Side


@dataclass(frozen=True, eq=False)
class Detection:
    """A hand found in a picture.

    box_px: x, y, w, h of the extent of its 21 joints, px of the picture (pixel centres at integers).
    score: 0..1. right: that it is a right hand, 0..1; 0.5 where the detector does not say more than its side.
    rotation_rad: how far the hand is turned from fingers-up, clockwise in the picture. evidence: what the
    landmark network said of this one hand, where the detector asked it.
    """

    box_px: Float[np.ndarray, "4"]
    side: Side
    score: float
    rotation_rad: float = 0.0
    evidence: Evidence | None = None
    right: float = 0.5


class Detector(Protocol):
    """Anything that maps an RGB picture to the hands in it, best first; an empty list where there is none."""

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], /) -> list[Detection]: ...
