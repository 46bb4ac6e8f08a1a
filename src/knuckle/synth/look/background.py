"""What stands behind the hands: crops of photographs where the data folder is, else procedural pictures."""

import json
import os
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

_CACHED_SIDE = 256


def backgrounds_folder() -> Path | None:
    """`$KNUCKLE_DATA/backgrounds` where that exists, else None."""
    root = os.environ.get("KNUCKLE_DATA")
    folder = Path(root) / "backgrounds" if root else None
    return folder if folder is not None and (folder / "index.jsonl").is_file() else None


class Backgrounds:
    """Draws square pictures: 72 % environment crops, 18 % hand-free photo patches, 10 % flat, gradient or
    noise.

    Without a folder all are procedural. Pictures are decoded once and kept (up to 200 kB each).
    """

    def __init__(self, folder: Path | None) -> None:
        self.scenes: list[tuple[Path, str]] = []
        self.patches: list[Path] = []
        if folder is not None:
            for line in (folder / "index.jsonl").read_text().splitlines():
                entry = json.loads(line)
                self.scenes.append((folder / entry["file"], entry["hdri"]))
            if (folder / "no_hand.jsonl").is_file():
                for line in (folder / "no_hand.jsonl").read_text().splitlines():
                    entry = json.loads(line)
                    # The other splits hold frames that detectors are measured on.
                    if entry["detection_split"] == "train":
                        self.patches.append(folder / entry["file"])
        self._decode = lru_cache(maxsize=None)(_decode)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[UInt8[np.ndarray, "s s 3"], str | None]:
        """A fresh RGB picture of size x size px, and the name of its environment if it has one."""
        kind = rng.random()
        if not self.scenes or kind >= 0.9:
            if not self.scenes and kind < 0.9:
                return procedural_scene(rng, size), None
            return plain(rng, size), None
        if kind < 0.72 or not self.patches:
            path, name = self.scenes[int(rng.integers(len(self.scenes)))]
        else:
            path, name = self.patches[int(rng.integers(len(self.patches)))], None
        return _window(self._decode(path), rng, size), name


def _decode(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(path)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    if min(image.shape[:2]) > _CACHED_SIDE:
        scale = _CACHED_SIDE / min(image.shape[:2])
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return image


def _window(image: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """A random square part, perhaps mirrored, with small changes of brightness and colour."""
    limit = min(image.shape[:2])
    side = int(limit * rng.uniform(0.45, 1.0))
    y, x = (int(rng.integers(n - side + 1)) for n in image.shape[:2])
    part = image[y : y + side, x : x + side]
    part = cv2.resize(
        part, (size, size), interpolation=cv2.INTER_AREA if side > 1.7 * size else cv2.INTER_LINEAR
    )
    if rng.random() < 0.5:
        part = cv2.flip(part, 1)
    gain = rng.lognormal(0, 0.18) * (1 + rng.normal(0, 0.04, 3))
    part = cv2.LUT(part, _gain_table(gain, rng.normal(0, 6)))
    if rng.random() < 0.3:
        part = cv2.GaussianBlur(part, (0, 0), rng.uniform(0.6, 3.0) * size / 128)
    return part


def _gain_table(gain: np.ndarray, lift: float) -> np.ndarray:
    return np.clip(np.arange(256)[:, None] * gain + lift, 0, 255).astype(np.uint8)[None]


def plain(rng: np.random.Generator, size: int) -> UInt8[np.ndarray, "s s 3"]:
    """Flat colour, gradient or smooth noise."""
    kind = rng.random()
    grid = 1 if kind < 0.3 else 2 if kind < 0.65 else int(rng.integers(4, 24))
    base = rng.uniform(10, 245, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(10, 245))
    cells = base + rng.normal(0, rng.uniform(5, 45), (grid, grid, 1)) + rng.normal(0, 10, (grid, grid, 3))
    image = cv2.resize(cells.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(image, 0, 255).astype(np.uint8).reshape(size, size, 3)


def procedural_scene(rng: np.random.Generator, size: int) -> UInt8[np.ndarray, "s s 3"]:
    """A room-like picture: a few planes at an angle, each with its own colour, texture and blocks."""
    image = plain(rng, size).astype(np.float32)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    for _ in range(int(rng.integers(1, 5))):
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
        side = (x - 0.5) * np.float32(np.cos(angle)) + (y - 0.5) * np.float32(np.sin(angle)) > offset
        colour = (rng.uniform(10, 245) + rng.normal(0, 30, 3)).astype(np.float32)
        texture = _texture(rng, size, x, y) * np.float32(rng.uniform(0.2, 1.0))
        image = np.where(side[..., None], colour + texture[..., None], image)
    for octave in (3, 9, 33):
        cells = rng.normal(0, 14 * rng.random(), (octave, octave, 1)).astype(np.float32)
        image += cv2.resize(cells, (size, size), interpolation=cv2.INTER_LINEAR)[..., None]
    image = np.clip(image, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 8))):
        corner, extent = rng.uniform(-0.1, 1, 2) * size, rng.uniform(0.05, 0.5, 2) * size
        colour = tuple(float(c) for c in np.clip(rng.uniform(0, 255) + rng.normal(0, 35, 3), 0, 255))
        box = (
            (float(corner[0]), float(corner[1])),
            (float(extent[0]), float(extent[1])),
            float(rng.normal(0, 12)),
        )
        cv2.fillConvexPoly(image, np.rint(cv2.boxPoints(box)).astype(np.int32), colour, cv2.LINE_AA)
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 3.0) * size / 128)
    return image


def _texture(rng: np.random.Generator, size: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Stripes, tiles or grain, amplitude about 40."""
    kind = rng.random()
    angle, waves = rng.uniform(0, np.pi), rng.uniform(10, 90)
    along = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    if kind < 0.35:
        return 40 * np.sign(np.sin(along * np.float32(waves)))
    if kind < 0.6:
        across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
        return 40 * np.sign(np.sin(along * np.float32(waves)) * np.sin(across * np.float32(waves)))
    grain = rng.normal(0, 40, (size, size)).astype(np.float32)
    return cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.5, 2.5)) * 2
