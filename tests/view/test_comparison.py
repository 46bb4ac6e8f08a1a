"""The comparison picture: its columns, what stands above them, and odd photos."""

from dataclasses import replace

import numpy as np
import pytest
from made_hands import made_hands

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.view.comparison import COLUMN_PX, draw_comparison
from knuckle.view.overlay import draw_hands


def photo(camera):
    return np.full((camera.height, camera.width, 3), 120, dtype=np.uint8)


def test_columns_hold_the_overlays_unchanged():
    hands = made_hands()
    results = [hands, replace(hands, joints_px=hands.joints_px + 20, model="another")]
    image = photo(hands.camera)
    picture = draw_comparison(image, results)
    columns = picture[-240:, :320], picture[-240:, -320:]
    for column, result in zip(columns, results, strict=True):
        np.testing.assert_array_equal(column, draw_hands(image, result))
    heads = picture[:-240, :320], picture[:-240, -320:]
    assert all((head < 128).any() for head in heads), "names are written above"
    assert (heads[0] != heads[1]).any()


@pytest.mark.parametrize(("width", "height"), [(16, 16), (4000, 40), (40, 4000), (2600, 1300)])
def test_photos_of_any_shape(width, height):
    camera = Camera.from_size(width, height)
    picture = draw_comparison(photo(camera), [Hands(camera, model="a name far too long for this " * 4)] * 3)
    assert picture.shape[1] >= 3 * min(width, COLUMN_PX)
    assert picture.shape[1] <= 3.1 * max(COLUMN_PX, 1)
    assert picture.shape[0] <= 1.2 * COLUMN_PX
    assert (picture[-1, picture.shape[1] // 2] == 120).all()


def test_needs_a_result_and_the_photo_of_its_camera():
    hands = made_hands()
    with pytest.raises(KnuckleError, match="expected at least one model's hands, got none"):
        draw_comparison(photo(hands.camera), [])
    with pytest.raises(KnuckleError, match="expected the camera's 320x240 px"):
        draw_comparison(np.zeros((10, 10, 3), np.uint8), [hands])
