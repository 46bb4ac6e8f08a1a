"""Photos to RGB arrays, with a plain sentence for every file that is not one.

What a file says of itself is read before it is decoded: decoders return half a picture without a word, or fill the
memory from a file of a few kilobytes that claims to be huge. Formats: JPEG (ITU T.81), PNG (W3C), WebP (RFC 9649), BMP,
TIFF 6.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError

MAX_PIXELS = 100_000_000
# OpenCV resamples no picture wider or taller than a signed 16-bit number.
MAX_SIDE = 32_766
# Fewer pixels show no hand, whatever a network says of them.
MIN_SIDE = 16
FORMATS = "JPEG, PNG, WebP, BMP or TIFF"
Format = Literal["JPEG", "PNG", "WebP", "BMP", "TIFF"]


@dataclass(frozen=True)
class Header:
    """What a picture file says of itself."""

    format: Format
    width: int
    """Px as stored, before any rotation the file asks for."""
    height: int
    alpha: bool = False
    truncated: bool = False
    """The file's end is missing."""
    animated: bool = False
    """More than one frame."""
    orientation: int = 1
    """How EXIF says to turn a PNG or WebP (1 to 8, 1 = as stored); decoders see to the other formats."""


def read_image(path: str | Path) -> UInt8[np.ndarray, "H W 3"]:
    """Read a photo as RGB, 8 bits a channel, turned upright as its EXIF orientation says.

    Grey and palette pictures become RGB, CMYK is converted, 16 bits are reduced to 8, and what is transparent
    is laid on white. Raises KnuckleError naming the file: missing, a folder, not a picture, of a format not
    read, truncated or damaged, animated, smaller than 16 px a side, or larger than 100 megapixels or 32,766 px a
    side.
    """
    path = Path(path)
    data = _read_bytes(path)
    header = read_header(data)
    if header is None:
        raise KnuckleError(f"{path}: expected a {FORMATS} picture, got {_describe(data)}")
    _check(path, header)
    image = _decode(data, header)
    if image is None:
        raise KnuckleError(
            f"{path}: expected a whole {header.format} picture of 8 or 16 bits a channel,"
            " got one that cannot be decoded"
        )
    return image


def check_image(image: object) -> UInt8[np.ndarray, "H W 3"]:
    """The array itself if it is an RGB picture, uint8 of shape (H, W, 3); raises KnuckleError otherwise."""
    expected = "image: expected a path or an RGB array of uint8, shape (H, W, 3)"
    if not isinstance(image, np.ndarray):
        raise KnuckleError(f"{expected}, got {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise KnuckleError(f"{expected}, got shape {image.shape}")
    if image.dtype != np.uint8:
        raise KnuckleError(f"{expected}, got {image.dtype}")
    if max(image.shape[:2]) > MAX_SIDE or min(image.shape[:2]) < MIN_SIDE:
        raise KnuckleError(f"{expected} and {MIN_SIDE} to {MAX_SIDE} px a side, got shape {image.shape}")
    return image


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise KnuckleError(f"{path}: expected a photo, but there is no such file") from None
    except IsADirectoryError:
        raise KnuckleError(f"{path}: expected a photo, got a folder") from None
    except OSError as error:
        # Windows calls a folder a file it may not read.
        reason = "a folder" if path.is_dir() else f"a file that cannot be read ({error.strerror})"
        raise KnuckleError(f"{path}: expected a photo, got {reason}") from error


def _describe(data: bytes) -> str:
    if not data:
        return "an empty file"
    if data.startswith(b"\xff\xd8"):
        return "a damaged or truncated JPEG"
    if data.startswith(b"\x89PNG"):
        return "a damaged or truncated PNG"
    if data[:3] == b"GIF":
        return "a GIF"
    if data[4:8] == b"ftyp":
        return "a HEIC, AVIF or video file (convert it to JPEG)"
    if data.startswith(b"%PDF"):
        return "a PDF"
    try:
        # A character cut at the end of the look is no sign of another encoding.
        start = data[:512].decode("utf-8", errors="strict" if len(data) <= 512 else "ignore")
    except UnicodeDecodeError:
        start = "\0"
    if all(character.isprintable() or character in "\r\n\t" for character in start):
        return "text"
    return "another kind of file"


def _check(path: Path, header: Header) -> None:
    width, height = header.width, header.height
    if header.truncated:
        raise KnuckleError(
            f"{path}: expected a whole {header.format} picture, got a truncated one (its end is missing)"
        )
    if min(width, height) < MIN_SIDE:
        raise KnuckleError(
            f"{path}: expected a picture of at least {MIN_SIDE}x{MIN_SIDE} px, got {width}x{height} px"
        )
    if header.animated:
        raise KnuckleError(f"{path}: expected a still picture, got an animation")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise KnuckleError(
            f"{path}: expected at most {MAX_PIXELS // 1_000_000} megapixels and {MAX_SIDE} px a side,"
            f" got {width}x{height} px; scale it down first"
        )


def _decode(data: bytes, header: Header) -> UInt8[np.ndarray, "H W 3"] | None:
    encoded = np.frombuffer(data, np.uint8)
    # What goes wrong is said in our own sentence, not in OpenCV's log.
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        if header.alpha:
            image = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
            if image is not None and image.ndim == 3 and image.shape[2] == 4:
                return _turned(_on_white(image), header.orientation)
        # Colour decoding applies the EXIF orientation, converts grey and CMYK, and reduces 16 bits to 8.
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _on_white(image_bgra: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    if image_bgra.dtype == np.uint16:
        image_bgra = (image_bgra >> 8).astype(np.uint8)
    alpha = image_bgra[..., 3:].astype(np.float32) / 255
    colour = image_bgra[..., 2::-1].astype(np.float32)
    return np.round(colour * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """Upright from as stored: EXIF's orientations 1 to 8 are a transposition (5 to 8) and flips."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


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
