"""Pictures: damaged ones of every format, headers that promise too much, odd sizes, colours and EXIF."""

import io
import struct
import zlib
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.hostile.attempt import BOX, Attempt, command
from benchmarks.hostile.damage import damaged

_FORMATS: dict[str, dict[str, Any]] = {
    ".jpg": {"format": "JPEG"},
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "quality": 80},
    ".bmp": {"format": "BMP"},
    ".tif": {"format": "TIFF", "compression": "tiff_lzw"},
    ".avif": {"format": "AVIF", "speed": 10},
}


class Pictures:
    """`knuckle estimate` with a network that answers at once."""

    def __init__(self, materials: Path) -> None:
        self._model = materials / "fake.onnx"
        picture = Image.open(materials / "photo.jpg").convert("RGB")
        self._picture = picture
        self._files = {suffix: _saved(picture, **options) for suffix, options in _FORMATS.items()}
        self._files[".gif"] = _saved(picture, format="GIF", save_all=True, append_images=[picture])
        deep = Image.fromarray(np.asarray(picture)[..., 0].astype(np.uint16) * 257)
        self._files["16.png"], self._files["16.tif"] = (
            _saved(deep, format="PNG"),
            _saved(deep, format="TIFF"),
        )
        self._files["cmyk.jpg"] = _saved(picture.convert("CMYK"), format="JPEG")

    def attempt(self, chance: Random, folder: Path) -> Attempt:
        """As `benchmarks.hostile.attempt.Kind`."""
        if chance.random() < 0.6:
            suffix = chance.choice(list(self._files))
            name, data = damaged(self._files[suffix], chance)
            name = f"{suffix} {name}"
        else:
            suffix, name, data = chance.choice(
                (self._header, self._header, self._bomb, self._exif, self._odd)
            )(chance)
        path = folder / f"input{suffix if chance.random() < 0.9 else chance.choice(('.png', '.jpg'))}"
        path.write_bytes(data)
        with_box = BOX if chance.random() < 0.9 else (*BOX[:1], "nan,1e308,-5,inf", *BOX[2:])
        out = folder / "out"
        return Attempt(name, command("estimate", path, "--model", self._model, "--out", out, *with_box))

    def _header(self, chance: Random) -> tuple[str, str, bytes]:
        """A PNG, BMP or JPEG that says it has other sides than it has."""
        sides = (0, 1, 15, 32_767, 65_535, 2**31 - 1, 2**31, 2**32 - 1)
        width, height = chance.choice(sides), chance.choice(sides)
        suffix = chance.choice((".png", ".bmp", ".jpg"))
        data = bytearray(self._files[suffix])
        if suffix == ".png":
            data[16:24] = struct.pack(">II", width, height)
            data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        elif suffix == ".bmp":
            data[18:26] = struct.pack("<II", width, height)
        else:
            at = data.index(b"\xff\xc0")
            data[at + 5 : at + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
        return suffix, f"{suffix} says {width}x{height}", bytes(data)

    def _bomb(self, chance: Random) -> tuple[str, str, bytes]:
        """Few bytes, many pixels."""
        side = chance.choice((4000, 12_000, 30_000, 60_000))
        way = chance.randrange(3)
        if way == 0:
            return ".png", f"a PNG of {side}x{side} even pixels", _even_png(side)
        if way == 1:
            text = _saved(self._picture, format="PNG")
            packed = zlib.compress(bytes(50_000_000), 9)
            chunk = b"zTXt" + b"Comment\0\0" + packed
            more = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
            return ".png", "a PNG with 50 MB of text", text[:33] + more + text[33:]
        pages = [Image.new("1", (side // 4, side // 4))] * chance.choice((2, 30))
        data = _saved(pages[0], format="TIFF", compression="group4", save_all=True, append_images=pages[1:])
        return ".tif", f"a TIFF of {len(pages)} large pages", data

    def _exif(self, chance: Random) -> tuple[str, str, bytes]:
        """Tags of other types and values than they may have."""
        exif = Image.Exif()
        exif[0x0112] = chance.choice((0, 9, 65_535, 6))
        inner = exif.get_ifd(0x8769)
        inner[0x920A] = chance.choice(((1, 0), (0, 1), (2**32 - 1, 1), (50, 1)))
        inner[0xA405] = chance.choice((0, 1, 65_535))
        inner[0xA20E] = chance.choice(((0, 0), (2**32 - 1, 1)))
        data = exif.tobytes()
        if chance.random() < 0.5:
            _, data = damaged(data[6:], chance)
            data = b"Exif\0\0" + data[:60_000]
        suffix = chance.choice((".jpg", ".png", ".webp"))
        return suffix, f"{suffix} with odd EXIF", _saved(self._picture, **_FORMATS[suffix], exif=data)

    def _odd(self, chance: Random) -> tuple[str, str, bytes]:
        """Sides and colours that pictures seldom have."""
        mode = chance.choice(("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F", "I"))
        size = chance.choice(((1, 1), (16, 16), (15, 400), (3000, 16), (16, 32_766), (40_000, 16)))
        suffix = ".tif" if mode in ("CMYK", "F", "I") else ".png"
        picture = Image.new(mode, size)
        format = {".tif": "TIFF", ".png": "PNG"}[suffix]
        return suffix, f"{mode} of {size[0]}x{size[1]}", _saved(picture, format=format)


def _saved(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, **options)
    return out.getvalue()


def _even_png(side: int) -> bytes:
    """A black and white PNG of one bit a pixel, its rows packed without ever being whole in memory."""
    packer, row = zlib.compressobj(1), bytes(1 + -(-side // 8))
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
