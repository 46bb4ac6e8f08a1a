"""Reading the photographs and label files of a dataset, with errors that name the file."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.files import parse_json

_ENDS = ((b"\xff\xd8", b"\xff\xd9"), (b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"))
"""First and last bytes of JPEG and PNG files."""
_TAIL = 1024
"""Last bytes of a picture that are looked at: some writers pad."""


def read_rgb(path: Path) -> UInt8[np.ndarray, "H W 3"]:
    """A dataset's picture as RGB, as stored (its labels know nothing of an EXIF rotation)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KnuckleError(f"{path}: expected a picture of the dataset, got {error.strerror}") from error
    return decode_rgb(data, str(path))


def decode_rgb(stored: bytes, where: str) -> UInt8[np.ndarray, "H W 3"]:
    """The same of a picture file's bytes; where: what to call it. Damage in its middle is not noticed: see
    `knuckle.datasets.decoder_warnings`."""
    data = np.frombuffer(stored, dtype=np.uint8)
    if is_cut_short(data):
        # OpenCV fills up what is missing with grey, and says nothing.
        raise KnuckleError(f"{where}: expected a picture, got one that is cut short")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        picture = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as error:
        raise KnuckleError(
            f"{where}: expected a picture, got a file that cannot be decoded ({error.err})"
        ) from error
    if picture is None:
        raise KnuckleError(f"{where}: expected a picture, got a file that cannot be decoded")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def check_size(picture: UInt8[np.ndarray, "H W 3"], size: tuple[int, int], path: Path) -> None:
    """Raise KnuckleError where a picture is not of the size (width, height) that its labels assume."""
    height, width = picture.shape[:2]
    if (width, height) != size:
        raise KnuckleError(f"{path}: expected {size[0]}x{size[1]} px, got {width}x{height}")


def is_cut_short(data: UInt8[np.ndarray, "n"]) -> bool:
    """Whether a JPEG or PNG file lacks its last bytes; False of other files."""
    head, tail = data[:8].tobytes(), data[-_TAIL:].tobytes()
    return any(head.startswith(begins) and ends not in tail for begins, ends in _ENDS)


def read_mask(path: Path) -> UInt8[np.ndarray, "H W"]:
    """A mask's values: a picture's first channel, or `seg` of a label file (.npz). Raises KnuckleError naming it."""
    if path.suffix != ".npz":
        return read_rgb(path)[..., 0]
    values = read_npz(path, ("seg",))["seg"]
    if values.ndim != 2 or values.dtype != np.uint8:
        raise KnuckleError(f"{path}: seg: expected a mask of bytes, got {values.dtype} {values.shape}")
    return values


def read_npz(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Arrays of an .npz file; raises KnuckleError for one that is missing or damaged, lacks one, or holds pickles."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: np.asarray(file[key]) for key in keys}
    except KeyError as error:
        raise KnuckleError(f"{path}: expected {', '.join(keys)} in it, missing {error.args[0]}") from error
    except OSError as error:
        raise KnuckleError(
            f"{path}: expected a label file, got {error.strerror or 'a damaged one'}"
        ) from error
    except Exception as error:
        # zipfile, zlib and numpy raise errors of many kinds for bytes that are not theirs.
        raise KnuckleError(f"{path}: expected an .npz file of arrays, got a damaged one ({error})") from error


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
