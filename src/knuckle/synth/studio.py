"""From a rasterised scene to a photograph: what crops of one hand and of two have in common."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.rig.hand_rig import HandRig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.camera.hard_conditions import Shot
from knuckle.synth.camera.photo import hide_beyond_frame, photograph
from knuckle.synth.camera.placement import Placement, frame_window
from knuckle.synth.look import clutter
from knuckle.synth.look.background import Backgrounds, backgrounds_folder
from knuckle.synth.look.lighting import load_environments, sample_light, srgb_curve
from knuckle.synth.look.paint import hand_map, paint_arm, paint_cloth
from knuckle.synth.look.render import Renderer
from knuckle.synth.look.shade import composite
from knuckle.synth.look.skin import sample_skin
from knuckle.synth.options import SynthOptions
from knuckle.synth.wear.worn import Worn

HAND_MAPS, ARM_MAPS, CLOTH_MAPS = 48, 16, 48
Image = UInt8[np.ndarray, "s s 3"]


class Outfit(NamedTuple):
    """What a hand wears, where it stands, and whether a sleeve hides its wrist."""

    worn: Worn
    placement: Placement
    sleeve: bool


class Studio:
    """Backgrounds, light, skin, things in front of the hands and the camera's flaws, drawn from the options' kind."""

    def __init__(self, rig: HandRig, options: SynthOptions) -> None:
        self.rig, self.size = rig, options.size
        folder = backgrounds_folder() if options.backgrounds == "auto" else None
        self.backgrounds = Backgrounds(folder)
        self.environment_names, self.environments = load_environments(folder)

    def backdrop(self, rng: np.random.Generator) -> tuple[Image, int | None]:
        """What stands behind the hands, and the environment it was taken in, if known."""
        image, name = self.backgrounds.draw(rng, self.size)
        if rng.random() < 0.35:
            clutter.add_clutter(image, rng, self.backgrounds)
        if rng.random() < 0.15:
            clutter.add_skin_shapes(image, rng, count=int(rng.integers(1, 4)), faces=False)
        return image, self.environment_of(name)

    def environment_of(self, background: str | None) -> int | None:
        """The index of a background's environment."""
        return self.environment_names.index(background) if background in self.environment_names else None

    def paint(
        self,
        image: Image,
        renderer: Renderer,
        faces: np.ndarray,
        rng: np.random.Generator,
        preferred: int | None,
        *,
        outfit: Outfit | None = None,
        shot: Shot | None = None,
    ) -> None:
        """Light and shade the rasterised scene, with what the hand wears, and put it over the image."""
        light = sample_light(rng, self.environments, preferred=preferred)
        skin = sample_skin(rng, hand_maps=HAND_MAPS, arm_maps=ARM_MAPS, cloth_maps=CLOTH_MAPS)
        turn = rodrigues(rng.normal(size=3) * 1.5)
        dressed = skin if outfit is None else outfit.worn.dress(skin)
        irradiance = renderer.illuminate(faces, light, dressed, np.ascontiguousarray(renderer.axes @ turn.T))
        detail = hand_map(self.rig, skin.hand_map)
        if outfit is not None and outfit.worn.glove is not None:
            detail = outfit.worn.glove.detail(self.rig)
            outfit.worn.glove.bare_arm(renderer, skin)
        layer = renderer.shade(faces, light, (detail, paint_arm(skin.arm_map), paint_cloth(skin.cloth_map)))
        if outfit is not None:
            outfit.worn.put_on(layer, renderer, self.rig, outfit.placement, light, sleeve=outfit.sleeve)
        if shot is not None:
            layer = shot.smear(layer)
        exposure = min(float(rng.lognormal(-0.22, 0.24)), 1.25) / max(irradiance, 0.05)
        composite(layer, exposure, srgb_curve(), image)

    def occlude(
        self, image: Image, rng: np.random.Generator, joints_px: Float[np.ndarray, "n 2"]
    ) -> UInt8[np.ndarray, "s s"]:
        """Put an object before the hands in 22 % of the crops; its mask."""
        occluder = np.zeros((self.size, self.size), np.uint8)
        if rng.random() < 0.22:
            fill, occluder = clutter.draw_occluder(rng, self.backgrounds, joints_px, self.size)
            clutter.blend(image, fill, occluder)
        return occluder

    def photograph(
        self, image: Image, placement: Placement, rng: np.random.Generator, *, shot: Shot | None = None
    ) -> Image:
        """The finished crop: nothing from beyond the frame, and the camera's flaws."""
        image = hide_beyond_frame(image, frame_window(placement), rng)
        if shot is not None:
            image = shot.expose(image)
        image = photograph(image, rng, side_px=placement.crop.side_px)
        return image if shot is None else shot.develop(image)
