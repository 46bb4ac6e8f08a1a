"""Photos to RGB arrays, with a plain sentence for every file that is not one.

Pillow reads the headers, and decodes all but JPEG and 16-bit pictures: of the first OpenCV is faster, of the others
Pillow keeps only the high bytes.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError, install_command
from knuckle.geometry.camera import Camera
from knuckle.photos.exif import exif_camera, lens_of
from knuckle.photos.header import FORMATS, Header, format_of, orientation_of, read_header

MAX_PIXELS = 100_000_000
# JPEGs are made smaller while they are decoded; those of today's largest telephones have 200 megapixels.
MAX_JPEG_PIXELS = 400_000_000
# OpenCV resamples no picture wider or taller than a signed 16-bit number.
MAX_SIDE = 32_766
# Fewer pixels show no hand, whatever a network says of them.
MIN_SIDE = 16
_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture that was read."""

    pixels: UInt8[np.ndarray, "H W 3"]
    """RGB, upright."""
    width: int
    """Px of the file's picture, upright; `pixels` has fewer where it was reduced."""
    height: int
    notes: tuple[str, ...] = ()
    """What a user should know of how it was read, one sentence each, naming the file."""
    camera: Camera | None = None
    """What the file's EXIF says of the lens, in px of width x height; None where it says nothing, or nonsense."""


def read_photo(path: str | Path) -> Photo:
    """Read a photo, with what there is to say of it; `read_image` has the rules and the errors."""
    path = Path(path)
    data = _read_bytes(path)
    try:
        header = read_header(data)
    except ModuleNotFoundError as error:
        if error.name != "pi_heif":
            raise
        raise KnuckleError(
            f"{path}: expected a {FORMATS} picture, got a HEIC; HEIC is read after {install_command('heic')}"
        ) from None
    if header is None:
        raise KnuckleError(f"{path}: expected a {FORMATS} picture, got {_describe(data)}")
    reduction = _checked_reduction(path, header)
    # Pillow closes a TIFF with its pixels, while a PNG may tell behind them.
    lens = lens_of(header.picture) if header.format == "TIFF" else None
    notes: list[str] = []
    if header.page:
        notes.append(f"read page {header.page + 1}, the largest of {header.pages}")
    if header.format == "JPEG":
        pixels = _decode_jpeg(path, data, header, reduction)
        if not header.end_marked:
            notes.append("the JPEG has no end mark, as if it were cut off; what is there was read")
        if reduction > 1:
            size = f"{pixels.shape[1]}x{pixels.shape[0]}"
            notes.append(f"read at {size} px, {_PARTS[reduction]} of its {header.width}x{header.height}")
    else:
        pixels, bits = _decode(path, data, header)
        if bits < 16:
            notes.append(f"its 16-bit colours use {bits} bits; brightened {2 ** (16 - bits)} times")
    orientation = orientation_of(header.picture)
    width, height = header.width, header.height
    camera = exif_camera(lens or lens_of(header.picture), width, height)
    if orientation >= 5:
        width, height = height, width
        camera = None if camera is None else camera.turned()
    told = tuple(f"{path}: {note}" for note in notes)
    return Photo(_turned(pixels, orientation), width, height, told, camera)


def read_image(path: str | Path) -> UInt8[np.ndarray, "H W 3"]:
    """Read a photo as RGB, 8 bits a channel, turned upright as its EXIF orientation says.

    Grey and palette pictures become RGB, CMYK is converted, and what is transparent is laid on white. 16 bits are
    reduced to 8; where only the lowest 8 to 14 of them are used, as of a 12-bit camera, those are. Of a TIFF with
    several pages the largest is read. A JPEG of more than 100 megapixels is read at a half, a quarter or an eighth of
    its size, and one without its end mark as far as it goes. What is unusual (brightened, reduced, another page, no
    end mark) is warned of with `warnings`.

    HEIC needs the extra `knuckle[heic]`. Raises KnuckleError naming the file: missing, a folder, not a picture, of a
    format not read, truncated or damaged, animated, smaller than 16 px a side, or larger than 100 megapixels (JPEG:
    400) or 32,766 px a side.
    """
    photo = read_photo(path)
    warn_of(photo)
    return photo.pixels


def warn_of(photo: Photo) -> None:
    """Warn of a photo's notes, in the name of the caller's caller."""
    for note in photo.notes:
        warnings.warn(note, stacklevel=3)


def check_image(image: object) -> UInt8[np.ndarray, "H W 3"]:
    """The array itself if it is an RGB picture, uint8 of shape (H, W, 3); raises KnuckleError otherwise."""
    expected = "image: expected a path or an RGB array of uint8, shape (H, W, 3)"
    if not isinstance(image, np.ndarray):
        raise KnuckleError(f"{expected}, got {type(image).__name__}")
    picture = cast("np.ndarray", image)
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise KnuckleError(f"{expected}, got shape {picture.shape}")
    if picture.dtype != np.uint8:
        raise KnuckleError(f"{expected}, got {picture.dtype}")
    if max(picture.shape[:2]) > MAX_SIDE or min(picture.shape[:2]) < MIN_SIDE:
        raise KnuckleError(f"{expected} and {MIN_SIDE} to {MAX_SIDE} px a side, got shape {picture.shape}")
    return picture


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
    damaged = format_of(data) or ("PNG" if data.startswith(b"\x89PNG") else None)
    if damaged:
        return f"a damaged or truncated {damaged}, or one of a kind that is not read (8 or 16 bits a channel are)"
    if data[:3] == b"GIF":
        return "a GIF"
    if data[4:8] == b"ftyp":
        return "a video"
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


