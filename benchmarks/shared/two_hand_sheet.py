"""A sheet of crops of two hands: the crop, the true joints, and the estimated ones, both hands drawn and named."""

from collections.abc import Sequence

import cv2
import numpy as np
from benchmarks.shared.two_hand_tables import worst_row

from knuckle.evaluation.breakdown.two_hand_errors import TwoHandErrors
from knuckle.evaluation.two_hand_arrays import TwoHandPredictions, TwoHandTruth
from knuckle.skeleton import WRIST
from knuckle.view.marks import draw_label, draw_skeleton, find_drawable
from knuckle.view.palette import hand_colour
from knuckle.view.sheet import draw_sheet

CELL_PX, COLUMNS = 320, 6
_WRIST_PX = 6
"""Radius of the disc that tells whose wrist it is."""
_SIDES = ("right", "left")


def sheet(
    pictures: Sequence[np.ndarray],
    truth: TwoHandTruth,
    predictions: TwoHandPredictions,
    errors: TwoHandErrors,
    rows: Sequence[int],
) -> np.ndarray:
    """Three cells a crop, in the order of `rows` (indices into truth, predictions and errors). pictures: one a row,
    square, in px of the joints.
    """
    cells, texts = [], []
    for picture, i in zip(pictures, rows, strict=True):
        row = worst_row(errors, truth, i)
        shown = cv2.resize(picture, (CELL_PX, CELL_PX), interpolation=cv2.INTER_CUBIC)
        scale = CELL_PX / len(picture)
        cells.append(shown)
        for found in (truth, predictions):
            cells.append(_drawn(shown, found.joints_px[i], found.joints_m[i], truth.is_hand[i], scale))
        texts += [
            f"{row['crop']} {row['kind']}",
            "true",
            f"{row['mpjpe']} mm; {row['2d']} %; {row['mrrpe']} mm",
        ]
    return draw_sheet(cells, columns=COLUMNS, cell_px=CELL_PX, captions=texts)


def _drawn(
    picture: np.ndarray, joints_px: np.ndarray, joints_m: np.ndarray, is_hand: np.ndarray, scale: float
) -> np.ndarray:
    drawn, taken = picture.copy(), []
    for hand in np.flatnonzero(is_hand)[np.argsort(-joints_m[is_hand, :, 2].mean(axis=1))]:
        points = (joints_px[hand] + 0.5) * scale - 0.5
        draw_skeleton(drawn, points, find_drawable(points, joints_m[hand]))
        colour = [int(value) for value in hand_colour(hand)]
        cv2.circle(drawn, np.round(points[WRIST]).astype(int).tolist(), _WRIST_PX, colour, -1, cv2.LINE_AA)
        low, high = points.min(axis=0), points.max(axis=0)
        draw_label(drawn, _SIDES[hand], (*low, *(high - low)), hand_colour(hand), taken)
    return drawn
