"""Labels find room, and stay in the picture."""

import numpy as np

from knuckle.view.overlay import draw_label

COLOUR = np.array([200, 80, 40])


def blank(width=400, height=300):
    return np.full((height, width, 3), 90, dtype=np.uint8)


def test_labels_do_not_cover_each_other():
    taken = []
    for _ in range(3):
        draw_label(blank(), "right 0.93", (150, 100, 90, 80), COLOUR, taken)
    assert len(taken) == 3
    for i, (ax, ay, aw, ah) in enumerate(taken):
        for bx, by, bw, bh in taken[:i]:
            assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay


def test_a_label_at_the_border_stays_inside():
    for window in [(-50, -50, 60, 60), (390, 290, 60, 60), (0, 0, 400, 300)]:
        taken, picture = [], blank()
        draw_label(picture, "left 0.50", window, COLOUR, taken)
        x, y, w, h = taken[0]
        assert x >= 0 and y >= 0 and x + w <= 400 and y + h <= 300
        assert (picture[y : y + h, x : x + w] != 90).mean() > 0.5
        picture[y : y + h, x : x + w] = 90
        assert (picture == 90).all()


def test_pictures_too_small_to_read_get_none():
    picture = blank(90, 70)
    draw_label(picture, "left 0.50", (10, 30, 40, 30), COLOUR, taken := [])
    assert not taken and (picture == 90).all()
