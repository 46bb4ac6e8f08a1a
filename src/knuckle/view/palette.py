"""Colours of hands and fingers, RGB 0..255, and of charts."""

import numpy as np

HAND_COLOURS = np.array(
    [(70, 186, 176), (244, 132, 95), (152, 124, 224), (236, 186, 84), (92, 162, 238), (230, 112, 160)]
)
"""One for each hand of a photo; with more hands they repeat."""

FINGER_COLOURS = np.array([(255, 88, 82), (255, 170, 40), (96, 214, 104), (64, 182, 255), (192, 122, 255)])
"""Thumb, index, middle, ring, pinky."""

STATE_COLOURS = {"held": np.array([255, 200, 70]), "bridged": np.array([120, 220, 255])}
"""Of all bones of a hand that the frame does not show, or whose pose was not taken from it."""


CHART_COLOURS = ("#1f77b4", "#e67e22", "#279e60", "#c03950", "#7d5aaa", "#2fa4a8", "#8c6d4f", "#d46fb0")
"""Of lines and bars on white, in this order."""

INK, MUTED, GRID = "#262b33", "#68707c", "#e5e8ec"
"""Colours of a chart's text, of its axes and their numbers, and of its grid."""


def chart_colour(index: int) -> str:
    """Colour of the index-th line or series of bars of a chart."""
    return CHART_COLOURS[index % len(CHART_COLOURS)]
