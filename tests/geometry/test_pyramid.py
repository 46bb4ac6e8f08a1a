"""Windows cut from a picture's halves."""

import numpy as np
import pytest

from knuckle.geometry.crop import Crop, apply_affine
from knuckle.geometry.pyramid import Pyramid

BLOB = np.array([322.3, 297.6])
"""Where the bright blob lies, px of the picture."""


@pytest.fixture
def blob():
    rows, columns = np.mgrid[0:640, 0:640]
    off = np.hypot(columns - BLOB[0], rows - BLOB[1])
    return np.repeat((250 * np.exp(-0.5 * (off / 14) ** 2)).round().astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("side", [70.0, 160.0, 300.0, 600.0])
def test_what_lies_somewhere_is_shown_where_the_map_says(blob, side):
    size = 96
    crop = Crop((310.0, 300.0), side, size, roll_rad=0.4)
    shown = Pyramid(blob).warp(crop.patch_from_frame, size)[..., 0].astype(float)
    pixels = np.stack(np.meshgrid(np.arange(float(size)), np.arange(float(size))), axis=-1)
    # The tails of a large blob end at the patch's edges.
    weight = np.maximum(shown - 120, 0)
    middle = (weight[..., None] * pixels).sum((0, 1)) / weight.sum()
    assert np.abs(middle - apply_affine(crop.patch_from_frame, BLOB[None])[0]).max() < 0.1


def test_a_window_of_the_patchs_size_is_the_picture_itself(blob):
    crop = Crop((331.5, 331.5), 64.0, 64)
    assert (Pyramid(blob).warp(crop.patch_from_frame, 64) == blob[300:364, 300:364]).all()


def test_fine_stripes_become_grey():
    stripes = np.tile(np.array([0, 255], np.uint8), 320)[None, :, None].repeat(640, 0).repeat(3, 2)
    shown = Pyramid(stripes).warp(Crop((320.0, 320.0), 600.0, 64).patch_from_frame, 64)
    assert np.abs(shown.astype(int) - 127).max() < 4


def test_a_picture_of_one_pixel_has_no_halves():
    one = np.full((1, 1, 3), 7, np.uint8)
    assert (Pyramid(one).warp(Crop((0.0, 0.0), 900.0, 8).patch_from_frame, 8) == 7).all()
