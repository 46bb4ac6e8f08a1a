"""MediaPipe's two hand networks as they lie in the package: found, checked by their sums, opened.

They are Google's ("MediaPipe Hands", Zhang et al. 2020, Apache-2.0), turned into onnx by tools/mediapipe_onnx.
"""

import json
from pathlib import Path
from typing import Any, Literal, get_args

from knuckle.errors import KnuckleError
from knuckle.inference.onnx_model import open_session
from knuckle.weights import checked_bytes

DETECTOR_FOLDER = Path(__file__).parents[2] / "assets" / "detector"

NetworkName = Literal["palm_detection_full", "hand_landmark_full"]
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)


def read_network(name: NetworkName) -> bytes:
    """A network's onnx file, as its record says it is.

    Raises KnuckleError naming the file when it or its record is missing, damaged or exchanged.
    """
    record_path = DETECTOR_FOLDER / f"{name}.json"
    try:
        record = json.loads(record_path.read_text())
        file, sha256 = str(record["file"]), str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KnuckleError(
            f"{record_path}: expected the record of a network (JSON with file and sha256), got {error!r}"
        ) from error
    return checked_bytes(DETECTOR_FOLDER / file, sha256)


def open_network(name: NetworkName, *, threads: int | None = None) -> Any:
    """An onnxruntime session of a network. Raises KnuckleError as `read_network` does."""
    return open_session(read_network(name), name=DETECTOR_FOLDER / f"{name}.onnx", threads=threads)
