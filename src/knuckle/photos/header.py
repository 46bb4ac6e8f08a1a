"""What a picture file says of itself, read by Pillow before anything is decoded: decoders fill the memory from a file
of a few kilobytes that claims to be huge, and take an animation's or a TIFF's first picture without a word."""

import io
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

Format = Literal["JPEG", "PNG", "WebP", "BMP", "TIFF", "AVIF", "HEIC"]
FORMATS = "JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC"

# Pillow's own list of readers is left alone: it belongs to the program that uses us, and its size limits to its user.
_READERS: dict[Format, tuple[str, str]] = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "HEIC": ("pi_heif", "HeifImageFile"),
}
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"hevc", b"hevx")
_ORIENTATION = 0x0112
_BITS_PER_SAMPLE = 258


@dataclass(frozen=True, eq=False)
class Header:
    """A picture that is opened and not yet decoded."""

    format: Format
    picture: "ImageFile"
    """Pillow's, at the page to be read."""
    width: int
    """Px as stored, before any rotation the file asks for."""
    height: int
    animated: bool = False
    """More than one picture, meant to be shown in turn."""
    pages: int = 1
    """Of a TIFF."""
    page: int = 0
    """Which of them is read: the largest, of several the first."""
    sixteen_bits: bool = False
    """Colours of 16 bits each, of which Pillow would keep 8."""
    end_marked: bool = True
    """Whether the end mark of a JPEG is there."""


def format_of(data: bytes) -> Format | None:
    """The format that the first bytes tell; None for none of `FORMATS`."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:2] == b"BM":
        return "BMP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[4:8] == b"ftyp":
        brands = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in brands for brand in _HEIC_BRANDS):
            return "HEIC"
    return None


def read_header(data: bytes) -> Header | None:
    """The header of an encoded picture; None when it is none of the formats read, or is damaged.

    Raises ModuleNotFoundError for a format whose reader is not installed.
    """
    found = format_of(data)
    if found is None:
        return None
    module, name = _READERS[found]
    reader = getattr(import_module(module), name)
    try:
        picture = reader(io.BytesIO(data))
        return _header(found, picture, data)
    except Exception:
        # Of a damaged file Pillow's readers raise whatever their parsing meets: SyntaxError, struct.error, KeyError...
        return None


def _header(found: Format, picture: "ImageFile", data: bytes) -> Header:
    pages = getattr(picture, "n_frames", 1) if found in ("TIFF", "PNG", "WebP", "AVIF") else 1
    page = 0
    if found == "TIFF" and pages > 1:
        page = _largest_page(picture, pages)
        picture.seek(page)
    return Header(
        found,
        picture,
        *picture.size,
        animated=pages > 1 and found != "TIFF",
        pages=pages if found == "TIFF" else 1,
        page=page,
        sixteen_bits=_has_sixteen_bits(found, picture, data),
        end_marked=found != "JPEG" or _is_end_marked(picture, data),
    )


def _largest_page(picture: "ImageFile", pages: int) -> int:
    areas = []
    for number in range(pages):
        picture.seek(number)
        areas.append(picture.width * picture.height)
    return areas.index(max(areas))


def orientation_of(picture: "ImageFile") -> int:
    """How EXIF says to turn a picture (1 to 8, 1 = as stored). To be asked when it is decoded: a PNG's may stand behind
    its pixels, and Pillow decodes them to get there."""
    try:
        value = picture.getexif().get(_ORIENTATION, 1)
    except Exception:
        # Damaged EXIF is no reason to refuse the photo.
        return 1
    return value if value in range(1, 9) else 1


def _has_sixteen_bits(found: Format, picture: "ImageFile", data: bytes) -> bool:
    if found == "PNG":
        return data[24] == 16
    if found != "TIFF":
        return False
    bits = picture.tag_v2.get(_BITS_PER_SAMPLE, (1,))  # pyright: ignore[reportAttributeAccessIssue]
    return max(bits) == 16 and picture.mode not in ("I", "F")


def _is_end_marked(picture: "ImageFile", data: bytes) -> bool:
    """Whether the end mark follows the start of the compressed pixels, where Pillow stopped reading. Among them it
    cannot appear by chance, and before them it is a thumbnail's."""
    start = picture.fp.tell() if picture.fp else 0
    return data.find(b"\xff\xd9", start) >= 0
