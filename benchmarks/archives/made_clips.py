"""Clips of one hand that moves, made of a picture, as MPEG-4 files that OpenCV writes."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO

RENDERED_SEED, RENDERED_INDEX, RENDERED_PX = 7, 1, 640
"""Of a whole hand before a plain background, upright, two fingers bent."""


def whole_hand(photo: Path | None = None) -> UInt8[np.ndarray, "H W 3"]:
    """A picture of one hand, RGB: a photo of the user's, or a rendered one, which needs the extra "train"."""
    if photo is not None:
        return read_image(photo)
    from knuckle.synth.engine import SynthEngine
    from knuckle.synth.options import SynthOptions

    engine = SynthEngine(RENDERED_SEED, SynthOptions(size=RENDERED_PX, backgrounds="procedural"))
    return engine.sample(RENDERED_INDEX).image


def half_sample() -> UInt8[np.ndarray, "H W 3"]:
    """The left half of the package's sample photo, in which the picture's edge cuts the fingers of a hand."""
    photo = read_image(SAMPLE_PHOTO)
    return photo[:, : photo.shape[1] // 2]


def write_clip(
    path: Path,
    picture: UInt8[np.ndarray, "H W 3"],
    *,
    seconds: float,
    size: tuple[int, int],
    rate: float = 30.0,
    seed: int = 0,
) -> None:
    """Write a clip of a picture that moves; seed: where in its way it begins."""
    shown = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    width, height = size
    begins = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    shrink = 0.8 * height / max(shown.shape[:2])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    for number in range(round(seconds * rate)):
        time_s = number / rate
        middle = (shown.shape[1] / 2, shown.shape[0] / 2)
        change = cv2.getRotationMatrix2D(middle, 8 * np.sin(2 * time_s + begins), shrink)
        goal = (
            width * (0.5 + 0.15 * np.sin(1.2 * time_s + begins)),
            height * (0.5 + 0.05 * np.cos(1.5 * time_s)),
        )
        change[:, 2] += np.subtract(goal, middle)
        writer.write(cv2.warpAffine(shown, change, size, borderValue=(120, 110, 100)))
    writer.release()
