"""What people wear and how they look: skin, hair, a top, trousers, shoes, gloves; and paint on faces."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.raster.numba_raster import rasterise
from knuckle.rig.hand_rig import HandRig
from knuckle.synth.look.lighting import srgb_to_linear
from knuckle.synth.look.paint import hand_map, paint_cloth, waves
from knuckle.synth.look.skin import Skin, sample_skin
from knuckle.synth.scenes.body import SIDE_NAMES, Body
from knuckle.synth.scenes.figure import Material
from knuckle.synth.studio import ARM_MAPS, CLOTH_MAPS, HAND_MAPS
from knuckle.synth.wear.glove import Glove, sample_glove

HAIR, SHOES, TOP, TROUSERS = 0, 1, 2, 3
"""Columns of the covers, the outermost first."""
FACE_MAPS, _FACE_SIDE = 24, 384
_HAIRS = np.array(
    [[12, 10, 9], [30, 20, 14], [60, 38, 22], [105, 72, 40], [160, 125, 75], [150, 148, 145], [95, 40, 20]]
)
GLOVE_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Look:
    """How a person looks."""

    skin: Skin
    covers: Float[np.ndarray, "v 4"]
    thickness: Float[np.ndarray, "4"]
    """Of hair, shoes, top and trousers, m."""
    smoothing: int
    """Rounds by which cloth is smoother than the body, 0 to 7."""
    materials: list[Material]
    """Skin of the body and of the hands, then hair, shoes, top, trousers."""
    glove: Glove | None


@lru_cache(maxsize=2)
def limbs(body: Body) -> tuple[Float[np.ndarray, "v"], Float[np.ndarray, "v"]]:
    """How far along the arm (0 shoulder, 1 wrist) and along the leg (0 hip, 1 ankle) each vertex lies; -1 elsewhere."""
    chains = (("clavicle", "upperarm01", "lowerarm01", "wrist"), ("", "upperleg01", "lowerleg01", "foot"))
    found = np.full((2, len(body.vertices)), -1.0)
    main = body.weights.argmax(1)
    for row, chain in enumerate(chains):
        for side in SIDE_NAMES:
            own = [body.bone(f"{name}.{side}") for name in chain if name]
            points = body.heads[own[-3:]]
            extra = [body.bone(f"lowerarm02.{side}")] if row == 0 else []
            mine = np.isin(main, own[-3:] + extra)
            lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
            at = body.vertices[mine]
            best, along = np.full(len(at), np.inf), np.zeros(len(at))
            for part in (0, 1):
                step = points[part + 1] - points[part]
                share = ((at - points[part]) @ step) / (step @ step)
                limit = np.clip(share, None if part == 0 else 0, 1 if part == 0 else None)
                away = np.linalg.norm(at - points[part] - limit[:, None] * step, axis=1)
                nearer = away < best
                best[nearer] = away[nearer]
                along[nearer] = ((lengths[:part].sum() + limit * lengths[part]) / lengths.sum())[nearer]
            found[row, mine] = np.maximum(along, 0)
    return found[0], found[1]


def sample_look(body: Body, rig: HandRig, rng: np.random.Generator) -> Look:
    """Draw a person's skin, hair and clothes."""
    skin = sample_skin(rng, hand_maps=HAND_MAPS, arm_maps=ARM_MAPS, cloth_maps=CLOTH_MAPS)
    glove = sample_glove(rng) if rng.random() < GLOVE_SHARE else None
    covers = np.stack([_hair(body, rng), _shoes(body, rng), *_clothes(body, rng)], 1)
    covers[body.hands.ravel()] = -1
    thickness = np.array([
        rng.uniform(0.008, 0.035), rng.uniform(0.01, 0.018), np.exp(rng.uniform(np.log(0.003), np.log(0.018))),
        np.exp(rng.uniform(np.log(0.004), np.log(0.022))),
    ])  # fmt: skip
    hair = srgb_to_linear(_HAIRS[int(rng.integers(len(_HAIRS)))] * rng.uniform(0.8, 1.25))
    if rng.random() < 0.05:
        hair = srgb_to_linear(rng.uniform(20, 220, 3))
    hand = hand_map(rig, skin.hand_map) if glove is None else glove.detail(rig)
    shoe, trousers = (paint_cloth(int(rng.integers(CLOTH_MAPS))) for _ in range(2))
    shoe_colour, trousers_colour = _colour(rng), _colour(rng)
    repeats = rng.uniform(3, 8, 2)
    materials = [
        Material(face_map(body, int(rng.integers(FACE_MAPS))), gloss=skin.gloss),
        Material(hand, gloss=skin.gloss if glove is None else glove.gloss),
        Material(_strands(int(rng.integers(8))), albedo=hair, repeat=3, gloss=0.35),
        Material(shoe, albedo=shoe_colour, repeat=4, gloss=float(rng.uniform(0, 0.8))),
        Material(paint_cloth(skin.cloth_map), albedo=skin.cloth, repeat=float(repeats[0]), gloss=0.03),
        Material(trousers, albedo=trousers_colour, repeat=float(repeats[1]), gloss=0.03),
    ]
    return Look(skin, covers, thickness, int(rng.integers(1, 8)), materials, glove)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Of cloth: often dark, sometimes light, sometimes like skin."""
    kind = rng.random()
    if kind < 0.4:
        srgb = rng.uniform(12, 70) + rng.normal(0, 10, 3)
    elif kind < 0.6:
        srgb = rng.uniform(150, 235) + rng.normal(0, 8, 3)
    elif kind < 0.7:
        srgb = np.array([200, 160, 135]) * rng.uniform(0.5, 1.15) + rng.normal(0, 8, 3)
    else:
        srgb = rng.uniform(30, 200) + rng.normal(0, 45, 3)
    return srgb_to_linear(np.clip(srgb, 8, 250))


def _hair(body: Body, rng: np.random.Generator) -> np.ndarray:
    """Inside a cap behind the hairline, on some down the neck; some people are bald."""
    head = body.heads[body.bone("head")]
    away = body.vertices - head - np.array([0, -0.02, 0.09])
    normal = np.array([0, rng.uniform(0.35, 0.75), rng.uniform(0.65, 0.95)])
    normal /= np.linalg.norm(normal)
    cover = away @ normal - rng.uniform(0.015, 0.045)
    if rng.random() < 0.35:
        # Long hair goes down behind the ears.
        cover = np.maximum(
            cover, np.minimum(away[:, 1] - rng.uniform(-0.005, 0.02), away[:, 2] + rng.uniform(0.08, 0.2))
        )
    if rng.random() < 0.1:
        cover -= 1
    cover[body.weights[:, body.bone("head")] + body.weights[:, body.bone("neck01")] < 0.5] = -1
    cover[body.masks["eyes"] > 0.5] = -1
    return cover


def _shoes(body: Body, rng: np.random.Generator) -> np.ndarray:
    """Shoes, boots or socks; bare feet in every third person."""
    _, leg = limbs(body)
    if rng.random() < 0.33:
        return np.full(len(leg), -1.0)
    return np.where(leg >= 0, 0.8 * (leg - rng.choice([0.97, 0.93, 0.8, 0.6], p=[0.5, 0.25, 0.15, 0.1])), -1)


def _clothes(body: Body, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Covers of the top and of trousers of any length, or a dress; sleeves from none to over the wrist."""
    arm, leg = limbs(body)
    z, x, y = body.vertices[:, 2], np.abs(body.vertices[:, 0]), body.vertices[:, 1]
    hip, neck = body.heads[body.bone("upperleg01.L")][2], body.heads[body.bone("neck01")][2]
    sleeve = rng.choice(
        [rng.uniform(-0.02, 0.06), rng.uniform(0.2, 0.5), rng.uniform(0.6, 0.9), 1.0],
        p=[0.1, 0.35, 0.12, 0.43],
    )
    collar = neck - rng.uniform(-0.02, 0.05)
    # Rounder or pointed in front.
    dip = rng.choice([0.3, rng.uniform(0.5, 1.6)], p=[0.6, 0.4])
    neckline = np.where(y < 0, collar - z - dip * np.maximum(0.07 - x, 0), collar + 0.03 - z)
    hem = hip + (rng.uniform(-0.12, 0.1) if rng.random() < 0.85 else rng.uniform(-0.5, -0.15))
    top = np.where(arm > 0, (sleeve - arm) * 0.5, np.minimum(neckline, z - hem))
    if rng.random() < 0.03:
        top[:] = -1
    length = rng.choice([rng.uniform(0.15, 0.55), rng.uniform(0.6, 0.9), 1.0], p=[0.25, 0.1, 0.65])
    waist = hip + rng.uniform(0.02, 0.12)
    trousers = np.where(leg >= 0, (length - leg) * 0.8, np.where(arm > 0, -1, np.minimum(waist - z, 0.3)))
    head = body.weights[:, body.bone("head")] > 0.5
    top[head], trousers[head] = -1, -1
    return top, trousers


