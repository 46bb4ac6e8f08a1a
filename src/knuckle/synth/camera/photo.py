"""What a camera does to the picture: resolution, focus, motion, exposure, colour, noise and JPEG."""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import UInt8

Image = UInt8[np.ndarray, "s s 3"]
_TILE = 512


@lru_cache(maxsize=1)
def _noise_tile() -> np.ndarray:
    """Unit normal noise, int16 in 1/64; windows of it serve as fresh noise."""
    noise = np.random.default_rng(7).normal(0, 64, (_TILE, _TILE, 3))
    return np.clip(noise, -300, 300).astype(np.int16)


def photograph(image: Image, rng: np.random.Generator, *, side_px: float) -> Image:
    """Degrade a clean crop as a photo would. side_px: the crop's side in px of the frame it comes from."""
    size = len(image)
    if side_px < size:
        # The frame has fewer pixels than the crop: it was enlarged.
        small = max(round(side_px), 24)
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    draw = rng.random()
    if draw < 0.30:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3) * size / 128)
    elif draw < 0.40:
        image = add_motion(image, rng)
    image = cv2.LUT(image, tone(rng)[None])
    if rng.random() < 0.55:
        image = add_noise(image, rng)
    if rng.random() < 0.5:
        quality = int(rng.integers(25, 92))
        encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return image


def hide_beyond_frame(image: Image, window: tuple[int, int, int, int], rng: np.random.Generator) -> Image:
    """Beyond the frame's edge no photo has pixels: repeat the last ones, or black in 30 %. window: what lies within
    the frame, from `frame_window`."""
    size, (left, top, right, bottom) = len(image), window
    black = rng.random() < 0.3
    if (left, top, right, bottom) == (0, 0, size - 1, size - 1) or left >= right or top >= bottom:
        return image
    if black:
        inside = np.zeros_like(image)
        inside[top : bottom + 1, left : right + 1] = image[top : bottom + 1, left : right + 1]
        return inside
    rows, columns = np.clip(np.arange(size), top, bottom), np.clip(np.arange(size), left, right)
    return np.ascontiguousarray(image[rows][:, columns])


def add_motion(image: Image, rng: np.random.Generator) -> Image:
    length, angle = rng.uniform(2, 7) * len(image) / 128, rng.uniform(0, np.pi)
    half = int(np.ceil(length))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    step = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    start, end = ((half + sign * step) * 16 for sign in (-1, 1))
    cv2.line(
        kernel, tuple(start.astype(int).tolist()), tuple(end.astype(int).tolist()), 1.0, 1, cv2.LINE_AA, 4
    )
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def tone(rng: np.random.Generator) -> np.ndarray:
    """One table (256, 3) for exposure, contrast, gamma and white balance; 8 % low light."""
    exposure = min(rng.lognormal(-0.03, 0.13), 1.25)
    if rng.random() < 0.08:
        exposure *= rng.uniform(0.2, 0.6)
    contrast, gamma = rng.uniform(0.8, 1.2), rng.lognormal(0, 0.1)
    balance = 1 + rng.normal(0, 0.035, 3)
    value = np.linspace(0, 1, 256)[:, None] ** gamma * exposure * balance
    return np.clip(255 * ((value - 0.5) * contrast + 0.5), 0, 255).astype(np.uint8)


def add_noise(image: Image, rng: np.random.Generator) -> Image:
    size = len(image)
    tile = _noise_tile()
    if size > _TILE:
        tile = np.tile(tile, (-(-size // _TILE) + 1, -(-size // _TILE) + 1, 1))
    y, x = (int(v) for v in rng.integers(0, len(tile) - size + 1, 2))
    window = tile[y : y + size, x : x + size]
    if rng.random() < 0.4:
        window = np.ascontiguousarray(np.broadcast_to(window[..., :1], window.shape))
    strength = float(np.exp(rng.uniform(0, 2.3)))
    wide = cv2.scaleAdd(window.astype(np.float32), strength / 64, image.astype(np.float32))
    return cv2.convertScaleAbs(np.maximum(wide, 0))
