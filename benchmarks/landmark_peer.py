"""MediaPipe's landmark network beside ours: time of one crop on one thread, and its joints for comparisons.

python benchmarks/landmark_peer.py [--model dahyf] [--rounds N] prints milliseconds of both, timed in turns in
one run, and their ratio. The network is taken from the cache or fetched as the detector does; without it, or
without ai-edge-litert, it says so and stops.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle import weights
from knuckle.errors import KnuckleError
from knuckle.inference.palm import LANDMARK_PX, PalmDetector
from knuckle.inference.runtime import OnnxModel


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


def mediapipe_landmarks(patch: UInt8[np.ndarray, "224 224 3"]) -> PeerHand:
    """Joints of the hand in an upright RGB patch of 224 px, in patch px."""
    result = peer().landmarks(patch)
    side = "right" if result.right >= 0.5 else "left"
    return PeerHand(result.joints_patch[:, :2], result.world_m, side, result.presence)


def mediapipe_hands(image: UInt8[np.ndarray, "H W 3"]) -> list[PeerHand]:
    """Hands of a whole picture by MediaPipe's own detector, best first."""
    return [
        PeerHand(hand.joints_px, hand.landmarks.world_m, hand.detection.side, hand.detection.score)
        for hand in peer().find(image)
    ]


def milliseconds(calls: list[Callable[[], object]], *, rounds: int) -> list[float]:
    """Median time of each call, taken in turns so that a slow moment of the machine hits all alike."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 3):
        for call, record in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            record.append(1000 * (time.perf_counter() - start))
    return [float(np.median(record[3:])) for record in times]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="dahyf")
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    try:
        peer()
        path, record = weights.find(options.model)
    except KnuckleError as error:
        raise SystemExit(f"skipped: {error}") from error
    network = OnnxModel(path, threads=1)
    rng = np.random.default_rng(0)
    ours = rng.uniform(-1, 1, (1, 3, record.size, record.size)).astype(np.float32)
    crop, camera = np.array([[320.0, 240.0, 200.0]]), np.array([[800.0, 800.0, 319.5, 239.5]])
    theirs = rng.integers(0, 256, (LANDMARK_PX, LANDMARK_PX, 3), dtype=np.uint8)
    ms, peer_ms = milliseconds(
        [lambda: network(ours, crop, camera), lambda: mediapipe_landmarks(theirs)], rounds=options.rounds
    )
    print(
        json.dumps(
            {record.name: round(ms, 2), "mediapipe": round(peer_ms, 2), "ratio": round(ms / peer_ms, 2)}
        )
    )


if __name__ == "__main__":
    main()
