"""Reading photos: every kind that is read, and one clear sentence for every one that is not."""

import io
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from knuckle.errors import KnuckleError
from knuckle.photos.reading import check_image, read_image


@pytest.fixture
def colour() -> np.ndarray:
    """Smooth RGB, 24 x 40 px: red left to right, green top to bottom."""
    y, x = np.mgrid[0:24, 0:40]
    return np.stack([x * 6, y * 10, np.full_like(x, 60)], axis=-1).astype(np.uint8)


def encode(suffix: str, image_rgb: np.ndarray, *options: int) -> bytes:
    order = [2, 1, 0, 3][: image_rgb.shape[2]] if image_rgb.ndim == 3 else slice(None)
    return cv2.imencode(suffix, image_rgb[..., order] if image_rgb.ndim == 3 else image_rgb, options)[
        1
    ].tobytes()


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(KnuckleError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_lossless_formats_are_exact(tmp_path, colour, suffix):
    path = write(tmp_path, f"photo{suffix}", encode(suffix, colour))
    np.testing.assert_array_equal(read_image(path), colour)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_formats_are_close(tmp_path, colour, suffix):
    image = read_image(write(tmp_path, f"photo{suffix}", encode(suffix, colour)))
    assert np.abs(image.astype(int) - colour).mean() < 5


def test_the_name_says_nothing_about_the_format(tmp_path, colour):
    np.testing.assert_array_equal(
        read_image(write(tmp_path, "really_png.jpg", encode(".png", colour))), colour
    )


def test_grey_becomes_three_equal_channels(tmp_path, colour):
    image = read_image(write(tmp_path, "grey.png", encode(".png", colour[..., 0])))
    np.testing.assert_array_equal(image, np.repeat(colour[..., :1], 3, axis=-1))


def test_sixteen_bits_keep_the_high_byte(tmp_path, colour):
    deep = colour.astype(np.uint16) * 257
    np.testing.assert_allclose(read_image(write(tmp_path, "deep.png", encode(".png", deep))), colour, atol=1)


@pytest.mark.parametrize("factor", [1, 257])
def test_transparent_is_laid_on_white(tmp_path, colour, factor):
    alpha = np.full((24, 40, 1), 255, np.uint8)
    alpha[:, :10] = 0
    alpha[:, 10:20] = 51
    data = np.concatenate([colour, alpha], axis=-1).astype(np.uint16 if factor > 1 else np.uint8) * factor
    image = read_image(write(tmp_path, "cut.png", encode(".png", data)))
    assert (image[:, :10] == 255).all()
    np.testing.assert_allclose(image[:, 10:20], colour[:, 10:20] * 0.2 + 255 * 0.8, atol=1)
    np.testing.assert_allclose(image[:, 20:], colour[:, 20:], atol=1)


def pil_bytes(image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_cmyk_palette_and_grey_with_alpha(tmp_path, colour):
    image = PIL.Image.fromarray(colour)
    cmyk = read_image(write(tmp_path, "cmyk.jpg", pil_bytes(image.convert("CMYK"), "JPEG", quality=95)))
    assert np.abs(cmyk.astype(int) - colour).mean() < 6
    palette = image.quantize(16)
    got = read_image(write(tmp_path, "palette.png", pil_bytes(palette, "PNG")))
    np.testing.assert_array_equal(got, np.asarray(palette.convert("RGB")))
    grey = np.stack([colour[..., 0], np.full((24, 40), 255, np.uint8)], axis=-1)
    got = read_image(write(tmp_path, "grey_alpha.png", pil_bytes(PIL.Image.fromarray(grey), "PNG")))
    np.testing.assert_array_equal(got, np.repeat(colour[..., :1], 3, axis=-1))


TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", sorted(TURNED))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG alpha", "WebP", "WebP alpha"])
def test_exif_orientation_is_applied(tmp_path, colour, kind, orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    kind, _, alpha = kind.partition(" ")
    stored = colour
    if alpha:
        # One pixel not quite opaque: an alpha channel that says nothing may be left out.
        stored = np.concatenate([colour, np.full((24, 40, 1), 255, np.uint8)], axis=-1)
        stored[0, 0, 3] = 250
    options = {"lossless": True} if kind == "WebP" else {}
    image = read_image(
        write(tmp_path, "turned", pil_bytes(PIL.Image.fromarray(stored), kind, exif=exif, **options))
    )
    expected = TURNED[orientation](colour)
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 5


def test_missing_file(tmp_path):
    assert "there is no such file" in error_of(tmp_path / "missing.jpg")


def test_folder(tmp_path):
    assert "got a folder" in error_of(tmp_path)


def test_empty_file(tmp_path):
    assert "got an empty file" in error_of(write(tmp_path, "empty.jpg", b""))


@pytest.mark.parametrize("text", ["no picture at all", "Händedruck " * 200])
def test_text_named_jpg(tmp_path, text):
    assert "got text" in error_of(write(tmp_path, "text.jpg", text.encode()))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GIF89a" + bytes(30), "a GIF"),
        (b"\0\0\0\x18ftypisom" + bytes(30), "a video"),
        (b"%PDF-1.7\n", "a PDF"),
        (bytes(range(256)), "another kind of file"),
    ],
)
def test_other_kinds(tmp_path, data, kind):
    assert kind in error_of(write(tmp_path, "other.jpg", data))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
