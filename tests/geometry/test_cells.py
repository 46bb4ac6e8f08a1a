"""A detector's cells: where they are, the boxes they say, and which of them stay."""

import numpy as np
import pytest

from knuckle.geometry.cells import (
    boxes_to_cells,
    cells_to_boxes,
    grid_cells,
    pairwise_iou,
    read_cells,
    without_overlaps,
)


def test_cells_lie_in_the_middle_of_their_squares_row_by_row():
    cells = grid_cells(64, 96)
    assert len(cells) == 8 * 12 + 4 * 6 + 2 * 3
    np.testing.assert_array_equal(cells[0], [4, 4, 8])
    np.testing.assert_array_equal(cells[13], [12, 12, 8])
    np.testing.assert_array_equal(cells[-1], [80, 48, 32])


def test_boxes_come_back_from_what_cells_say_of_them():
    cells = grid_cells(64, 64)
    rng = np.random.default_rng(0)
    boxes = np.concatenate(
        [rng.uniform(-30, 60, (len(cells), 2)), rng.uniform(2, 90, (len(cells), 2))], 1
    ).astype(np.float32)
    np.testing.assert_allclose(cells_to_boxes(boxes_to_cells(boxes, cells), cells), boxes, atol=1e-3)


def test_overlap_of_known_boxes():
    a = np.array([[0.0, 0, 2, 2], [0, 0, 0, 0]])
    b = np.array([[1.0, 0, 2, 2], [5, 5, 1, 1], [0, 0, 2, 2]])
    np.testing.assert_allclose(pairwise_iou(a, b), [[1 / 3, 0, 1], [0, 0, 0]])


def test_a_box_that_overlaps_a_better_one_goes():
    boxes = np.array([[0.0, 0, 10, 10], [1, 0, 10, 10], [30, 0, 10, 10], [0, 0, 4, 4]])
    kept = without_overlaps(boxes, np.array([0.5, 0.9, 0.7, 0.2]), iou_threshold=0.5)
    assert kept.tolist() == [1, 2, 3]


def test_cells_are_read():
    cells = grid_cells(32, 32)
    raw = np.zeros((len(cells), 8))
    raw[:, 0] = -9
    # The cell at (12, 4): a box of 16 x 8 px half a stride to the right, surely left, fingers to the right.
    raw[1] = [2.0, 0.5, 0, np.log(2), 0, -4, 0, 3]
    found = read_cells(raw, cells, threshold=0.3)
    np.testing.assert_allclose(found.boxes, [[8, 0, 16, 8]])
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert found.right[0] < 0.02
    assert found.roll_rad[0] == pytest.approx(np.pi / 2)
    assert not len(read_cells(raw, cells, threshold=0.9).scores)
