"""Reading the photographs and label files of a dataset, with errors that name the file."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.files import parse_json


def read_rgb(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """A dataset's picture as RGB, as stored (its labels know nothing of an EXIF rotation)."""
    try:
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise KnuckleError(f"{path}: expected a picture of the dataset, got {error.strerror}") from error
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(data, flags) if data.size else None
    if picture is None:
        raise KnuckleError(f"{path}: expected a picture, got a file that cannot be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_json(path: Path, *, kind: type) -> Any:
    """A label file whose top level is a list or a dict; raises KnuckleError naming the file otherwise."""
    try:
        data = parse_json(path.read_text())
    except OSError as error:
        raise KnuckleError(f"{path}: expected a label file, got {error.strerror}") from error
    except ValueError as error:
        raise KnuckleError(f"{path}: expected JSON, got {error}") from error
    if not isinstance(data, kind):
        raise KnuckleError(f"{path}: expected a JSON {kind.__name__}, got a {type(data).__name__}")
    return data
