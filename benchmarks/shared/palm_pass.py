"""One pass of MediaPipe's palm network over the whole picture with its looks, as this package found hands before it
searched from coarse to fine: what detectors are measured and timed against."""

import numpy as np
from jaxtyping import UInt8

from knuckle.inference.detection.detection import Detection
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import LandmarkNetwork, joints_to_square
from knuckle.inference.detection.looks import FIRST_THRESHOLD, needs_second_look
from knuckle.inference.detection.palm import PalmNetwork
from knuckle.inference.detection.proposals import Window

SAME_HAND = 0.25
"""Two findings whose joints lie this close, relative to the hand's size, are one hand."""


class PalmPass:
    """The `Detector`: the picture in a black square of 192 px, one or two looks at each palm, presence as the score."""

    def __init__(self, *, threads: int | None = None) -> None:
        self._palms = PalmNetwork(threads=threads)
        self._landmarks = LandmarkNetwork(threads=threads)

    def __call__(self, image: UInt8[np.ndarray, "H W 3"], /) -> list[Detection]:
        height, width = image.shape[:2]
        side = float(max(height, width))
        places = self._palms.propose(image, Window((width - side) / 2, (height - side) / 2, side, side))
        found = []
        for square in (
            square for square, score in zip(places.squares, places.scores, strict=True) if score >= 0.3
        ):
            joints, answer = self._landmarks.look(image, square)
            if answer.presence < FIRST_THRESHOLD:
                continue
            if needs_second_look(square, suggested := joints_to_square(joints), answer):
                square = suggested
                joints, answer = self._landmarks.look(image, square)
            if answer.presence < 0.5:
                continue
            box = np.concatenate([joints.min(0), np.ptp(joints, axis=0)])
            evidence = Evidence.of_look(box, joints, answer, square)
            side_name = "right" if answer.right >= 0.5 else "left"
            found.append(Detection(box, side_name, answer.presence, square.rotation_rad, evidence))
        return _without_repeats(found)


def _without_repeats(found: list[Detection]) -> list[Detection]:
    kept: list[Detection] = []
    for hand in sorted(found, key=lambda hand: -hand.score):
        near = SAME_HAND * hand.box_px[2:].max()
        if all(np.linalg.norm(_joints(hand) - _joints(other), axis=1).mean() > near for other in kept):
            kept.append(hand)
    return kept


def _joints(hand: Detection) -> np.ndarray:
    assert hand.evidence is not None
    return hand.evidence.joints_px[0]
