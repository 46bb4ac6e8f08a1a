"""Writing files whole or not at all, reading JSON of anyone, and files' names as text."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` when the block ends.

    The temporary file is in the same folder and has the same suffix; the file has the rights of any new one, whatever
    the block's writer thinks of that. Missing folders are made. If the block raises, the temporary file is removed and
    an older file at `path` stays as it was. Raises KnuckleError naming `path` if it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:100]}.{uuid4().hex[:12]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory", str(path))
        temporary.touch()  # fails here if the folder cannot be written, before the block starts
        rights = temporary.stat().st_mode
        yield temporary
        if temporary.stat().st_mode != rights:  # safetensors puts a file there that nobody else may read
            temporary.chmod(rights)
        os.replace(temporary, path)  # noqa: PTH105 - replaces on every system, as Path.rename does not
    except OSError as error:
        # An error on any other file comes from the block and is passed on unchanged.
        if error.filename is not None and Path(error.filename) not in {path, temporary, *path.parents}:
            raise
        raise KnuckleError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def parse_json(text: str | bytes) -> Any:
    """What JSON of anyone says.

    Raises ValueError where it is none, and where it is nested more deeply than Python reads, for which `json.loads` has
    an error of another kind. The error of what is no text does not hold the whole of it."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(str(error)) from None


def printable(path: str | Path) -> str:
    """A path as text for people and files: bytes of a name that are not UTF-8 become \\xef and the like."""
    try:
        data = os.fsencode(path)
    except UnicodeEncodeError:  # half of a character, which a JSON may name and no file has
        data = os.fspath(path).encode("utf-8", errors="surrogatepass")
    return data.decode("utf-8", errors="backslashreplace")


def write_image(
    path: str | Path, image_rgb: UInt8[np.ndarray, "H W 3"], *, jpeg_quality: int | None = None
) -> None:
    """Write an RGB picture, whole or not at all; the suffix gives the format. jpeg_quality: by default OpenCV's, 95.

    Raises KnuckleError naming the path if it cannot be written or the format is unknown.
    """
    path = Path(path)
    jpeg = path.suffix.lower() in (".jpg", ".jpeg")
    flags = [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality] if jpeg and jpeg_quality is not None else []
    try:
        encoded, data = cv2.imencode(path.suffix.lower(), cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), flags)
    except cv2.error:
        encoded, data = False, None
    if not encoded or data is None:
        raise KnuckleError(f"{path}: expected a picture's suffix such as .png or .jpg, got {path.suffix!r}")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())
