"""The wardrobe: rings, watches, bracelets and gloves drawn at random, and what they are made of."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from knuckle.synth.look.lighting import srgb_to_linear
from knuckle.synth.wear.glove import sample_glove
from knuckle.synth.wear.light import Finish
from knuckle.synth.wear.worn import Ring, Worn, WristBand

KINDS = {"rings": 0.47, "wrist": 0.25, "both": 0.25, "glove": 0.03}
_METALS = np.array(
    [[1, 0.71, 0.3], [0.95, 0.66, 0.54], [0.93, 0.92, 0.9], [0.62, 0.61, 0.6], [0.2, 0.2, 0.22]]
)
"""Gold, red gold, silver, steel, dark: what they mirror."""
_METAL_ODDS = [0.38, 0.1, 0.3, 0.12, 0.1]
_RING_PLACES = {
    # MANO16 joint: odds, and where its skin is free of the web: tenths of a mm from the joint.
    1: (0.16, 225, 330), 4: (0.2, 240, 350), 10: (0.34, 220, 320), 7: (0.14, 190, 260), 14: (0.08, 130, 230),
    2: (0.02, 70, 150), 5: (0.03, 80, 170), 11: (0.03, 75, 150),
}  # fmt: skip


def sample_worn(rng: np.random.Generator, *, sleeve: bool) -> Worn:
    """Rings, something on the wrist, both, or a glove, by KINDS; rings where a sleeve would hide the wrist."""
    kind = rng.choice(list(KINDS), p=list(KINDS.values()))
    if sleeve and kind in ("wrist", "both"):
        kind = "rings"
    if kind == "glove":
        return Worn(glove=sample_glove(rng))
    return Worn(
        rings=_rings(rng) if kind in ("rings", "both") else [],
        bands=[_wrist_band(rng)] if kind in ("wrist", "both") else [],
    )


def _rings(rng: np.random.Generator) -> list[Ring]:
    count = int(rng.choice([1, 2, 3], p=[0.6, 0.27, 0.13]))
    odds = np.array([place[0] for place in _RING_PLACES.values()])
    bones = rng.choice(list(_RING_PLACES), count, replace=False, p=odds / odds.sum())
    metal = _metal(rng)
    rings = []
    for bone in bones:
        _, first, last = _RING_PLACES[int(bone)]
        stone = rng.random() < 0.3
        rings.append(
            Ring(
                bone=int(bone),
                # On a coarse grid: loops are kept.
                along=10 * round(rng.uniform(first, last) / 10),
                width_tenths=10 * int(rng.integers(2, 8 if rng.random() < 0.4 else 5)),
                thick_m=float(rng.uniform(0.0008, 0.0019)),
                bump=float(rng.uniform(1.2, 3)) if stone else 0.0,
                finish=_polished(rng, metal if rng.random() < 0.75 else _metal(rng), stone=stone),
            )
        )
    return rings


def _wrist_band(rng: np.random.Generator) -> WristBand:
    watch = rng.random() < 0.6
    draw = rng.random()
    metal = _polished(rng, _metal(rng), stone=False)
    if draw < (0.35 if watch else 0.55):
        finish = metal
    else:
        colour = srgb_to_linear(
            rng.uniform(8, 50, 3)
            if draw < 0.7
            else rng.uniform(15, 235, 3)
            if draw < 0.88
            else np.array([120, 70, 40])
        )
        finish = _matt(rng, colour, sheen=float(rng.uniform(0.01, 0.05)))
    return WristBand(
        along_m=float(rng.uniform(0.012, 0.03)),
        width_m=float(rng.uniform(0.014, 0.022) if watch else rng.uniform(0.0025, 0.014)),
        thick_m=float(rng.uniform(0.0018, 0.003) if watch else rng.uniform(0.002, 0.005)),
        finish=finish,
        case=_dial(rng, metal) if watch else None,
        case_radius_m=float(rng.uniform(0.013, 0.021)),
        case_thick_m=float(rng.uniform(0.006, 0.011)),
        square=float(rng.uniform(0.4, 1)) if rng.random() < 0.4 else 0.0,
    )


def _metal(rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    return _METALS[rng.choice(len(_METALS), p=_METAL_ODDS)] * rng.uniform(0.8, 1.05)


def _polished(rng: np.random.Generator, metal: Float[np.ndarray, "3"], *, stone: bool) -> Finish:
    colour = srgb_to_linear(rng.uniform(10, 200, 3)) if rng.random() < 0.6 else np.full(3, 0.5)
    return Finish(
        matt=0.12 * metal,
        mirror=metal,
        trim_matt=0.6 * colour if stone else 0.12 * metal,
        trim_mirror=0.4 * colour + 0.3 if stone else metal,
        waves=rng.normal(0, 3.2, (2, 3)),
        phases=rng.uniform(0, 2 * np.pi, 2),
    )


def _dial(rng: np.random.Generator, metal: Finish) -> Finish:
    draw = rng.random()
    face = rng.uniform(0.005, 0.03, 3) if draw < 0.6 else rng.uniform(0.6, 0.8, 3) if draw < 0.85 else None
    if face is None:
        face = srgb_to_linear(rng.uniform(10, 160, 3))
    return replace(metal, trim_matt=face, trim_mirror=np.full(3, 0.06))


def _matt(rng: np.random.Generator, colour: Float[np.ndarray, "3"], *, sheen: float) -> Finish:
    gloss = np.full(3, sheen)
    return Finish(colour, gloss, colour, gloss, rng.normal(0, 3, (2, 3)), rng.uniform(0, 2 * np.pi, 2))
