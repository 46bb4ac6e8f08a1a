"""What a file's header tells before anything is decoded: sizes, bombs, animations, rubbish."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.photos.reading import read_header, read_image


def encode(suffix: str, image: np.ndarray) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def error_of(folder, data: bytes) -> str:
    path = folder / "picture.png"
    path.write_bytes(data)
    with pytest.raises(KnuckleError) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: expected")
    return str(caught.value)


def png_of_size(width: int, height: int, *extra: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(20_000, 20_000), (40_000, 20), (2**31 - 1, 2**31 - 1)])
def test_bomb_is_refused_before_decoding(tmp_path, size):
    message = error_of(tmp_path, png_of_size(*size))
    assert "100 megapixels" in message
    assert f"{size[0]}x{size[1]}" in message


@pytest.mark.parametrize("size", [(0, 0), (5, 0)])
def test_no_pixels(tmp_path, size):
    assert f"got {size[0]}x{size[1]} px" in error_of(tmp_path, png_of_size(*size))


def test_animation(tmp_path):
    body = struct.pack(">II", 3, 0)
    control = struct.pack(">I", 8) + b"acTL" + body + struct.pack(">I", zlib.crc32(b"acTL" + body))
    assert "animation" in error_of(tmp_path, png_of_size(4, 4, control))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_header_agrees_with_the_decoder(suffix):
    header = read_header(encode(suffix, np.zeros((17, 33, 3), np.uint8)))
    assert header is not None
    assert (header.width, header.height) == (33, 17)
    assert not (header.alpha or header.truncated or header.animated)


def test_headers_never_raise_on_rubbish():
    colour = np.random.default_rng(1).integers(0, 256, (24, 40, 3), dtype=np.uint8)
    rng = np.random.default_rng(3)
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".tiff"):
        data = encode(suffix, colour)
        for length in range(0, len(data), max(1, len(data) // 60)):
            read_header(data[:length])
        for _ in range(40):
            noisy = bytearray(data)
            for at in rng.integers(4, len(data), 20):
                noisy[at] = rng.integers(256)
            header = read_header(bytes(noisy))
            assert header is None or header.format in ("JPEG", "PNG", "WebP", "BMP", "TIFF")
