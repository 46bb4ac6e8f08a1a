"""Contact sheets: many pictures in a grid."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError

_PAPER = (246, 246, 244)
_INK = (60, 60, 64)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_sheet(
    images: Sequence[UInt8[np.ndarray, "H W 3"]],
    *,
    columns: int | None = None,
    cell_px: int = 256,
    gap_px: int = 8,
    captions: Sequence[str] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw pictures of any size row by row, each fitted into a square cell.

    Raises KnuckleError without pictures, for sizes below one, or if captions and pictures differ in number.

    Args:
        images: RGB.
        columns: by default as many as make the sheet about 4:3.
        cell_px: side of a cell.
        gap_px: between cells.
        captions: one for each picture, written below it.
    """
    if not len(images):
        raise KnuckleError("contact sheet: expected at least one picture, got none")
    if cell_px < 1 or gap_px < 0 or (columns is not None and columns < 1):
        raise KnuckleError(f"contact sheet: expected cell_px, columns >= 1, got {cell_px}, {columns}")
    if captions is not None and len(captions) != len(images):
        raise KnuckleError(f"captions: expected {len(images)}, one a picture, got {len(captions)}")
    small = [_fit(image, cell_px) for image in images]
    columns = min(columns or int(np.ceil(np.sqrt(len(small) * 4 / 3))), len(small))
    rows = [small[i : i + columns] for i in range(0, len(small), columns)]
    text_px = 0 if captions is None else max(14, round(cell_px * 0.06))
    tall = [max(picture.shape[0] for picture in row) for row in rows]
    height = sum(tall) + len(rows) * (text_px + gap_px) + gap_px
    sheet = np.full((height, columns * (cell_px + gap_px) + gap_px, 3), _PAPER, dtype=np.uint8)
    top = gap_px
    for r, row in enumerate(rows):
        for c, picture in enumerate(row):
            left = gap_px + c * (cell_px + gap_px)
            y, x = top + (tall[r] - picture.shape[0]) // 2, left + (cell_px - picture.shape[1]) // 2
            sheet[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
            if captions is not None:
                _write(sheet, captions[r * columns + c], left, top + tall[r], cell_px, text_px)
        top += tall[r] + text_px + gap_px
    return sheet


def _fit(image: np.ndarray, side: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _write(sheet: np.ndarray, text: str, left: int, top: int, width: int, height: int) -> None:
    """Write one line, cut off where it does not fit."""
    size, shown = height * 0.6 / 22, text
    for kept in range(len(text) - 1, 0, -1):
        if cv2.getTextSize(shown, _FONT, size, 1)[0][0] <= width:
            break
        shown = text[:kept] + "..."
    cv2.putText(sheet, shown, (left, top + round(height * 0.72)), _FONT, size, _INK, 1, cv2.LINE_AA)