@lru_cache(maxsize=8)
def _strands(seed: int) -> UInt8[np.ndarray, "64 64 3"]:
    rng = np.random.default_rng([seed, 0x4A12])
    shade = 1 + 0.5 * rng.normal(size=(1, 64, 1)) * np.ones((64, 1, 1)) + 0.15 * rng.normal(size=(64, 64, 1))
    return np.clip(128 * shade, 20, 255).astype(np.uint8).repeat(3, 2)


@lru_cache(maxsize=2)
def _head_texels(body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Which texels of the body's map belong to the head, and where they lie at rest."""
    head = (body.weights[:, body.bone("head")] > 0.5)[body.faces].all(1) & (body.face_hand < 0)
    corners = body.uv_corner[head].reshape(-1, 2).astype(float)
    uv_px = np.concatenate([corners * _FACE_SIDE - 0.5, np.ones((len(corners), 1))], 1)
    face_id, _, bary = rasterise(uv_px, np.arange(len(uv_px)).reshape(-1, 3), _FACE_SIDE, _FACE_SIDE)
    filled = face_id >= 0
    triangles = body.faces[head][face_id[filled]]
    return filled, (body.vertices[triangles] * bary[filled].astype(float)[..., None]).sum(1)


@lru_cache(maxsize=FACE_MAPS)
def face_map(body: Body, seed: int) -> UInt8[np.ndarray, "s s 3"]:
    """One person's map of the skin: brows, lashes, beard, blush and blotches on the face, 128 elsewhere."""
    filled, place = _head_texels(body)
    rng = np.random.default_rng([seed, 0xFACE])
    eyes = body.vertices[body.masks["eyes"] > 0.5]
    eye = np.array([np.abs(eyes[:, 0]).mean(), eyes[:, 1].min(), eyes[:, 2].mean()])
    x, y, z = np.abs(place[:, 0]) - eye[0], place[:, 1] - eye[1], place[:, 2] - eye[2]
    front = np.clip((0.045 - y) / 0.03, 0, 1)
    shade = np.ones((len(place), 3))
    shade += (0.035 * waves(place, rng, [0.05, 0.02, 0.01], [1, 0.7, 0.5]))[:, None] * [0.6, 1, 1]
    height, thick = rng.uniform(0.019, 0.026), rng.uniform(0.0028, 0.0055)
    arch = height + rng.uniform(-0.1, 0.25) * x - 6 * np.maximum(x - 0.01, 0) ** 2
    brow = np.exp(-(((z - arch) / thick) ** 2)) * (np.abs(x - 0.002) < 0.024) * front
    shade *= 1 - (rng.uniform(0.3, 0.85) * brow)[:, None]
    lashes = np.exp(-(((np.hypot(x, 1.5 * z) - 0.016) / 0.003) ** 2)) * (z > -0.004) * front
    shade *= 1 - (rng.uniform(0.1, 0.6) * lashes)[:, None]
    cheeks = np.exp(-((x / 0.022) ** 2) - ((z + 0.035) / 0.022) ** 2) * front
    shade -= (rng.uniform(0, 0.2) * cheeks)[:, None] * [-0.1, 1, 0.8]
    if rng.random() < 0.35:
        beard = np.clip((-0.05 - z + 0.25 * np.maximum(np.abs(place[:, 0]) - 0.03, 0) * 2) / 0.012, 0, 1)
        beard *= np.clip((z + 0.16) / 0.03, 0, 1) * np.clip((0.1 - y) / 0.03, 0, 1)
        shade *= 1 - (rng.uniform(0.25, 0.9) * beard * (0.85 + 0.15 * rng.normal(size=len(z))))[:, None]
    image = np.full((_FACE_SIDE, _FACE_SIDE, 3), 128, np.uint8)
    image[filled] = np.clip(128 * shade, 4, 255)
    return image
