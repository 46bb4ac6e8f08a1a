"""A video made of the package's sample photo: its two hands turned, moved and shrunk before a plain background."""

from pathlib import Path

import cv2
import numpy as np

from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO
from knuckle.video.writer import VideoWriter


def write_sample_video(path: Path, *, seconds: float, rate: float = 10.0, side: int = 480) -> None:
    """Write a square VP9 video (.webm), its sides in px. It leaves the hands out of the picture for a while every 20
    seconds."""
    photo = read_image(SAMPLE_PHOTO)
    shrink = side / photo.shape[1]
    with VideoWriter(path, size=(side, side), rate=rate) as writer:
        for number in range(round(seconds * rate)):
            time_s = number / rate
            middle = (photo.shape[1] / 2, photo.shape[0] / 2)
            turn = np.degrees(0.25 * np.sin(2.1 * time_s))
            change = cv2.getRotationMatrix2D(middle, turn, shrink * (0.8 + 0.15 * np.sin(1.3 * time_s)))
            away = 2.0 if time_s % 20 > 18 else 0.0
            goal = side * np.array(
                [0.5 + away + 0.12 * np.sin(1.7 * time_s), 0.5 + 0.08 * np.cos(2.3 * time_s)]
            )
            change[:, 2] += goal - middle
            writer.write(cv2.warpAffine(photo, change, (side, side), borderValue=(120, 110, 100)), time_s)