_PARTS = {2: "half", 4: "a quarter", 8: "an eighth"}


def _checked_reduction(path: Path, header: Header) -> int:
    """By how much a picture is to be reduced while it is decoded: 1, and of a large JPEG 2, 4 or 8."""
    width, height = header.width, header.height
    if min(width, height) < MIN_SIDE:
        raise KnuckleError(
            f"{path}: expected a picture of at least {MIN_SIDE}x{MIN_SIDE} px, got {width}x{height} px"
        )
    if header.animated:
        raise KnuckleError(f"{path}: expected a still picture, got an animation")
    most = MAX_PIXELS
    if header.format == "JPEG":
        most = MAX_JPEG_PIXELS
        for reduction in _REDUCED:
            small = -(-width // reduction), -(-height // reduction)
            fits = small[0] * small[1] <= MAX_PIXELS and max(small) <= MAX_SIDE and min(small) >= MIN_SIDE
            if fits and width * height <= most:
                return reduction
    elif width * height <= most and max(width, height) <= MAX_SIDE:
        return 1
    raise KnuckleError(
        f"{path}: expected at most {most // 1_000_000} megapixels and {MAX_SIDE} px a side,"
        f" got {width}x{height} px; scale it down first"
    )


def _decode_jpeg(path: Path, data: bytes, header: Header, reduction: int) -> UInt8[np.ndarray, "H W 3"]:
    flags = _REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    image = _by_opencv(data, flags)
    if image is None and not header.end_marked:
        image = _by_opencv(data + b"\xff\xd9", flags)
    if image is None:
        raise _undecodable(path, header)
    # Of rows that are missing the decoder makes an even grey.
    corner = image[-8 // reduction :, -8 // reduction :]
    if not header.end_marked and (corner == 128).all():
        raise KnuckleError(f"{path}: expected a whole JPEG picture, got a truncated one (its end is missing)")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _decode(path: Path, data: bytes, header: Header) -> tuple[UInt8[np.ndarray, "H W 3"], int]:
    """The pixels of any other format, and how many bits of 16 the colours used (16 where they had 8)."""
    picture = header.picture
    deep = None
    try:
        if header.sixteen_bits:
            # Pillow alone says whether all of it is there, OpenCV alone gives all bits.
            picture.load()
            deep = _sixteen_bits(data, header)
        if deep is not None:
            return _reduced_to_eight_bits(deep)
        if picture.mode in ("I", "F"):
            raise _undecodable(path, header)
        if picture.has_transparency_data:
            return _on_white(np.asarray(picture.convert("RGBA"))), 16
        return np.asarray(picture.convert("RGB")), 16
    except KnuckleError:
        raise
    except Exception as error:
        # As of headers: what a decoder raises depends on where the damage is.
        raise _undecodable(path, header) from error


def _undecodable(path: Path, header: Header) -> KnuckleError:
    return KnuckleError(
        f"{path}: expected a whole {header.format} picture of 8 or 16 bits a channel,"
        " got one that is truncated or cannot be decoded"
    )


def _by_opencv(data: bytes, flags: int) -> np.ndarray | None:
    # What goes wrong is said in our own sentence, not in OpenCV's log.
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)


def _sixteen_bits(data: bytes, header: Header) -> np.ndarray | None:
    """RGB or RGBA of 16 bits, as stored; None where OpenCV does not read this kind."""
    if header.page:
        done, pages = cv2.imdecodemulti(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        image = pages[header.page] if done and len(pages) > header.page else None
    else:
        image = _by_opencv(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None or image.dtype != np.uint16 or image.shape[:2] != (header.height, header.width):
        return None
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=-1)
    return image[..., [2, 1, 0, 3][: image.shape[2]]] if image.shape[2] in (3, 4) else None


def _reduced_to_eight_bits(deep: np.ndarray) -> tuple[UInt8[np.ndarray, "H W 3"], int]:
    """RGB of 8 bits, and how many of the 16 bits the colours use."""
    brightest = int(deep[..., :3].max())
    bits = next(bits for bits in (8, 10, 12, 14, 16) if brightest < 1 << bits)
    colour = (deep[..., :3] >> (bits - 8)).astype(np.uint8)
    if deep.shape[2] == 4:
        colour = _on_white(np.dstack([colour, (deep[..., 3] >> 8).astype(np.uint8)]))
    return colour, bits if brightest else 16


def _on_white(image_rgba: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 3"]:
    alpha = image_rgba[..., 3:].astype(np.float32) / 255
    return np.round(image_rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """Upright from as stored: EXIF's orientations 1 to 8 are a transposition (5 to 8) and flips."""
    if orientation >= 5:
        image = cv2.transpose(image)
    flip = {3: -1, 7: -1, 4: 0, 8: 0, 2: 1, 6: 1}.get(orientation)
    return np.ascontiguousarray(image if flip is None else cv2.flip(image, flip))