@pytest.mark.parametrize("kept", [0.4, 0.7, 0.97])
def test_truncated(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    data = encode(suffix, noise)
    assert "truncated" in error_of(write(tmp_path, f"half{suffix}", data[: int(kept * len(data))]))


def test_truncated_tiff(tmp_path, colour):
    data = encode(".tiff", np.tile(colour, (4, 4, 1)))
    message = error_of(write(tmp_path, "half.tiff", data[: len(data) // 2]))
    assert "truncated" in message or "cannot be decoded" in message


def test_truncated_before_the_size(tmp_path, colour):
    assert "damaged or truncated JPEG" in error_of(write(tmp_path, "stub.jpg", encode(".jpg", colour)[:40]))
    assert "damaged or truncated PNG" in error_of(write(tmp_path, "stub.png", encode(".png", colour)[:20]))


def test_thumbnails_end_is_not_the_photos_end(tmp_path, colour):
    thumbnail = encode(".jpg", colour[:8, :8])
    data = encode(".jpg", np.tile(colour, (4, 4, 1)))
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 6 + len(thumbnail)) + b"Thumb\0" + thumbnail
    whole = data[:2] + segment + data[2:]
    assert read_image(write(tmp_path, "whole.jpg", whole)).shape == (96, 160, 3)
    assert "truncated" in error_of(write(tmp_path, "half.jpg", whole[:-300]))


def test_bytes_after_the_end_do_no_harm(tmp_path, colour):
    image = read_image(write(tmp_path, "trailer.jpg", encode(".jpg", colour) + b"maker's notes"))
    assert image.shape == (24, 40, 3)


@pytest.mark.parametrize("trailer", [b"", b"SEFH" + bytes(300) + b"SEFT"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_without_its_end_mark_is_read_and_warned_of(tmp_path, colour, trailer, progressive):
    whole = pil_bytes(PIL.Image.fromarray(np.tile(colour, (4, 4, 1))), "JPEG", progressive=progressive)
    path = write(tmp_path, "cut.jpg", whole[:-2] + trailer)
    with pytest.warns(UserWarning, match=r"cut\.jpg: the JPEG has no end mark") as warned:
        image = read_image(path)
    assert len(warned) == 1
    np.testing.assert_array_equal(image, read_image(write(tmp_path, "whole.jpg", whole)))


def test_of_a_tiff_the_largest_page_is_read(tmp_path, colour):
    pages = [
        PIL.Image.fromarray(colour[:18, :20]),
        PIL.Image.fromarray(colour),
        PIL.Image.fromarray(colour[::-1]),
    ]
    data = pil_bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.warns(UserWarning, match="read page 2, the largest of 3"):
        image = read_image(write(tmp_path, "pages.tiff", data))
    np.testing.assert_array_equal(image, colour)
    path = write(
        tmp_path,
        "deep.tiff",
        cv2.imencodemulti(
            ".tiff", [colour[:18, :20].astype(np.uint16), colour[..., ::-1].astype(np.uint16) * 256]
        )[1].tobytes(),
    )
    with pytest.warns(UserWarning, match="read page 2"):
        np.testing.assert_array_equal(read_image(path), colour)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", [".png", ".tiff", "grey.png"])
def test_few_bits_in_sixteen_are_brightened(tmp_path, colour, bits, kind):
    colour = colour[..., :1] if kind.startswith("grey") else colour
    deep = colour.astype(np.uint16) << (bits - 8)
    path = write(tmp_path, f"dark{kind}", encode(kind.removeprefix("grey"), deep.squeeze()))
    with pytest.warns(
        UserWarning, match=f"its 16-bit colours use {bits} bits; brightened {2 ** (16 - bits)} times"
    ):
        image = read_image(path)
    np.testing.assert_array_equal(image, np.broadcast_to(colour, image.shape))


def test_avif_is_read(tmp_path, colour):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    data = pil_bytes(PIL.Image.fromarray(colour), "AVIF", quality=95, exif=exif)
    image = read_image(write(tmp_path, "photo.jpg", data))
    assert image.shape == (40, 24, 3)
    assert np.abs(image.astype(int) - TURNED[6](colour)).mean() < 6


def test_heic_without_its_extra_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    path = write(tmp_path, "photo.heic", b"\0\0\0\x18ftypheic" + bytes(30))
    assert 'got a HEIC; HEIC is read after pip install "knuckle[heic]"' in error_of(path)


def test_damaged_png(tmp_path, colour):
    data = bytearray(encode(".png", colour))
    data[60:80] = bytes(20)
    assert "cannot be decoded" in error_of(write(tmp_path, "damaged.png", bytes(data)))


def test_float_pixels(tmp_path, colour):
    data = encode(".tiff", colour.astype(np.float32))
    assert "8 or 16 bits a channel" in error_of(write(tmp_path, "float.tiff", data))


def test_twenty_thousand_px_wide_is_read(tmp_path):
    wide = np.full((30, 20_000, 3), 90, np.uint8)
    assert read_image(write(tmp_path, "wide.png", encode(".png", wide))).shape == (30, 20_000, 3)


def test_one_pixel_is_too_small_for_a_hand(tmp_path):
    pixel = np.array([[[10, 20, 30]]], np.uint8)
    assert "at least 16x16 px, got 1x1 px" in error_of(write(tmp_path, "pixel.png", encode(".png", pixel)))


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.zeros((4, 4), np.uint8), r"shape \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"shape \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        ([[1, 2, 3]], "list"),
        (None, "NoneType"),
    ],
)
def test_arrays_that_are_no_picture(value, got):
    with pytest.raises(KnuckleError, match=f"expected a path or an RGB array of uint8, shape .*got {got}"):
        check_image(value)
