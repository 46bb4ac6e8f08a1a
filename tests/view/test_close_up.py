"""Close-ups: the hands of the picture lie where those of the photo did."""

import numpy as np
from made_hands import made_hands

from knuckle.geometry.crop import Crop
from knuckle.view.close_up import draw_close_up


def test_hands_project_to_the_same_places_of_the_window():
    hands = made_hands()
    image = np.full((240, 320, 3), 120, dtype=np.uint8)
    u, v = (round(float(x)) for x in hands.joints_px[0, 0])
    image[v, u] = 255
    window = Crop((float(u), float(v)), 60.0, 300)
    picture, near = draw_close_up(image, hands, window)
    assert picture.shape == (300, 300, 3)
    assert picture[149:151, 149:151].min() > 200, "the marked pixel is in the middle"
    np.testing.assert_allclose(near.joints_px[0, 0], 149.5, atol=2.6)  # half a pixel of the photo
    np.testing.assert_allclose(near.camera.project(near.joints_m), near.joints_px, atol=1e-6)
    np.testing.assert_allclose(near.boxes_px[:, 2:], hands.boxes_px[:, 2:] * 5)
    np.testing.assert_array_equal(near.vertices_m, hands.vertices_m)
