"""Contact sheets."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.view.sheet import draw_sheet


def test_pictures_of_any_size_stand_in_their_cells_in_order():
    shades = (10, 60, 110, 160, 210)
    sizes = ((30, 60), (60, 30), (5, 5), (400, 400), (1, 90))
    images = [np.full((*size, 3), shade, np.uint8) for shade, size in zip(shades, sizes, strict=True)]
    sheet = draw_sheet(images, columns=3, cell_px=50, gap_px=4)
    assert sheet.shape[1] == 3 * 54 + 4
    where = [np.argwhere((sheet == shade).all(-1)) for shade in shades]
    assert all(len(w) for w in where)
    columns = [int(w[:, 1].mean() // 54) for w in where]
    assert columns == [0, 1, 2, 0, 1]
    assert where[0][:, 0].mean() < where[3][:, 0].mean()
    # Shapes are kept: a 60 x 30 picture becomes 50 x 25.
    assert np.ptp(where[0], axis=0).tolist() == [24, 49]


def test_captions_are_written_below():
    images = [np.zeros((20, 20, 3), np.uint8)] * 2
    plain = draw_sheet(images, cell_px=100)
    named = draw_sheet(images, cell_px=100, captions=["", "a very long caption that does not fit"])
    assert named.shape[0] > plain.shape[0]
    below = named[112:]
    assert (below[:, :108] == below[0, 0]).all()
    assert (below[:, 116:216] != below[0, 0]).any() and (below[:, 217:] == below[0, 0]).all()


def test_wrong_input_is_named():
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(KnuckleError, match="at least one"):
        draw_sheet([])
    with pytest.raises(KnuckleError, match="captions: expected 1"):
        draw_sheet([image], captions=["a", "b"])
    with pytest.raises(KnuckleError, match="columns"):
        draw_sheet([image], columns=0)
