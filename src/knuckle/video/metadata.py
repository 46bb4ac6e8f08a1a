"""What a QuickTime or MP4 file says of itself that OpenCV does not tell: its lens, and why it cannot be read.

Both are made of boxes: 4 bytes of length, 4 of name, then the content. The movie box ("moov") holds tracks and
metadata; cameras write it when a recording ends.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import middle_px

FOCAL_LENGTH = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"
DIAGONAL_35MM = math.hypot(36, 24)
"""Of a frame of 35 mm film, mm: equivalent focal lengths are told for pictures of its diagonal."""
MAX_MOVIE_BYTES = 64_000_000
"""Of a movie box that is read: that of an hour has some megabytes."""
_NUMBERS = {
    21: "b",
    22: "B",
    23: ">f",
    24: ">d",
    66: ">h",
    67: ">i",
    74: ">q",
    75: "B",
    76: ">H",
    77: ">I",
    78: ">Q",
}
_INTEGERS = {(21, 2): ">h", (21, 4): ">i", (21, 8): ">q", (22, 2): ">H", (22, 4): ">I", (22, 8): ">Q"}


_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


def is_quicktime(path: Path) -> bool:
    """Whether a file is made of boxes; False for one that cannot be read."""
    return _start(path)[4:8] in _FIRST_BOXES


def camera_of(path: Path, width: int, height: int) -> Camera | None:
    """The intrinsics of a file whose metadata tell the lens's focal length as of 35 mm film, in px of its upright
    frames, centred; None where they do not."""
    movie = _movie(path)
    focal_mm = None if movie is None else _focal_length_mm(movie)
    if focal_mm is None:
        return None
    focal = focal_mm / DIAGONAL_35MM * math.hypot(width, height)
    return Camera(focal, focal, middle_px(width), middle_px(height), width, height)


def describe(path: Path) -> str:
    """What a file is that could not be opened as a video, for "expected a video, got ..."."""
    start = _start(path)
    if start[4:8] in _FIRST_BOXES:
        movie = _movie(path)
        if movie is None:
            return "one without the index at its end, as if the recording had been cut off"
        if b"vide" not in movie:
            return "a file with sound alone"
        return "one that OpenCV cannot decode"
    if (
        start[:3] == b"ID3"
        or start[:4] in (b"fLaC", b"OggS")
        or (start[:4] == b"RIFF" and start[8:12] == b"WAVE")
    ):
        return "a file with sound alone"
    return "a file in which OpenCV finds none"


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""


def _movie(path: Path) -> bytes | None:
    """The content of the movie box, None where there is none."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            place = 0
            while place + 8 <= end:
                file.seek(place)
                head = file.read(16)
                length, header = int.from_bytes(head[:4], "big"), 8
                if length == 1:
                    length, header = int.from_bytes(head[8:16], "big"), 16
                elif length == 0:
                    length = end - place
                if length < header:
                    return None
                if head[4:8] == b"moov":
                    if length > MAX_MOVIE_BYTES or place + length > end:
                        return None
                    file.seek(place + header)
                    return file.read(length - header)
                place += length
    except OSError:
        pass
    return None


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if length < 8 or place + length > len(data):
            return
        yield data[place + 4 : place + 8], data[place + 8 : place + length]
        place += length


def _focal_length_mm(movie: bytes) -> float | None:
    """From the movie's own metadata or, where telephones put them, its video track's."""
    inside = list(_boxes(movie))
    tables = [content for name, content in inside if name == b"meta"]
    for name, content in inside:
        if name == b"trak":
            tables += [inner for kind, inner in _boxes(content) if kind == b"meta"]
    for table in tables:
        # ISO files start the box with 4 bytes of version and flags, QuickTime's do not.
        for content in (table, table[4:]):
            value = _value(dict(_boxes(content)), FOCAL_LENGTH)
            if value is not None and 1 < value < 2000:
                return value
    return None


def _value(table: dict[bytes, bytes], wanted: bytes) -> float | None:
    keys, values = table.get(b"keys"), table.get(b"ilst")
    if keys is None or values is None:
        return None
    # Entries of the list are named by the number of their key, from 1.
    numbers = {place.to_bytes(4, "big"): key for place, (_, key) in enumerate(_boxes(keys[8:]), start=1)}
    for number, content in _boxes(values):
        if numbers.get(number) == wanted:
            data = dict(_boxes(content)).get(b"data", b"")
            return _number(int.from_bytes(data[:4], "big"), data[8:])
    return None


def _number(kind: int, data: bytes) -> float | None:
    """A number of one of QuickTime's well-known types; type 1 is text."""
    try:
        if kind == 1:
            return float(data.decode())
        layout = _INTEGERS.get((kind, len(data)), _NUMBERS.get(kind))
        return None if layout is None else float(struct.unpack(layout, data)[0])
    except (ValueError, struct.error):
        return None
