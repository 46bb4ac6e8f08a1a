"""Skin, nail and cloth colour of a hand: linear albedo per vertex and the ids of its detail maps."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.synth.look.lighting import srgb_to_linear

TONES_SRGB = np.array(
    [[234, 194, 174], [223, 175, 149], [205, 155, 124], [170, 121, 91], [126, 86, 65], [83, 58, 48]], float
)
"""Six skin tones from light to dark, lit evenly."""
_PALM_SRGB = np.array([224, 168, 148], float)
_PALM_SHARE = np.array([0.10, 0.14, 0.2, 0.32, 0.45, 0.5])
"""How far the palm's colour goes from the back's to a common light tone."""


@dataclass(frozen=True, eq=False)
class Skin:
    """Linear albedos of a person's skin, nails and sleeve, and the ids of their detail maps."""

    back: Float[np.ndarray, "3"]
    palm: Float[np.ndarray, "3"]
    nail: Float[np.ndarray, "3"]
    cloth: Float[np.ndarray, "3"]
    hand_map: int
    arm_map: int
    cloth_map: int
    gloss: float
    nail_gloss: float


def sample_tone(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A skin colour (linear albedo) and its place 0..5 on the ramp."""
    place = rng.uniform(0, 5)
    low = int(place)
    srgb = TONES_SRGB[low] + (TONES_SRGB[min(low + 1, 5)] - TONES_SRGB[low]) * (place - low)
    hue = rng.normal(0, 1, 2) * [5.0, 4.0]
    srgb = srgb * rng.uniform(0.93, 1.06) + [hue[0], 0.15 * hue[1], -hue[1]]
    return srgb_to_linear(np.clip(srgb, 12, 250)), place


def sample_skin(rng: np.random.Generator, *, hand_maps: int, arm_maps: int, cloth_maps: int) -> Skin:
    """Draw a person's colours and detail maps."""
    back, place = sample_tone(rng)
    share = np.interp(place, np.arange(6), _PALM_SHARE) * rng.uniform(0.7, 1.3)
    palm = back + (srgb_to_linear(_PALM_SRGB) - back) * share
    if rng.random() < 0.06:
        nail = srgb_to_linear(rng.uniform(20, 240, 3))
    else:
        nail = palm * np.array([1.04, 1.02, 1.03]) + (0.7 - palm) * rng.uniform(0.0, 0.12)
    kind = rng.random()
    if kind < 0.35:
        cloth = np.full(3, rng.uniform(0.01, 0.08)) * rng.uniform(0.85, 1.15, 3)
    elif kind < 0.55:
        cloth = np.full(3, rng.uniform(0.4, 0.85)) * rng.uniform(0.93, 1.07, 3)
    else:
        cloth = srgb_to_linear(np.clip(rng.uniform(30, 200) + rng.normal(0, 45, 3), 8, 250))
    return Skin(
        back=back,
        palm=palm,
        nail=nail,
        cloth=cloth,
        hand_map=int(rng.integers(hand_maps)),
        arm_map=int(rng.integers(arm_maps)),
        cloth_map=int(rng.integers(cloth_maps)),
        gloss=float(rng.uniform(0.15, 0.9)),
        nail_gloss=float(rng.uniform(0.8, 2.0)),
    )
