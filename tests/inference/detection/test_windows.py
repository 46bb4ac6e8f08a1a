"""Windows cover the picture, and what a network is shown of one lies where it says."""

from itertools import pairwise

import numpy as np
import pytest

from knuckle.inference.detection.proposals import Window
from knuckle.inference.detection.windows import MULTIPLE_PX, padded, show_window, tiled, whole

SIZES = [(1, 1), (16, 16), (480, 640), (521, 640), (20, 30000), (3000, 4000), (193, 100)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("input_px", [192, 384, 768])
def test_tiles_cover_every_pixel_and_overlap_by_half(size, input_px):
    height, width = size
    window = Window(0.0, 0.0, float(width), float(height))
    passes = tiled(window, input_px, tile_px=192)
    scale = input_px / max(size)
    for axis, length in ((0, width), (1, height)):
        spans = sorted({(each.window[axis], each.window[axis + 2]) for each in passes})
        assert spans[0][0] == 0 and sum(spans[-1]) == pytest.approx(length)
        for (start, size_px), (following, _) in pairwise(spans):
            assert 0 < following - start <= size_px / 2 * (1 + 1e-6)
    assert all(each.input_px <= 192 for each in passes)
    assert len(passes) <= 2 + 8 * (input_px / 192) ** 2
    assert all(max(each.window[2:]) * scale <= 192 * (1 + 1e-6) for each in passes)


def test_a_picture_as_large_as_a_tile_is_one_pass():
    window = Window(3.0, 4.0, 500.0, 300.0)
    assert tiled(window, 192, tile_px=192) == [(window, 192)]


def ramp(height: int, width: int) -> np.ndarray:
    """Every pixel tells its place: red grows along x, green along y."""
    y, x = np.mgrid[:height, :width]
    shade = [255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1), np.full_like(x, 200)]
    return np.stack(shade, axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("size", [(480, 640), (960, 640), (1201, 803), (150, 100), (33, 500)])
@pytest.mark.parametrize(
    "part", [(0, 0, 1, 1), (0.25, 0.5, 0.5, 0.5), (-0.3, -0.2, 1.6, 1.4), (0.7, 0.6, 0.6, 0.6)]
)
def test_pixels_lie_where_the_window_says(size, part):
    height, width = size
    image = ramp(height, width)
    window = Window(part[0] * width, part[1] * height, part[2] * width, part[3] * height)
    shown = show_window(image, window, 192)
    assert shown.picture.shape[0] % MULTIPLE_PX == shown.picture.shape[1] % MULTIPLE_PX == 0
    assert max(shown.picture.shape) == 192
    rows, columns = np.nonzero(shown.picture[..., 2] > 190)
    assert len(rows)
    places = shown.to_picture(np.stack([columns, rows], axis=-1) + 0.5)
    scale = np.maximum(shown.scale, 1)
    assert (places >= -0.5 - scale).all() and (places <= np.array([width, height]) + scale).all()
    seen = shown.picture[rows, columns, :2] / 255 * (np.array([width, height]) - 1)
    assert np.abs(seen - places).max() < 2.5 * scale.max()


def test_beyond_the_picture_it_is_black():
    image = np.full((100, 200, 3), 255, np.uint8)
    bright = show_window(image, padded(whole(image), 0.25), 192).picture[..., 0] > 0
    assert bright.any(axis=0).sum() == 128 and bright.any(axis=1).sum() == 64
    assert not show_window(image, Window(500.0, 0.0, 100.0, 100.0), 64).picture.any()


@pytest.mark.parametrize("size", SIZES)
def test_any_size_of_picture(size):
    image = np.full((*size, 3), 255, np.uint8)
    shown = show_window(image, whole(image), 192).picture
    bright = shown[..., 0] > 0
    scale = 192 / max(size)
    for axis, length in ((1, size[0]), (0, size[1])):
        assert abs(bright.any(axis=axis).sum() - max(1, round(length * scale))) <= 1
