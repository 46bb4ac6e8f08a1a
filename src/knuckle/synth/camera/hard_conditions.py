"""Hard conditions for a camera: long motion blur, a hand out of focus, the noise of low light, burnt highlights."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

Image = UInt8[np.ndarray, "s s 3"]
Kernel = Float32[np.ndarray, "k k"]
KINDS = {"motion": 0.38, "dark": 0.28, "focus": 0.2, "burnt": 0.14}
BLUR_PX = (7.0, 20.0)
"""Length of a motion's trace on a crop of 128 px."""
FOCUS_PX = (1.5, 3.8)
"""Radius of the circle of confusion on a crop of 128 px."""
_GAMMA = 2.2


@dataclass(frozen=True, eq=False)
class Dark:
    """Low light."""

    light: Float[np.ndarray, "3"]
    """Share that is left for each channel."""
    noise: tuple[float, float]
    """Strength, of 255: on all channels alike, and on each by itself."""
    grain_px: float
    """Size of the noise's spots."""
    quality: int
    """Of the JPEG."""
    seed: int
    """Of the noise."""


@dataclass(frozen=True, eq=False)
class Burn:
    """Too much light on one side of an edge through the picture."""

    gain: float
    """In linear light."""
    normal: Float[np.ndarray, "2"]
    """Of the edge, towards the bright side."""
    place: float
    """Of the edge: from the middle along its normal, in sides of the picture."""
    softness: float
    """Of the edge, in sides."""
    glow_px: float
    """How far the glow reaches."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One crop's hard conditions; None for those it does not have."""

    hand: Kernel | None = None
    """Blurs the hand alone."""
    frame: Kernel | None = None
    """Blurs the whole picture."""
    dark: Dark | None = None
    burn: Burn | None = None

    def smear(self, layer: Float32[np.ndarray, "s s 4"]) -> Float32[np.ndarray, "s s 4"]:
        """The hand's linear, premultiplied layer as it moves or as it is out of focus."""
        if self.hand is None:
            return layer
        return cv2.filter2D(layer, -1, self.hand, borderType=cv2.BORDER_REPLICATE)

    def expose(self, image: Image, *, empty: bool = False) -> Image:
        """What reaches the sensor. empty: there is no hand, and what would have blurred it blurs the picture."""
        kernel = self.hand if empty and self.frame is None else self.frame
        if kernel is None and self.burn is None:
            return image
        linear = (image.astype(np.float32) / 255) ** _GAMMA
        if kernel is not None:
            linear = cv2.filter2D(linear, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        if self.burn is not None:
            linear = _burn_out(linear, self.burn)
        return (255 * np.clip(linear, 0, 1) ** (1 / _GAMMA) + 0.5).astype(np.uint8)

    def develop(self, image: Image) -> Image:
        """What becomes of a finished picture where light was low."""
        return image if self.dark is None else _darken(image, self.dark)


def draw_shot(rng: np.random.Generator, size: int) -> Shot:
    """Conditions of one of the KINDS for a crop of `size` px; half of the dark pictures are blurred by motion too."""
    kind = rng.choice(list(KINDS), p=list(KINDS.values()))
    scale = size / 128
    if kind == "burnt":
        return Shot(burn=_draw_burn(rng, scale))
    if kind == "focus":
        kernel = disc(float(rng.uniform(*FOCUS_PX)) * scale)
        return Shot(hand=kernel) if rng.random() < 0.6 else Shot(frame=kernel)
    dark = _draw_dark(rng) if kind == "dark" else None
    if dark is not None and rng.random() < 0.5:
        return Shot(dark=dark)
    trace = motion(rng, float(np.exp(rng.uniform(*np.log(BLUR_PX)))) * scale * (1.0 if dark is None else 0.6))
    return Shot(hand=trace, dark=dark) if rng.random() < 0.6 else Shot(frame=trace, dark=dark)


def motion(rng: np.random.Generator, length_px: float) -> Kernel:
    """The trace of a point that moves along an arc at uneven speed; its centre of mass stays in the middle."""
    t = np.linspace(-0.5, 0.5, 96)
    angle, curve, haste = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.35), rng.uniform(-0.8, 0.8)
    along, across = t * length_px, curve * length_px * 2 * (t**2 - 1 / 12)
    x, y = np.cos(angle) * along - np.sin(angle) * across, np.sin(angle) * along + np.cos(angle) * across
    weight = 1 + haste * 2 * t
    x, y = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
    half = int(np.ceil(max(np.abs(x).max(), np.abs(y).max()))) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    left, top = np.floor(x), np.floor(y)
    for dx in (0, 1):
        for dy in (0, 1):
            share = (1 - np.abs(x - left - dx)) * (1 - np.abs(y - top - dy)) * weight
            np.add.at(kernel, ((top + dy).astype(int) + half, (left + dx).astype(int) + half), share)
    return kernel / kernel.sum()


