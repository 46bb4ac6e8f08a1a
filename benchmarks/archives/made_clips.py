"""Clips of one hand that moves, made of the package's sample photo, as MPEG-4 files that OpenCV writes."""

from pathlib import Path

import cv2
import numpy as np

from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO


def write_clip(
    path: Path, *, seconds: float, size: tuple[int, int], rate: float = 30.0, seed: int = 0
) -> None:
    """Write a clip; seed: where in its way the hand begins."""
    photo = read_image(SAMPLE_PHOTO)
    half = cv2.cvtColor(photo[:, : photo.shape[1] // 2], cv2.COLOR_RGB2BGR)
    width, height = size
    begins = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    shrink = 0.8 * height / max(half.shape[:2])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    for number in range(round(seconds * rate)):
        time_s = number / rate
        middle = (half.shape[1] / 2, half.shape[0] / 2)
        change = cv2.getRotationMatrix2D(middle, 8 * np.sin(2 * time_s + begins), shrink)
        goal = (
            width * (0.5 + 0.15 * np.sin(1.2 * time_s + begins)),
            height * (0.5 + 0.05 * np.cos(1.5 * time_s)),
        )
        change[:, 2] += np.subtract(goal, middle)
        writer.write(cv2.warpAffine(half, change, size, borderValue=(120, 110, 100)))
    writer.release()
