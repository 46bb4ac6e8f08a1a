"""MediaPipe's landmark network as the benchmarks call it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.inference.detection.landmarks import LandmarkNetwork
from knuckle.inference.detection.mediapipe import PalmDetector


class PeerHand(NamedTuple):
    """MediaPipe's answer: joints in px of the picture, and metres round the hand's centre in a frame that is
    turned by the hand's roll in the picture (align before comparing), common joint order, x right, y down, z
    forward."""

    joints_px: Float[np.ndarray, "21 2"]
    joints_m: Float[np.ndarray, "21 3"]
    side: str
    score: float


@lru_cache(maxsize=1)
def peer() -> PalmDetector:
    return PalmDetector(threads=1)


@lru_cache(maxsize=1)
def landmark_network() -> LandmarkNetwork:
    return LandmarkNetwork(threads=1)


def mediapipe_landmarks(patch: UInt8[np.ndarray, "224 224 3"]) -> PeerHand:
    """Joints of the hand in an upright RGB patch of 224 px, in patch px."""
    result = landmark_network()(patch)
    side = "right" if result.right >= 0.5 else "left"
    return PeerHand(result.joints_patch[:, :2], result.world_m, side, result.presence)


def mediapipe_hands(image: UInt8[np.ndarray, "H W 3"]) -> list[PeerHand]:
    """Hands of a whole picture by MediaPipe's own detector, best first."""
    return [
        PeerHand(hand.joints_px, hand.landmarks.world_m, hand.detection.side, hand.detection.score)
        for hand in peer().find(image)
    ]
