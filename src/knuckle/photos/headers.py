"""What a picture file says of itself before it is decoded: format, size, alpha, whether it is all there.

Decoders return half a picture without a word, or fill the memory with a few kilobytes' bomb; a look at the
header tells both beforehand. Formats: JPEG (ITU T.81), PNG (W3C), WebP (RFC 9649), BMP, TIFF 6.
"""

import re
import struct
from dataclasses import dataclass
from typing import Literal

Format = Literal["JPEG", "PNG", "WebP", "BMP", "TIFF"]


@dataclass(frozen=True)
class Header:
    """width, height: px as stored, before any rotation the file asks for. truncated: the file's end is
    missing. animated: more than one frame. orientation: how EXIF says to turn a PNG or WebP (1 to 8, 1 = as
    stored); decoders see to the other formats."""

    format: Format
    width: int
    height: int
    alpha: bool = False
    truncated: bool = False
    animated: bool = False
    orientation: int = 1


def read_header(data: bytes) -> Header | None:
    """The header of an encoded picture; None when it is none of the formats read, or is broken before its
    size."""
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[:2] == b"BM":
            return _bmp(data)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data)
    except (struct.error, IndexError):
        return None
    return None


# The next true marker inside entropy-coded data: not a stuffed FF00, a restart marker or a fill byte.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(data: bytes) -> Header | None:
    size: tuple[int, int] | None = None
    at = 2
    while at < len(data):
        found = _NEXT_MARKER.search(data, at)
        if found is None:
            break
        marker, at = data[found.start() + 1], found.end()
        if marker == 0xD9:
            return Header("JPEG", *size) if size else None
        if marker in (0x01, 0xD8):
            continue
        (length,) = struct.unpack_from(">H", data, at)
        # Start of frame: all of C0..CF but Huffman tables, extensions and arithmetic conditioning.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = (width, height)
        at += length
    return Header("JPEG", *size, truncated=True) if size else None


def _png(data: bytes) -> Header:
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    alpha, animated, ended, orientation = colour in (4, 6), False, False, 1
    at = 8
    while at + 12 <= len(data) and not ended:
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if kind == b"eXIf":
            orientation = _orientation(data[at + 8 : at + 8 + length])
        at += 12 + length
        alpha |= kind == b"tRNS"
        animated |= kind == b"acTL"
        ended = kind == b"IEND" and at <= len(data)
    return Header("PNG", width, height, alpha, not ended, animated, orientation)


def _webp(data: bytes) -> Header | None:
    (length,) = struct.unpack_from("<I", data, 4)
    truncated = len(data) < length + 8
    kind = data[12:16]
    if kind == b"VP8X":
        flags = data[20]
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
        turn = _orientation(_webp_chunk(data, b"EXIF")) if flags & 0x08 else 1
        return Header("WebP", width, height, bool(flags & 0x10), truncated, bool(flags & 0x02), turn)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1), truncated)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WebP", width & 0x3FFF, height & 0x3FFF, truncated=truncated)
    return None


def _bmp(data: bytes) -> Header:
    length, _, _, header = struct.unpack_from("<IIII", data, 2)
    width, height = struct.unpack_from("<hh" if header == 12 else "<ii", data, 18)
    return Header("BMP", width, abs(height), truncated=len(data) < length)


def _webp_chunk(data: bytes, wanted: bytes) -> bytes:
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == wanted:
            return data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0")
        at += 8 + length + length % 2
    return b""


def _tiff(data: bytes) -> Header | None:
    values = _tiff_values(data)
    if values is None:
        return Header("TIFF", 1, 1, truncated=True)
    if 256 not in values or 257 not in values:
        return None
    # 338: extra samples beside the colours, taken for alpha when there is one.
    return Header("TIFF", values[256], values[257], alpha=338 in values)


def _orientation(exif: bytes) -> int:
    """EXIF is a small TIFF; tag 274 is the orientation."""
    try:
        value = (_tiff_values(exif) or {}).get(274, 1)
    except struct.error:
        return 1
    return value if 1 <= value <= 8 else 1


def _tiff_values(data: bytes) -> dict[int, int] | None:
    """The whole-number tags of a TIFF's first directory; None when the directory is missing."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    if at + 2 > len(data):
        return None
    (count,) = struct.unpack_from(order + "H", data, at)
    values = {}
    for i in range(count):
        tag, kind = struct.unpack_from(order + "HH", data, at + 2 + 12 * i)
        form = {3: "H", 4: "I"}.get(kind)
        if form:
            values[tag] = struct.unpack_from(order + form, data, at + 10 + 12 * i)[0]
    return values
