"""What a file's header tells before anything is decoded: sizes, bombs, animations, rubbish."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.photos import reading
from knuckle.photos.header import read_header
from knuckle.photos.reading import read_image


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


def test_what_no_camera_takes_is_no_jpeg_to_be_reduced(tmp_path):
    data = bytearray(encode(".jpg", np.zeros((16, 16, 3), np.uint8)))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 30_000, 30_000)
    assert "at most 400 megapixels" in error_of(tmp_path, bytes(data))


def test_a_very_large_jpeg_is_read_smaller(tmp_path, monkeypatch):
    picture = np.zeros((90, 121, 3), np.uint8)
    picture[:, :60] = 200
    (tmp_path / "large.jpg").write_bytes(encode(".jpg", picture))
    monkeypatch.setattr(reading, "MAX_PIXELS", 720)
    photo = reading.read_photo(tmp_path / "large.jpg")
    assert photo.pixels.shape == (23, 31, 3)
    assert (photo.width, photo.height) == (121, 90)
    assert photo.pixels[:, :13].mean() > 190 and photo.pixels[:, 17:].mean() < 10
    assert photo.notes == (f"{tmp_path / 'large.jpg'}: read at 31x23 px, a quarter of its 121x90",)


@pytest.mark.parametrize("size", [(0, 0), (5, 0)])
def test_no_pixels(tmp_path, size):
    assert "damaged or truncated PNG" in error_of(tmp_path, png_of_size(*size))


def test_animation(tmp_path):
    body = struct.pack(">II", 3, 0)
    control = struct.pack(">I", 8) + b"acTL" + body + struct.pack(">I", zlib.crc32(b"acTL" + body))
    assert "animation" in error_of(tmp_path, png_of_size(4, 4, control))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_header_agrees_with_the_decoder(suffix):
    header = read_header(encode(suffix, np.zeros((17, 33, 3), np.uint8)))
    assert header is not None
    assert (header.width, header.height) == (33, 17)
    assert not (header.animated or header.sixteen_bits)
    assert header.end_marked and header.pages == 1


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
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
