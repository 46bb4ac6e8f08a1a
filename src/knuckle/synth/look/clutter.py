"""Things that are not the hand: clutter behind it, skin-coloured shapes, and objects in front of it."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numba import njit

from knuckle.synth.look.background import Backgrounds
from knuckle.synth.look.lighting import srgb_curve
from knuckle.synth.look.skin import sample_tone

_SUBPIXEL = 4
Image = UInt8[np.ndarray, "s s 3"]


def _shape(rng: np.random.Generator, mask: np.ndarray, centre: np.ndarray, extent: float) -> None:
    """Draw one random antialiased shape of about `extent` px into a uint8 mask."""
    kind, value = rng.random(), 255
    turn = rng.uniform(0, 2 * np.pi)
    one = 1 << _SUBPIXEL
    if kind < 0.3:
        axes = np.maximum(extent * rng.uniform(0.25, 0.6, 2), 1)
        cv2.ellipse(
            mask, tuple((centre * one).astype(int).tolist()), tuple((axes * one).astype(int).tolist()),
            float(np.degrees(turn)), 0, 360, value, -1, cv2.LINE_AA, _SUBPIXEL,
        )  # fmt: skip
    elif kind < 0.65:
        count = int(rng.integers(3, 7))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count)) + turn
        radii = extent * rng.uniform(0.25, 0.75, count)
        points = centre + np.stack([np.cos(angles), np.sin(angles)], -1) * radii[:, None]
        cv2.fillPoly(mask, [np.rint(points * one).astype(np.int32)], value, cv2.LINE_AA, _SUBPIXEL)
    else:
        # A bar: pen, cable, edge of a table, handle.
        along = np.array([np.cos(turn), np.sin(turn)])
        across = np.array([-along[1], along[0]])
        half, thick = extent * rng.uniform(0.6, 1.6), max(extent * rng.uniform(0.04, 0.16), 1.0)
        taper = rng.uniform(0.6, 1.0)
        points = np.stack([centre + along * half + across * thick, centre + along * half - across * thick,
                           centre - along * half - across * thick * taper,
                           centre - along * half + across * thick * taper])  # fmt: skip
        cv2.fillPoly(mask, [np.rint(points * one).astype(np.int32)], value, cv2.LINE_AA, _SUBPIXEL)


def _fill(rng: np.random.Generator, size: int, backgrounds: Backgrounds) -> Image | np.ndarray:
    """What a shape is made of: a picture, or one colour with a gradient."""
    if rng.random() < 0.45:
        return backgrounds.draw(rng, size)[0]
    base = rng.uniform(5, 250) + rng.normal(0, 40, 3)
    ramp = np.clip(base + rng.normal(0, 22, (2, 2, 1)), 0, 255).astype(np.float32)
    return cv2.resize(ramp, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


@njit(cache=True, fastmath=True)
def blend(image, top, mask):
    """Put `top` over `image` by a uint8 mask, in place."""
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            m = int(mask[y, x])
            if m:
                for c in range(3):
                    image[y, x, c] = (image[y, x, c] * (255 - m) + top[y, x, c] * m + 127) // 255


def add_clutter(image: Image, rng: np.random.Generator, backgrounds: Backgrounds) -> None:
    """One to five shapes anywhere, in place."""
    size = len(image)
    for _ in range(int(rng.integers(1, 6))):
        mask = np.zeros((size, size), np.uint8)
        _shape(rng, mask, rng.uniform(0, size, 2), size * rng.uniform(0.08, 0.5))
        blend(image, _fill(rng, size, backgrounds), mask)


@njit(cache=True, fastmath=True)
def _limb(image, ax, ay, ra, bx, by, rb, light, albedo, face, curve):
    """A tapered capsule of skin colour over the image, lit as round; `face` > 0 adds eyes and mouth."""
    size = image.shape[0]
    dx, dy = bx - ax, by - ay
    length = max(np.sqrt(dx * dx + dy * dy), 1e-3)
    last = len(curve) - 1
    for y in range(size):
        for x in range(size):
            t = min(max(((x - ax) * dx + (y - ay) * dy) / (length * length), 0.0), 1.0)
            radius = ra + (rb - ra) * t
            ex, ey = x - ax - t * dx, y - ay - t * dy
            distance = np.sqrt(ex * ex + ey * ey)
            cover = min(max(radius - distance + 0.5, 0.0), 1.0)
            if cover <= 0.0:
                continue
            nx, ny = ex / radius, ey / radius
            nz = np.sqrt(max(1.0 - nx * nx - ny * ny, 0.0))
            lit = light[3] + max(0.0, (nx * light[0] + ny * light[1] + nz * light[2] + 0.25) / 1.25)
            if face > 0.0:
                # Eyes, brows and a mouth, placed along and across the axis.
                across = (-ex * dy + ey * dx) / (length * radius)
                eyes = np.exp(-((abs(across) - 0.38) ** 2) * 60.0 - (t - 0.38) ** 2 * 160.0)
                brows = np.exp(-((abs(across) - 0.40) ** 2) * 30.0 - (t - 0.22) ** 2 * 700.0)
                mouth = np.exp(-(across**2) * 9.0 - (t - 0.92) ** 2 * 500.0)
                lit *= 1.0 - face * min(eyes + 0.7 * brows + 0.5 * mouth, 0.9)
            for c in range(3):
                value = curve[min(int(albedo[c] * lit * last / 4.0), last)]
                image[y, x, c] = np.uint8(image[y, x, c] * (1.0 - cover) + value * cover)


def add_skin_shapes(image: Image, rng: np.random.Generator, *, count: int, faces: bool) -> None:
    """Limbs, fingers and ovals of skin colour, and ovals with a face's marks; in place."""
    size = len(image)
    for _ in range(count):
        albedo, _ = sample_tone(rng)
        light = rng.normal(size=3) * [0.6, 0.5, 0.3] + [0, -0.3, 0.6]
        light = np.append(light / np.linalg.norm(light) * rng.uniform(0.2, 0.9), rng.uniform(0.15, 0.6))
        start = rng.uniform(-0.1, 1.1, 2) * size
        turn, kind = rng.uniform(0, 2 * np.pi), rng.random()
        face = 0.0
        if faces and kind < 0.4:
            radius, length, face = size * rng.uniform(0.12, 0.32), 0.5, rng.uniform(0.4, 0.8)
            turn = np.pi / 2 + rng.normal(0, 0.3)
        elif kind < 0.75:
            radius, length = size * rng.uniform(0.06, 0.22), rng.uniform(1.5, 6)
        else:
            radius, length = size * rng.uniform(0.02, 0.07), rng.uniform(1.0, 5)
        end = start + radius * length * np.array([np.cos(turn), np.sin(turn)])
        tail = radius * (rng.uniform(0.85, 1.0) if face else rng.uniform(0.5, 1.1))
        _limb(image, start[0], start[1], radius, end[0], end[1], tail, light, albedo, face, srgb_curve())


def draw_occluder(
    rng: np.random.Generator, backgrounds: Backgrounds, joints_px: Float[np.ndarray, "n 2"], size: int
) -> tuple[Image | np.ndarray, UInt8[np.ndarray, "s s"]]:
    """An object in front of the hands, near a random joint: its picture and its mask."""
    mask = np.zeros((size, size), np.uint8)
    extent = np.ptp(joints_px, axis=0).max()
    for _ in range(int(rng.integers(1, 3))):
        centre = joints_px[int(rng.integers(len(joints_px)))] + rng.normal(0, 0.12 * extent, 2)
        _shape(rng, mask, centre, extent * rng.uniform(0.12, 0.5))
    return _fill(rng, size, backgrounds), mask
