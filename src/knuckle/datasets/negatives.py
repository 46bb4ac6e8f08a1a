"""Photographs without a hand, to measure whether a confidence tells."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from knuckle.datasets.labelled import Patch
from knuckle.datasets.photos import read_rgb
from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import Crop, middle_px

_SUFFIXES = (".jpg", ".jpeg", ".png")


def list_negatives(folder: Path) -> list[Path]:
    """The pictures of a folder, by name. Raises KnuckleError if there are none."""
    pictures = sorted(p for p in folder.glob("*") if p.suffix.lower() in _SUFFIXES) if folder.is_dir() else []
    if not pictures:
        raise KnuckleError(f"{folder}: expected a folder of pictures without hands, got none")
    return pictures


def negative_patches(pictures: list[Path], *, size: int) -> Iterator[Patch]:
    """Each picture's central square as a patch, seen by an assumed camera; no labels."""
    for path in pictures:
        picture = read_rgb(path)
        height, width = picture.shape[:2]
        side = float(min(height, width))
        crop = Crop((middle_px(width), middle_px(height)), side, size)
        yield Patch(
            np.ascontiguousarray(crop.warp(picture)), crop.vector, Camera.from_size(width, height).vector
        )
