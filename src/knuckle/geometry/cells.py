"""The cells of a detector's grids, and boxes as it says them: written once for numpy and torch."""

import numpy as np
from jaxtyping import Float

from knuckle.geometry.array import Array, array_module

CELL_STRIDES = (8, 16, 32)
"""Px of the picture between the cells of each grid; grids follow one another, each row by row."""


def grid_cells(height: int, width: int) -> Float[np.ndarray, "N 3"]:
    """Centre x, y and stride of every cell of a picture whose sides are multiples of the largest stride.

    Px of the picture, whose first pixel spans 0 to 1.
    """
    grids = []
    for stride in CELL_STRIDES:
        y, x = np.meshgrid(np.arange(height // stride), np.arange(width // stride), indexing="ij")
        centres = (np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride
        grids.append(np.column_stack([centres, np.full(len(centres), stride)]))
    return np.concatenate(grids).astype(np.float32)


def cells_to_boxes(
    said: Float[Array, "*batch N 4"], cells: Float[Array, "N 3"]
) -> Float[Array, "*batch N 4"]:
    """Boxes x, y, w, h in px from what each cell says: how far its box's centre is from its own, and the logarithms of
    width and height, all in strides."""
    xp = array_module(said)
    size = xp.exp(said[..., 2:]) * cells[..., 2:]
    return xp.concatenate([cells[..., :2] + said[..., :2] * cells[..., 2:] - size / 2, size], -1)


def boxes_to_cells(
    boxes: Float[Array, "*batch N 4"], cells: Float[Array, "N 3"]
) -> Float[Array, "*batch N 4"]:
    """Inverse of `cells_to_boxes`."""
    xp = array_module(boxes)
    centre = boxes[..., :2] + boxes[..., 2:] / 2
    offset = (centre - cells[..., :2]) / cells[..., 2:]
    return xp.concatenate([offset, xp.log(boxes[..., 2:] / cells[..., 2:])], -1)
