"""Lines of text in the corner of a live picture."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SHADE = 0.45
"""What is left of the picture behind the text."""


def draw_status(picture: UInt8[np.ndarray, "H W 3"], lines: Sequence[str]) -> None:
    """Write lines into a picture's lower left corner, on a darkened ground; they shrink to its width."""
    height, width = picture.shape[:2]
    size = max(0.35, min(height, width) / 1400)
    widest = max((cv2.getTextSize(line, _FONT, 1.0, 1)[0][0] for line in lines), default=0)
    size = min(size, 0.95 * width / max(widest, 1))
    stroke = 2 if size > 0.8 else 1
    (_, tall), below = cv2.getTextSize("Ag", _FONT, size, stroke)
    step = round(1.5 * (tall + below))
    ground = picture[max(0, height - step * len(lines) - below) :]
    np.multiply(ground, _SHADE, out=ground, casting="unsafe")
    for number, line in enumerate(reversed(lines)):
        place = (tall // 2 + 1, height - below - 1 - step * number)
        cv2.putText(picture, line, place, _FONT, size, (255, 255, 255), stroke, cv2.LINE_AA)
