"""Painted detail maps of the skin: creases, palm lines, knuckles, veins and blotches in texture space.

Everything is drawn from the place a texel has on the rest hand, so texture seams do not show. 128 means
unchanged.
"""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.rig.hand_rig import HandRig
from knuckle.synth.look.skin_lines import finger_creases, palm_lines, veins
from knuckle.synth.look.texels import MAP_SIZE, Texels, bleed, texels_of

_RED = np.array([0.25, 1.0, 0.9])
"""How much a crease darkens each channel: blood and bounced light keep it red."""


@lru_cache(maxsize=128)
def hand_map(rig: HandRig, seed: int) -> UInt8[np.ndarray, "s s 3"]:
    """One person's detail map of a rig; painted once a process (0.1 s)."""
    return paint_hand(texels_of(rig), seed)


def paint_hand(texels: Texels, seed: int) -> UInt8[np.ndarray, "s s 3"]:
    """One person's detail map. The same texels and seed give the same map."""
    rng = np.random.default_rng([seed, 0x5EED])
    place, palm, joints = texels.place, np.clip(texels.palm, 0, 1), texels.joints
    shade = np.ones((len(place), 3))
    blotch = waves(place, rng, [0.05, 0.025, 0.012], [1, 0.7, 0.5])
    pores = waves(place, rng, [0.005, 0.0035], [1, 1])
    shade += (0.03 * rng.uniform(0.5, 1.6) * blotch)[:, None] * [0.6, 1.0, 1.0]
    shade += 0.015 * rng.uniform(0.3, 1.5) * pores[:, None]
    # Blood shows at fingertips, knuckles and the heel of the hand.
    blush = np.zeros(len(place))
    for j in (4, 8, 12, 16, 20):
        blush += _near(place, joints[j], 0.010) * rng.uniform(0.3, 1.0)
    for j in (5, 9, 13, 17, 6, 10, 14, 18, 2, 3):
        blush += _near(place, joints[j], 0.011) * (1 - palm) * rng.uniform(0.2, 1.0)
    heel = joints[0] + 0.35 * (joints[17] - joints[0])
    blush += (_near(place, heel, 0.018) + _near(place, joints[1], 0.016)) * palm * rng.uniform(0.2, 0.9)
    shade -= np.clip(blush, 0, 1.2)[:, None] * np.array([-0.02, 0.10, 0.08]) * rng.uniform(0.4, 1.5)
    depth = np.zeros(len(place))
    strength = rng.uniform(0.5, 1.3)
    depth += strength * finger_creases(texels, palm, rng)
    depth += strength * palm_lines(texels, palm, rng)
    shade -= np.clip(depth, 0, 1)[:, None] * _RED * rng.uniform(0.3, 0.55)
    blue = veins(texels, rng) * np.clip(1 - 1.6 * palm, 0, 1) * rng.uniform(0.0, 1.0)
    shade -= blue[:, None] * np.array([0.13, 0.05, -0.02])
    if rng.random() < 0.35:
        for spot in place[rng.integers(len(place), size=int(rng.integers(3, 30)))]:
            shade -= _near(place, spot, rng.uniform(0.0006, 0.0016))[:, None] * [0.15, 0.25, 0.3]
    # Towards the wrist's edge all fades to plain skin, where the arm goes on.
    fade = np.clip(np.linalg.norm(place - texels.loop_centre, axis=1) / 0.03 - 1.0, 0, 1)[:, None]
    image = np.full((MAP_SIZE, MAP_SIZE, 3), 128, np.uint8)
    image[texels.filled] = np.clip(128 * (1 + (shade - 1) * fade), 0, 255)
    return bleed(image, texels.filled)


@lru_cache(maxsize=128)
def paint_arm(seed: int) -> UInt8[np.ndarray, "64 64 3"]:
    """Detail of the forearm: blotches, veins, hair. Wraps round the arm; row 0 is at the wrist."""
    rng = np.random.default_rng([seed, 0xA23])
    size = 64
    noise = cv2.GaussianBlur(rng.normal(size=(3 * size, 3 * size)), (0, 0), 5)[size:-size, size:-size] * 9
    shade = 1 + 0.035 * noise[..., None] * [0.6, 1, 1]
    if rng.random() < 0.5:
        hair = np.zeros((size, size), np.float32)
        for _ in range(int(rng.integers(60, 400))):
            x, y = rng.integers(0, size, 2)
            dx, dy = rng.normal(0, 1.5), rng.uniform(1, 4)
            cv2.line(hair, (int(x), int(y)), (int(x + dx), int(y + dy)), rng.uniform(0.2, 1), 1, cv2.LINE_AA)
        shade -= hair[..., None] * rng.uniform(0.08, 0.3)
    fade = np.clip(np.arange(size) / 10 - 0.2, 0, 1)[:, None, None]
    return np.clip(128 * (1 + (shade - 1) * fade), 0, 255).astype(np.uint8)


@lru_cache(maxsize=128)
def paint_cloth(seed: int) -> UInt8[np.ndarray, "64 64 3"]:
    """A sleeve's pattern: plain weave, stripes round or along, checks, or blots."""
    rng = np.random.default_rng([seed, 0xC107])
    size = 64
    y, x = np.mgrid[0:size, 0:size] / size
    shade = np.ones((size, size, 3)) + 0.05 * rng.normal(size=(size, size, 1))
    kind = rng.random()
    waves = int(rng.integers(2, 12))
    contrast = rng.uniform(-0.6, 0.6, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(-0.6, 0.6))
    bands = (np.sin(2 * np.pi * waves * y) > rng.uniform(-0.8, 0.8)).astype(float)
    stripes = (np.sin(2 * np.pi * waves * x) > rng.uniform(-0.8, 0.8)).astype(float)
    if kind < 0.18:
        shade += bands[..., None] * contrast
    elif kind < 0.28:
        shade += stripes[..., None] * contrast
    elif kind < 0.38:
        shade += (0.5 * bands + 0.5 * stripes)[..., None] * contrast
    elif kind < 0.5:
        blots = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), 4)
        shade += (blots > 0.02)[..., None] * contrast
    fold = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), 3, sigmaY=9) * 10
    shade += 0.05 * fold[..., None]
    return np.clip(128 * shade, 0, 255).astype(np.uint8)


def waves(
    place: np.ndarray, rng: np.random.Generator, lengths: list[float], weights: list[float]
) -> np.ndarray:
    """Smooth noise of unit-like amplitude: sums of plane waves of the given wavelengths (m)."""
    total = np.zeros(len(place))
    for length, weight in zip(lengths, weights, strict=True):
        direction = rng.normal(size=(5, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        wave = 2 * np.pi / (length * rng.uniform(0.7, 1.4, 5))
        phase = place @ (direction * wave[:, None]).T + rng.uniform(0, 2 * np.pi, 5)
        total += weight * np.sin(phase).sum(1) * 0.45
    return total


def _near(place: np.ndarray, point: np.ndarray, radius: float) -> np.ndarray:
    return np.exp(-((place - point) ** 2).sum(1) / (2 * radius**2))
