"""Pictures that show a number, as bars that survive encoding, and captures that are not there."""

from collections.abc import Iterable

import cv2
import numpy as np

BITS = 8


def numbered(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """RGB: red on the upper left, the number's bits as bars along the bottom."""
    image = np.full((height, width, 3), (20, 60, 90), np.uint8)
    image[: height // 3, : width // 3] = 255, 0, 0
    for bit in range(BITS):
        image[-height // 3 :, bit * width // BITS : (bit + 1) * width // BITS] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    height, width = image.shape[:2]
    row = image[height - height // 6].mean(axis=-1)
    return sum(int(row[int((bit + 0.5) * width / BITS)] > 128) << bit for bit in range(BITS))


class FakeCapture:
    """A capture that gives what is in `pictures`: an RGB picture, None for a read that fails, or a function to call
    first, which gives one of them."""

    def __init__(
        self, pictures: Iterable[object], *, opened: bool = True, times_ms: Iterable[float] = ()
    ) -> None:
        self.opened = opened
        self.released = False
        self.properties: dict[int, float] = {}
        self._pictures = iter(pictures)
        self._times_ms = iter(times_ms)
        self._picture: object = None

    def isOpened(self) -> bool:
        return self.opened

    def grab(self) -> bool:
        picture = next(self._pictures, None)
        self._picture = picture() if callable(picture) else picture
        self.properties[cv2.CAP_PROP_POS_MSEC] = next(self._times_ms, 0.0)
        return self._picture is not None

    def retrieve(self) -> tuple[bool, np.ndarray | None]:
        assert isinstance(self._picture, np.ndarray)
        return True, self._picture[..., ::-1].copy()

    def get(self, propId: int) -> float:
        return self.properties.get(propId, 0.0)

    def set(self, propId: int, value: float) -> bool:
        return False

    def release(self) -> None:
        self.released = True
