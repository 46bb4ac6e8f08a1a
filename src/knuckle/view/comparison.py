"""The results of several models on one photo, side by side."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.view.overlay import draw_hands, label_of

COLUMN_PX = 1280
"""Longest side of a photo in its column; larger photos are reduced."""

_PAPER = (246, 246, 244)
_INK = (60, 60, 64)
_NARROWEST_PX = 240
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LINE_PX = 22  # height of a line whose text has size 1


def draw_comparison(
    image_rgb: UInt8[np.ndarray, "H W 3"], results: Sequence[Hands], *, column_px: int = COLUMN_PX
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw each result over the photo with `draw_hands`, one column for each result.

    The model's name and the side and confidence of its hands are written above the column. Raises KnuckleError
    without a result, or if the image does not fit the hands' camera.
    """
    if not results:
        raise KnuckleError("comparison: expected at least one model's hands, got none")
    columns = [_draw_column(draw_hands(image_rgb, hands), hands, column_px) for hands in results]
    height = columns[0].shape[0]
    gap = np.full((height, max(4, height // 100), 3), _PAPER, dtype=np.uint8)
    parts = [part for column in columns for part in (gap, column)][1:]
    return np.concatenate(parts, axis=1)


def _draw_column(picture: np.ndarray, hands: Hands, column_px: int) -> np.ndarray:
    scale = min(1.0, column_px / max(picture.shape[:2]))
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    height, width = picture.shape[:2]
    column = max(width, _NARROWEST_PX)
    size = max(0.5, column / 800)
    line = round(size * 1.6 * _LINE_PX)
    sheet = np.full((2 * line + height, column, 3), _PAPER, dtype=np.uint8)
    found = ", ".join(label_of(hand) for hand in hands) or "no hand found"
    for row, (text, weight) in enumerate(((hands.model, 2), (found, 1))):
        _write(sheet, text, (row + 0.75) * line, size, weight)
    left = (column - width) // 2
    sheet[2 * line :, left : left + width] = picture
    return sheet


def _write(sheet: np.ndarray, text: str, baseline: float, size: float, weight: int) -> None:
    """Write one line, smaller if it is too long."""
    margin = round(0.3 * _LINE_PX * size)
    stroke = max(1, round(size * weight))
    wide = cv2.getTextSize(text, _FONT, size, stroke)[0][0]
    size *= min(1.0, (sheet.shape[1] - 2 * margin) / max(wide, 1))
    cv2.putText(sheet, text, (margin, round(baseline)), _FONT, size, _INK, stroke, cv2.LINE_AA)
