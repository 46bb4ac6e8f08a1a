"""Frames of the package's sample photo, moved about."""

import cv2
import numpy as np

from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO

FRAMES, RATE = 12, 10.0


def moved_frames(count: int, side: int = 320) -> list[np.ndarray]:
    photo = cv2.resize(read_image(SAMPLE_PHOTO), (side, side), interpolation=cv2.INTER_AREA)
    frames = []
    for number in range(count):
        change = cv2.getRotationMatrix2D((side / 2, side / 2), 2.0 * number, 0.8 + 0.01 * number)
        change[:, 2] += 1.5 * number
        frames.append(cv2.warpAffine(photo, change, (side, side), borderValue=(120, 110, 100)))
    return frames
