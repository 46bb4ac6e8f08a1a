"""Which parts of a picture a proposal network is shown, how large, and how they are resampled.

A network finds hands of a range of sizes, in px of what it is shown. A view shows the picture at one size; a pass shows
one window of it. A view that is larger than a network takes at once is cut into tiles, which overlap by half: a hand
that is no larger than half a tile is whole in one of them, and larger ones are found in a smaller view.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.inference.detection.proposals import Window

MULTIPLE_PX = 32
"""Networks take sides that are multiples of this."""


class Pass(NamedTuple):
    """A window and the size at which a network is shown it."""

    window: Window
    input_px: int
    """Of its longer side."""


class Shown(NamedTuple):
    """What a network is shown of a window, and where its pixels lie in the picture."""

    picture: UInt8[np.ndarray, "h w 3"]
    """Sides are multiples of `MULTIPLE_PX`; black beside the window and beyond the picture."""
    scale: Float[np.ndarray, "2"]
    """Px of the picture in a px of it, along x and y."""
    corner: Float[np.ndarray, "2"]
    """Where its upper left corner lies, px of the picture counted from pixel edges."""

    def to_picture(self, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Points counted from its pixel edges as px of the picture, whose pixel centres are at integers."""
        return points * self.scale + self.corner - 0.5


def whole(image: UInt8[np.ndarray, "H W 3"]) -> Window:
    """The whole picture."""
    return Window(0.0, 0.0, float(image.shape[1]), float(image.shape[0]))


def padded(window: Window, share: float) -> Window:
    """A window with a margin on every side, by that share of its longer side."""
    margin = share * max(window.width, window.height)
    return Window(
        window.left - margin, window.top - margin, window.width + 2 * margin, window.height + 2 * margin
    )


def tiled(window: Window, input_px: int, *, tile_px: int) -> list[Pass]:
    """A window, its longer side at a size: as one pass where a tile is as large, or as tiles that overlap by half and
    cover it."""
    if input_px <= tile_px:
        return [Pass(window, input_px)]
    scale = input_px / max(window.width, window.height)
    columns = _spans(window.width, tile_px / scale)
    rows = _spans(window.height, tile_px / scale)
    tiles = (
        Window(window.left + left, window.top + top, width, height)
        for top, height in rows
        for left, width in columns
    )
    return [Pass(tile, max(1, round(scale * max(tile.width, tile.height)))) for tile in tiles]


def _spans(length: float, longest: float) -> Sequence[tuple[float, float]]:
    """Start and length of the fewest equal spans that cover a length and overlap at least by half."""
    if length <= longest:
        return [(0.0, length)]
    count = int(np.ceil(round(2 * length / longest, 6))) - 1
    return [(float(start), longest) for start in np.linspace(0, length - longest, max(count, 2))]


def show_window(image: UInt8[np.ndarray, "H W 3"], window: Window, input_px: int) -> Shown:
    """A window as a network is shown it, its longer side `input_px` long.

    A window that does not meet the picture is all black.
    """
    height, width = image.shape[:2]
    scale = input_px / max(window.width, window.height)
    content = np.maximum(np.round(np.array([window.width, window.height]) * scale), 1).astype(int)
    size = -(-content // MULTIPLE_PX) * MULTIPLE_PX
    beside = (size - content) // 2
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (
        int(np.clip(np.floor(edge), 0, most)) for edge, most in ((window.left, width), (window.top, height))
    )
    right = int(np.clip(np.ceil(window.left + window.width), 0, width))
    bottom = int(np.clip(np.ceil(window.top + window.height), 0, height))
    if right <= left or bottom <= top:
        return Shown(picture, np.full(2, 1 / scale), np.array([window.left, window.top]) - beside / scale)
    step = 2 ** _halvings(right - left, bottom - top, scale)
    # Rows and columns that halving cannot use: less than one px of what the network sees.
    part = image[top : bottom - (bottom - top) % step, left : right - (right - left) % step]
    small = _reduced(part, step, scale)
    true_scale = np.array(part.shape[1::-1]) / small.shape[1::-1]
    first = beside + np.round(np.array([left - window.left, top - window.top]) * scale).astype(int)
    first = np.clip(first, 0, size - 1)
    small = small[: size[1] - first[1], : size[0] - first[0]]
    picture[first[1] : first[1] + small.shape[0], first[0] : first[0] + small.shape[1]] = small
    return Shown(picture, true_scale, np.array([left, top]) - first * true_scale)


def _halvings(width: int, height: int, scale: float) -> int:
    """How often a part of a picture can be halved and still be no smaller than what a network sees of it."""
    return max(0, min(int(1 / scale), width, height).bit_length() - 1)


def _reduced(part: UInt8[np.ndarray, "H W 3"], step: int, scale: float) -> UInt8[np.ndarray, "h w 3"]:
    """A part of a picture at another scale.

    It is reduced by `step`, a power of two, first: means of 2 x 2 px are so much faster than any other that 12
    megapixels take 13 ms instead of 56.
    """
    width, height = (max(1, round(size * scale)) for size in part.shape[1::-1])
    while step > 1:
        part = cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA)
        step //= 2
    way = cv2.INTER_AREA if width < part.shape[1] or height < part.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(part, (width, height), interpolation=way)
