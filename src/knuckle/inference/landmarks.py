"""MediaPipe's landmark network: the 21 joints of the hand in a square of a picture."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.camera import apply_affine, invert_affine
from knuckle.inference.mediapipe_files import fetch
from knuckle.inference.tflite import TfliteModel

LANDMARK_PX = 224
# From the joints but those of the fingertips to the square of the hand, for the second look.
JOINTS_EXPAND, JOINTS_SHIFT = 2.0, 0.1
INNER_JOINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)


@dataclass(frozen=True)
class TurnedSquare:
    """A square window of a picture, turned clockwise by `rotation_rad`; centre and side in its px."""

    centre_px: tuple[float, float]
    side_px: float
    rotation_rad: float

    def patch_from_frame(self, size: int) -> Float[np.ndarray, "2 3"]:
        """Affine map to a patch of size x size px in which the window stands upright."""
        scale = self.side_px / size
        cos, sin = np.cos(self.rotation_rad) * scale, np.sin(self.rotation_rad) * scale
        linear = np.array([[cos, -sin], [sin, cos]])
        middle = np.full(2, (size - 1) / 2)
        shift = np.asarray(self.centre_px) - linear @ middle
        return invert_affine(np.concatenate([linear, shift[:, None]], axis=1))


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the landmark network says of a patch: joints (21, 3) in patch px (z relative to the wrist),
    `world_m` (21, 3) metres round the hand's centre, presence of a hand 0..1 and the probability that it is a
    right one."""

    joints_patch: Float[np.ndarray, "21 3"]
    world_m: Float[np.ndarray, "21 3"]
    presence: float
    right: float


class LandmarkNetwork:
    """The landmark network by itself, for hands whose place is known.

    threads: of the network; None is one. Raises KnuckleError when its file or ai-edge-litert is missing.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        self._network = TfliteModel(fetch("hand_landmark_full"), threads=threads or 1)

    def __call__(self, patch: UInt8[np.ndarray, "224 224 3"]) -> Landmarks:
        """What it says of an upright RGB patch of 224 px."""
        joints, presence, right, world = self._network(patch[None] / np.float32(255))
        return Landmarks(
            joints.reshape(21, 3).astype(float),
            world.reshape(21, 3).astype(float),
            float(presence.item()),
            float(right.item()),
        )

    def look(
        self, image: UInt8[np.ndarray, "H W 3"], square: TurnedSquare
    ) -> tuple[Float[np.ndarray, "21 2"], Landmarks]:
        """Joints in px of the picture, and all it says of a square of it."""
        matrix = square.patch_from_frame(LANDMARK_PX)
        patch = cv2.warpAffine(image, matrix, (LANDMARK_PX, LANDMARK_PX), borderMode=cv2.BORDER_REPLICATE)
        result = self(patch)
        return apply_affine(invert_affine(matrix), result.joints_patch[:, :2]), result


@lru_cache(maxsize=1)
def default_landmark_network() -> LandmarkNetwork:
    """The one that all predictors share."""
    return LandmarkNetwork()


def joints_to_square(joints_px: Float[np.ndarray, "21 2"]) -> TurnedSquare:
    """The square round a hand whose joints are known, upright along wrist to knuckles."""
    knuckles = joints_px[[5, 9, 9, 13]].mean(axis=0)
    dx, dy = knuckles - joints_px[0]
    rotation = float(np.arctan2(dx, -dy))
    cos, sin = np.cos(rotation), np.sin(rotation)
    upright_from_frame = np.array([[cos, sin], [-sin, cos]])
    inner = joints_px[list(INNER_JOINTS)] @ upright_from_frame.T
    low, high = inner.min(axis=0), inner.max(axis=0)
    centre = (low + high) / 2 - [0, JOINTS_SHIFT * (high - low)[1]]
    x, y = upright_from_frame.T @ centre
    return TurnedSquare((float(x), float(y)), JOINTS_EXPAND * float((high - low).max()), rotation)