def disc(radius_px: float) -> Kernel:
    """A lens's circle of confusion."""
    half = int(np.ceil(radius_px)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    kernel = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return kernel / kernel.sum()


def _draw_dark(rng: np.random.Generator) -> Dark:
    light, warmth = np.exp(rng.uniform(np.log(0.14), np.log(0.6))), rng.normal(0, 0.22)
    cast = np.array([1 + warmth, 1 + rng.normal(0, 0.06), 1 - warmth])
    noise = float(np.exp(rng.uniform(np.log(4), np.log(12))))
    return Dark(
        light=light * np.clip(cast, 0.35, 1.7),
        noise=(noise * float(rng.uniform(0.4, 1)), noise * float(rng.uniform(0.5, 1.2))),
        grain_px=float(rng.uniform(0.3, 1.3)),
        quality=int(rng.integers(18, 70)),
        seed=int(rng.integers(2**31)),
    )


def _draw_burn(rng: np.random.Generator, scale: float) -> Burn:
    angle = rng.uniform(0, 2 * np.pi)
    whole = rng.random() < 0.4
    return Burn(
        gain=float(np.exp(rng.uniform(np.log(1.8), np.log(4)))),
        normal=np.array([np.cos(angle), np.sin(angle)]),
        place=-9.0 if whole else float(rng.uniform(-0.25, 0.25)),
        softness=float(rng.uniform(0.02, 0.3)),
        glow_px=float(rng.uniform(2, 7)) * scale,
    )


def _burn_out(linear: Float32[np.ndarray, "s s 3"], burn: Burn) -> Float32[np.ndarray, "s s 3"]:
    size = len(linear)
    y, x = (np.mgrid[0:size, 0:size] / (size - 1)).astype(np.float32) - 0.5
    side = (x * burn.normal[0] + y * burn.normal[1] - burn.place) / burn.softness
    gain = 1 + (burn.gain - 1) / (1 + np.exp(-np.clip(4 * side, -30, 30)))
    bright = linear * gain[..., None].astype(np.float32)
    glow = cv2.GaussianBlur(np.maximum(bright - 0.8, 0), (0, 0), burn.glow_px)
    return bright + 0.6 * glow


def _darken(image: Image, dark: Dark) -> Image:
    rng, size = np.random.default_rng(dark.seed), len(image)
    value = 255 * ((image.astype(np.float32) / 255) ** _GAMMA * dark.light.astype(np.float32)) ** (1 / _GAMMA)
    alike = rng.standard_normal((size, size, 1), np.float32)
    apart = _grain(rng.standard_normal((size, size, 3), np.float32), dark.grain_px)
    value += dark.noise[0] * alike + dark.noise[1] * apart
    value = np.clip(value, 0, 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", value[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, dark.quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1])


def _grain(noise: Float32[np.ndarray, "s s 3"], size_px: float) -> Float32[np.ndarray, "s s 3"]:
    """Noise as a sensor's mosaic and denoising leave it: in spots, as strong as before."""
    spots = cv2.GaussianBlur(noise, (0, 0), size_px)
    return spots / max(float(spots.std()), 1e-6)
