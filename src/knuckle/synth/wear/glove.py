"""Gloves: the hand's surface as knit wool, leather or smooth rubber, with seams; and the cuff at the wrist."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, cast

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.scene_mesh import ARM_RINGS
from knuckle.synth.look.lighting import srgb_to_linear
from knuckle.synth.look.paint import waves
from knuckle.synth.look.render import Renderer
from knuckle.synth.look.shade import ALBEDO, BASE_SPECULAR, KEY_SPECULAR
from knuckle.synth.look.skin import Skin
from knuckle.synth.look.texels import MAP_SIZE, Texels, bleed, texels_of
from knuckle.synth.wear.light import Finish

_MAPS = 6
GloveKind = Literal["knit", "leather", "rubber"]
_ODDS = {"knit": 0.45, "leather": 0.35, "rubber": 0.2}
_LEATHERS = [(28, 25, 24), (62, 40, 28), (120, 82, 50), (180, 150, 110)]
_RUBBERS = [(70, 110, 190), (225, 228, 232), (30, 30, 34), (235, 200, 60), (90, 160, 120)]


@dataclass(frozen=True, eq=False)
class Glove:
    """kind and number of its detail map; linear colours of back and palm; the cuff's length and finish."""

    kind: GloveKind
    map: int
    colour: Float[np.ndarray, "3"]
    palm: Float[np.ndarray, "3"]
    gloss: float
    cuff_m: float
    finish: Finish

    def dress(self, skin: Skin) -> Skin:
        """A person's colours, the hand's being the glove's."""
        gloss = self.gloss
        return replace(
            skin, back=self.colour, palm=self.palm, nail=self.colour, gloss=gloss, nail_gloss=gloss
        )

    def detail(self, rig: HandRig) -> UInt8[np.ndarray, "s s 3"]:
        """The detail map of the gloved hand."""
        return glove_map(rig, self.kind, self.map)

    def bare_arm(self, renderer: Renderer, skin: Skin) -> None:
        """Give the forearm of a lit scene, which took the glove's colour, its skin back."""
        mesh = renderer.mesh
        arm = renderer.attributes[mesh.hand_vertices : mesh.hand_vertices + ARM_RINGS * len(mesh.loop) + 1]
        arm[:, ALBEDO : ALBEDO + 3] = skin.back
        arm[:, [KEY_SPECULAR, BASE_SPECULAR]] *= skin.gloss / self.gloss


def sample_glove(rng: np.random.Generator) -> Glove:
    """Draw a glove; some have a palm of another colour, as work gloves do."""
    kind = cast(GloveKind, rng.choice(list(_ODDS), p=list(_ODDS.values())))
    if kind == "knit":
        srgb = rng.uniform(15, 70) + rng.normal(0, 8, 3) if rng.random() < 0.5 else rng.uniform(20, 230, 3)
    else:
        choices = _LEATHERS if kind == "leather" else _RUBBERS
        srgb = np.array(choices[int(rng.integers(len(choices)))]) + rng.normal(0, 6, 3)
    colour = srgb_to_linear(np.clip(srgb, 10, 240))
    palm = srgb_to_linear(rng.uniform(20, 200, 3)) if kind == "knit" and rng.random() < 0.3 else colour
    sheen = np.full(3, 0.005 if kind == "knit" else 0.03)
    return Glove(
        kind=kind,
        map=int(rng.integers(_MAPS)),
        colour=colour,
        palm=palm,
        gloss=float({"knit": 0.02, "leather": rng.uniform(0.3, 1.0), "rubber": rng.uniform(0.6, 1.5)}[kind]),
        cuff_m=float(rng.uniform(0.02, 0.06)),
        finish=Finish(colour, sheen, colour, sheen, rng.normal(0, 3, (2, 3)), rng.uniform(0, 2 * np.pi, 2)),
    )


@lru_cache(maxsize=32)
def glove_map(rig: HandRig, kind: GloveKind, number: int) -> UInt8[np.ndarray, "s s 3"]:
    """A glove's detail map of a rig, 128 unchanged, as `hand_map` is one of skin."""
    texels = texels_of(rig)
    rng = np.random.default_rng([number, len(kind), 0x610F])
    shade = 1 + 0.05 * waves(texels.place, rng, [0.04, 0.018], [1, 0.6])
    if kind == "knit":
        shade *= _ribs(texels, rng)
    elif kind == "leather":
        shade += 0.06 * waves(texels.place, rng, [0.006, 0.004], [1, 0.8])
    if kind != "rubber":
        shade -= rng.uniform(0.25, 0.45) * _seams(texels)
    image = np.full((MAP_SIZE, MAP_SIZE, 3), 128, np.uint8)
    image[texels.filled] = np.clip(128 * shade, 0, 255)[:, None]
    return bleed(image, texels.filled)


def _ribs(texels: Texels, rng: np.random.Generator) -> Float[np.ndarray, "n"]:
    """Stitches: columns along the hand, rows across it."""
    pitch = rng.uniform(0.0028, 0.0045)
    x, y = 2 * np.pi * texels.place[:, 0] / pitch, 2 * np.pi * texels.place[:, 1] / (0.8 * pitch)
    depth = rng.uniform(0.12, 0.22)
    return 1 + depth * np.cos(x) + 0.5 * depth * np.cos(y + np.pi * np.sign(np.cos(x)) / 2)


def _seams(texels: Texels) -> Float[np.ndarray, "n"]:
    """Where back and palm of a glove are sewn together: along the fingers' sides."""
    return np.exp(-(((np.clip(texels.palm, 0, 1) - 0.5) / 0.09) ** 2))
