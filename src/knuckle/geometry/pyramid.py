"""A picture and its halves, made as they are asked for: windows of any size are cut in little time, for all hands.

`Crop.warp` takes several samples a pixel of what it shows, which is more exact and slower the larger the window is.
Here one sample of a picture that is reduced already does. Meant for the frames of a video.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_LARGEST_REDUCTION = 1.7
"""Px of the reduced picture in one of a patch, at most: beyond, single samples alias."""


class Pyramid:
    """A picture, ready to be cut from. image: (H, W, 3) of bytes, which stays as it is."""

    def __init__(self, image: UInt8[np.ndarray, "H W 3"]) -> None:
        self._levels = [image]

    @property
    def image(self) -> UInt8[np.ndarray, "H W 3"]:
        """The picture itself."""
        return self._levels[0]

    def level(self, number: int) -> UInt8[np.ndarray, "h w 3"]:
        """The picture halved so many times; an odd last row or column is left out."""
        while len(self._levels) <= number:
            last = self._levels[-1]
            height, width = last.shape[0] // 2, last.shape[1] // 2
            even = last[: 2 * height, : 2 * width]
            self._levels.append(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))
        return self._levels[number]

    def warp(self, patch_from_frame: Float[np.ndarray, "2 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
        """The window that an affine map from px of the picture to those of a patch shows; beyond the picture the
        nearest edge pixel is repeated."""
        linear, shift = patch_from_frame[:, :2], patch_from_frame[:, 2]
        reduction = 1 / max(float(np.sqrt(abs(np.linalg.det(linear)))), 1e-6)
        most = max(min(self.image.shape[:2]).bit_length() - 1, 0)
        number = min(max(int(np.ceil(np.log2(reduction / _LARGEST_REDUCTION))), 0), most)
        step = 2**number
        # Pixel centres are at integers: u = step u' + (step - 1) / 2.
        shift = shift + linear @ np.full(2, (step - 1) / 2)
        return cv2.warpAffine(
            self.level(number),
            np.column_stack([step * linear, shift]),
            (size, size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
