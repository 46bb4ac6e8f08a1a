"""Photos to RGB arrays, with a plain sentence for every file that is not one."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.photos.headers import Header, read_header

MAX_PIXELS = 100_000_000
# OpenCV resamples no picture wider or taller than a signed 16-bit number.
MAX_SIDE = 32_766
# Fewer pixels show no hand, whatever a network says of them.
MIN_SIDE = 16
FORMATS = "JPEG, PNG, WebP, BMP or TIFF"


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
