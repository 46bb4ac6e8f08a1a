"""Sine encoding of a map's cells."""

import math

import pytest
import torch

from knuckle.errors import KnuckleError
from knuckle.layers.position_encoding import sine_axis, sine_plane


def test_an_axis_holds_the_sines_of_its_cells_centres():
    codes = sine_axis(4, 6, temperature=100.0)
    for cell in range(4):
        place = (cell + 0.5) / 4 * 2 * math.pi
        expected = []
        for pair in range(3):
            phase = place / 100 ** (2 * pair / 6)
            expected += [math.sin(phase), math.cos(phase)]
        assert codes[cell].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_plane_holds_its_rows_code_and_its_columns():
    along_y, along_x = sine_axis(3, 4), sine_axis(5, 4)
    plane = sine_plane(along_y, along_x)
    assert plane.shape == (15, 8)
    assert torch.equal(plane[2 * 5 + 3], torch.cat([along_y[2], along_x[3]]))


def test_one_place_has_nearly_one_code_at_every_scale_and_other_places_others():
    coarse, fine = sine_axis(4, 8), sine_axis(64, 8)
    middle = fine.unflatten(0, (4, 16))[:, 7:9].mean(1)
    assert (coarse - middle).abs().max() < 1e-2
    assert torch.cdist(fine, fine).add(torch.eye(64)).min() > 1e-3


def test_an_odd_number_of_channels_is_refused():
    with pytest.raises(KnuckleError, match="channels: expected an even number, got 5"):
        sine_axis(4, 5)
