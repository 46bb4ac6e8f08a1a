"""The scene with a held thing in it: one mesh of hand, arm, thing and sleeve, lit and shaded as the plain one is."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.scene_mesh import SceneMesh, build_mesh
from knuckle.synth.look import shade
from knuckle.synth.look.lighting import LUMINANCE, Light, srgb_to_linear
from knuckle.synth.look.render import Renderer
from knuckle.synth.look.skin import Skin
from knuckle.synth.things.solid import Solids
from knuckle.synth.things.solid_mesh import SolidMesh, surface

LABELS = 64
_SLEEVE_V, _THING_V = (0.01, 0.48), (0.51, 0.48)
"""Where in the third detail map the sleeve's and the thing's patterns lie: first v and extent."""


@dataclass(frozen=True, eq=False)
class Look:
    """A thing's linear albedo, the id of its pattern, and how much of the light it mirrors (skin is 0.15 to 0.9)."""

    albedo: Float[np.ndarray, "3"]
    label: int
    gloss: float


def sample_look(rng: np.random.Generator) -> Look:
    """Draw a colour and a pattern: black and white plastic, wood, paint."""
    kind = rng.random()
    if kind < 0.22:
        albedo = np.full(3, rng.uniform(0.01, 0.08)) * rng.uniform(0.9, 1.1, 3)
    elif kind < 0.44:
        albedo = np.full(3, rng.uniform(0.35, 0.8)) * rng.uniform(0.92, 1.08, 3)
    elif kind < 0.56:
        albedo = srgb_to_linear(np.array([150, 105, 65]) * rng.uniform(0.5, 1.4) + rng.normal(0, 8, 3))
    else:
        albedo = srgb_to_linear(np.clip(rng.uniform(30, 200) + rng.normal(0, 60, 3), 8, 245))
    gloss = rng.uniform(0.0, 0.5) if rng.random() < 0.5 else rng.uniform(0.5, 2.5)
    return Look(np.clip(albedo, 0.008, 0.85), int(rng.integers(LABELS)), float(gloss))


@lru_cache(maxsize=LABELS)
def paint_label(seed: int) -> UInt8[np.ndarray, "64 64 3"]:
    """A thing's pattern: plain, a printed label, stripes round or along, checks, blots; 128 means unchanged."""
    rng = np.random.default_rng([seed, 0x1ABE1])
    size = 64
    y, x = np.mgrid[0:size, 0:size] / size
    tone = np.ones((size, size, 3)) + rng.uniform(0, 0.04) * rng.normal(size=(size, size, 1))
    other, ink = (np.full(3, rng.uniform(0.15, 1.9)) * rng.uniform(0.6, 1.4, 3) for _ in range(2))
    kind, waves, cut = rng.random(), int(rng.integers(2, 9)), rng.uniform(-0.7, 0.7)
    if kind < 0.35:
        low, high = np.sort(rng.uniform(0.05, 0.95, 2))
        tone[(y > low) & (y < max(high, low + 0.2))] *= other
        for _ in range(int(rng.integers(1, 7))):
            row, height = int(rng.uniform(low, max(high, low + 0.2)) * size), int(rng.integers(1, 5))
            left, right = np.sort(rng.integers(0, size, 2))
            words = rng.random(size) < rng.uniform(0.5, 1.0)
            words[:left], words[right:] = False, False
            tone[row : row + height, words] *= ink
    elif kind < 0.45:
        tone[np.sin(2 * np.pi * waves * y) > cut] *= other
    elif kind < 0.52:
        tone[np.sin(2 * np.pi * waves * x) > cut] *= other
    elif kind < 0.58:
        tone[np.sin(2 * np.pi * waves * x) * np.sin(2 * np.pi * waves * y) > 0] *= other
    elif kind < 0.68:
        tone[cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), rng.uniform(2, 6)) > 0.02] *= other
    elif kind < 0.76:
        tone[y > rng.uniform(0.6, 0.9)] *= other
    return np.clip(128 * tone, 0, 255).astype(np.uint8)


