"""MediaPipe's two hand networks as they lie in the package, and what the second one says of a square of a picture.

They are Google's ("MediaPipe Hands", Zhang et al. 2020, Apache-2.0), turned into onnx by tools/mediapipe_onnx. One
finds palms (`palm`), the other the 21 joints of the hand in a square.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop, apply_affine, hand_roll, invert_affine, turn_of_px
from knuckle.inference.onnx_model import open_session
from knuckle.weights import INT8_FOLDER, checked_bytes

DETECTOR_FOLDER = Path(__file__).parents[2] / "assets" / "detector"

NetworkName = Literal["palm_detection_full", "hand_landmark_full"]
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)

LANDMARK_PX = 224
# From the joints but those of the fingertips to the square of the hand: so much larger, moved to the fingers by this
# share of its height.
JOINTS_EXPAND, JOINTS_SHIFT = 2.0, 0.1
INNER_JOINTS = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
_OUTPUTS = ("joints_patch", "world_m", "presence", "right")


def read_network(name: NetworkName, *, int8: bool = False) -> bytes:
    """A network's onnx file, as its record says it is; int8: the quicker one of 8-bit convolutions.

    Raises KnuckleError naming the file when it or its record is missing, damaged or exchanged.
    """
    folder = INT8_FOLDER if int8 else DETECTOR_FOLDER
    record_path = folder / f"{name}.json"
    try:
        record = json.loads(record_path.read_text())
        file, sha256 = str(record["file"]), str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(
            f"{record_path}: expected the record of a network (JSON with file and sha256), got {error!r}"
        ) from error
    return checked_bytes(folder / file, sha256)


def open_network(name: NetworkName, *, threads: int | None = None, int8: bool = False) -> Any:
    """An onnxruntime session of a network. Raises KnuckleError as `read_network` does."""
    folder = INT8_FOLDER if int8 else DETECTOR_FOLDER
    return open_session(read_network(name, int8=int8), name=folder / f"{name}.onnx", threads=threads)


@dataclass(frozen=True)
class TurnedSquare:
    """A square window of a picture, turned clockwise by `rotation_rad`; centre and side in its px."""

    centre_px: tuple[float, float]
    side_px: float
    rotation_rad: float

    def patch_from_frame(self, size: int) -> Float[np.ndarray, "2 3"]:
        """Affine map to a patch of size x size px in which the window stands upright."""
        return Crop(self.centre_px, self.side_px, size, self.rotation_rad).patch_from_frame


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The landmark network's answer to a patch."""

    joints_patch: Float[np.ndarray, "21 3"]
    """Patch px, z relative to the wrist."""
    world_m: Float[np.ndarray, "21 3"]
    """Metres round the hand's centre."""
    presence: float
    """That there is a hand, 0..1."""
    right: float
    """That it is a right one, 0..1."""


class LandmarkNetwork:
    """The landmark network, ready to look at hands; any number of threads may ask it at once.

    Patches and pictures are RGB as the camera saw them, not mirrored. threads: of one run, as
    `knuckle.inference.onnx_model` has it. int8: the quicker file of 8-bit convolutions, as for video. Raises
    KnuckleError when the network's file is missing or damaged.
    """

    def __init__(self, *, threads: int | None = None, int8: bool = False) -> None:
        self._session = open_network("hand_landmark_full", threads=threads, int8=int8)

    def __call__(self, patch: UInt8[np.ndarray, "224 224 3"]) -> Landmarks:
        """Joints of the hand in an upright patch of 224 px."""
        return self.batch(patch[None])[0]

    def batch(self, patches: UInt8[np.ndarray, "B 224 224 3"]) -> list[Landmarks]:
        """The same for several patches in one run."""
        if not len(patches):
            return []
        joints, world, presence, right = self._session.run(
            _OUTPUTS, {"picture": np.ascontiguousarray(patches)}
        )
        return [
            Landmarks(joints[i].astype(float), world[i].astype(float), float(presence[i]), float(right[i]))
            for i in range(len(patches))
        ]

    def look(
        self, image: UInt8[np.ndarray, "H W 3"], square: TurnedSquare
    ) -> tuple[Float[np.ndarray, "21 2"], Landmarks]:
        """Joints in px of the picture, and the network's answer to a square of it."""
        matrix = square.patch_from_frame(LANDMARK_PX)
        patch = cv2.warpAffine(image, matrix, (LANDMARK_PX, LANDMARK_PX), borderMode=cv2.BORDER_REPLICATE)
        found = self(patch)
        return apply_affine(invert_affine(matrix), found.joints_patch[:, :2]), found


@lru_cache(maxsize=2)
def landmark_network(*, int8: bool = False) -> LandmarkNetwork:
    """The landmark network, opened once for all who ask with the threads chosen for them."""
    return LandmarkNetwork(int8=int8)


def joints_to_square(joints_px: Float[np.ndarray, "21 2"]) -> TurnedSquare:
    """The square round a hand whose joints are known, upright along wrist to knuckles."""
    rotation = float(hand_roll(joints_px))
    upright_from_frame = turn_of_px(-rotation)
    inner = joints_px[list(INNER_JOINTS)] @ upright_from_frame.T
    low, high = inner.min(axis=0), inner.max(axis=0)
    centre = (low + high) / 2 - [0, JOINTS_SHIFT * (high - low)[1]]
    x, y = upright_from_frame.T @ centre
    return TurnedSquare((float(x), float(y)), JOINTS_EXPAND * float((high - low).max()), rotation)
