"""The peer beside us: MediaPipe Hands' landmark network (0.10.21, Apache-2.0), given the box of each hand."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from knuckle.datasets.labelled import LabelledHand
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.inference.detection.landmarks import LandmarkNetwork, TurnedSquare, joints_to_square

FIRST_EXPAND = 1.6


@lru_cache(maxsize=1)
def landmark_network() -> LandmarkNetwork:
    """MediaPipe's landmark network on one thread."""
    return LandmarkNetwork(threads=1)


def predict(hands: Iterable[LabelledHand]) -> tuple[Truth, Predictions]:
    """Its joints for each hand, and the truth beside them (photographs are not mirrored: the network knows both sides).

    It sees an upright square round the box first, and then, as when it tracks, the square its own joints
    suggest. Its metric joints lie round the hand's own centre: only aligned 3D errors mean something.
    """
    rows = [(*_look_twice(hand), hand) for hand in hands]
    uv, world, labels = zip(*rows, strict=True)
    truth = Truth(
        joints_px=np.stack([_points(hand.joints_px) for hand in labels]),
        joints_m=np.stack([_points(hand.joints_m) for hand in labels]),
        camera=np.stack([hand.camera.vector for hand in labels]),
        names=tuple(hand.name for hand in labels),
    )
    return truth, Predictions(np.stack(uv), np.stack(world))


def _look_twice(hand: LabelledHand) -> tuple[np.ndarray, np.ndarray]:
    photo = hand.read()
    x, y, w, h = (float(v) for v in hand.box_px)
    square = TurnedSquare((x + w / 2, y + h / 2), FIRST_EXPAND * max(w, h), 0.0)
    joints, _ = landmark_network().look(photo, square)
    joints, found = landmark_network().look(photo, joints_to_square(joints))
    return joints, found.world_m


def _points(values: np.ndarray | None) -> np.ndarray:
    if values is None:
        raise ValueError("expected hands with 2D and 3D labels")
    return values