def add_solid(mesh: SceneMesh, solid: SolidMesh) -> SceneMesh:
    """The scene's mesh with room for a solid: its faces come before the sleeve's, its vertices last. Both take the
    third detail map."""
    cut = mesh.first_sleeve
    sleeve_uv = mesh.uv_corner[cut:].copy()
    sleeve_uv[..., 1] = _SLEEVE_V[0] + _SLEEVE_V[1] * (sleeve_uv[..., 1] % 1.0001)
    none = np.full(len(solid.faces), -1, np.int32)
    return replace(
        mesh,
        faces=np.concatenate([mesh.faces[:cut], solid.faces + mesh.vertex_count, mesh.faces[cut:]]).astype(
            np.int32
        ),
        uv_corner=np.concatenate([mesh.uv_corner[:cut], solid.corner, sleeve_uv]).astype(np.float32),
        face_part=np.concatenate([mesh.face_part[:cut], none, mesh.face_part[cut:]]).astype(np.int32),
        vertex_count=mesh.vertex_count + solid.vertex_count,
    )


class HeldRenderer(Renderer):
    """A renderer of a hand that holds a solid of one topology. Not for use by two threads at once."""

    def __init__(self, rig: HandRig, solid_mesh: SolidMesh, size: int) -> None:
        plain = build_mesh(rig)
        super().__init__(rig, add_solid(plain, solid_mesh), size)
        self._first, self._faces = plain.vertex_count, len(solid_mesh.faces)
        self._look = Look(np.full(3, 0.5), 0, 0.0)

    def put(
        self,
        solid: Solids,
        axes: Float[np.ndarray, "3 3"],
        centre: Float[np.ndarray, "3"],
        look: Look,
    ) -> None:
        """Put one solid into the scene: its axes as columns and its centre (m), camera frame."""
        vertices, corner = surface(solid)
        self.vertices[self._first :] = vertices @ axes.T + centre
        uv = self.mesh.uv_corner[self.mesh.first_sleeve : self.mesh.first_sleeve + self._faces]
        uv[..., 0] = corner[..., 0]
        uv[..., 1] = _THING_V[0] + _THING_V[1] * corner[..., 1]
        self._look = look

    def rasterise(self, *, sleeve: bool) -> np.ndarray:
        """Fill the doubled z-buffer; returns the faces that take part."""
        end = len(self.mesh.faces) if sleeve else self.mesh.first_sleeve + self._faces
        return self._fill(self.mesh.faces[:end])

    def illuminate(
        self, faces: np.ndarray, light: Light, skin: Skin, occlusion_axes: Float[np.ndarray, "k 3"]
    ) -> float:
        """Light every vertex; returns the mean luminance of light on the hand's front, for the exposure."""
        irradiance = super().illuminate(faces, light, skin, occlusion_axes)
        own = slice(self._first, None)
        thing, gloss = self.attributes[own], self._look.gloss
        thing[:, shade.ALBEDO : shade.ALBEDO + 3] = self._look.albedo
        thing[:, shade.KEY_SPECULAR] = self._specular[0, own] * gloss
        second = self._specular[1, own] * float(light.colours[1] @ LUMINANCE)
        even = 0.02 * self._light[own] @ LUMINANCE
        thing[:, shade.BASE_SPECULAR] = (second + even) * self.open_share[own, 1] * gloss
        return irradiance

    def shade(
        self, faces: np.ndarray, light: Light, maps: tuple[UInt8[np.ndarray, "h w 3"], ...]
    ) -> Float[np.ndarray, "s s 4"]:
        """The linear, premultiplied layer, overwritten by the next call; maps: of hand, arm and cloth."""
        hand_map, arm_map, cloth_map = maps
        both = np.concatenate([cloth_map, paint_label(self._look.label)])
        return super().shade(faces, light, (hand_map, arm_map, both))
