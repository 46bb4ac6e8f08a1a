"""What a hand wears, and how it is put on: rings, a watch or a bracelet, rarely a glove."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from knuckle.rig.hand_rig import HandRig
from knuckle.synth.camera.placement import Placement
from knuckle.synth.look.lighting import Light
from knuckle.synth.look.render import Renderer
from knuckle.synth.look.skin import Skin
from knuckle.synth.wear.glove import Glove
from knuckle.synth.wear.light import Finish, put_on
from knuckle.synth.wear.mesh import band, finger_loop, watch_case, wrist_loop


@dataclass(frozen=True)
class Ring:
    """A ring on a finger."""

    bone: int
    """The MANO16 joint below it."""
    along: int
    """Distance from that joint, tenths of a mm."""
    width_tenths: int
    """Along the finger, tenths of a mm."""
    thick_m: float
    bump: float
    """Height of its stone, in thicknesses; 0 for none."""
    finish: Finish


@dataclass(frozen=True)
class WristBand:
    """A bracelet, or the strap of a watch. Lengths are for an adult; they are scaled with the wrist."""

    along_m: float
    """Distance from where the hand ends."""
    width_m: float
    """Along the arm."""
    thick_m: float
    finish: Finish
    case: Finish | None
    """The watch's case; None for a bracelet, which does not use what follows."""
    case_radius_m: float
    case_thick_m: float
    square: float
    """The case's shape: 0 round, 1 nearly square."""


@dataclass(frozen=True)
class Worn:
    """What one hand wears; nothing by default."""

    rings: list[Ring] = field(default_factory=list)
    bands: list[WristBand] = field(default_factory=list)
    glove: Glove | None = None

    def dress(self, skin: Skin) -> Skin:
        """Colours of the hand: the glove's, or its own."""
        return skin if self.glove is None else self.glove.dress(skin)

    def put_on(
        self,
        layer: Float[np.ndarray, "s s 4"],
        renderer: Renderer,
        rig: HandRig,
        placement: Placement,
        light: Light,
        *,
        sleeve: bool,
    ) -> None:
        """Draw what is worn into the layer of a hand that is shaded. Under a sleeve there is nothing at the wrist but a
        glove's cuff."""
        mesh, vertices = renderer.mesh, renderer.vertices
        for ring in self.rings:
            edges = tuple(
                finger_loop(rig, ring.bone, ring.along + side * ring.width_tenths // 2) for side in (-1, 1)
            )
            solid = band(renderer, (edges[0], edges[1]), thick_m=ring.thick_m, bump=ring.bump)
            put_on(layer, renderer, placement, light, solid, ring.finish)
        if self.glove is not None:
            edges = (
                wrist_loop(rig, mesh, vertices, 0.001),
                wrist_loop(rig, mesh, vertices, self.glove.cuff_m),
            )
            cuff = band(renderer, edges, thick_m=0.0035, hollow=True)
            put_on(layer, renderer, placement, light, cuff, self.glove.finish)
        if sleeve:
            return
        scale = _breadth(vertices[mesh.loop]) / _breadth(rig.vertices[mesh.loop])
        for item in self.bands:
            low, high = (
                wrist_loop(rig, mesh, vertices, scale * (item.along_m + side * item.width_m / 2))
                for side in (-1, 1)
            )
            solid = band(renderer, (low, high), thick_m=scale * item.thick_m)
            put_on(layer, renderer, placement, light, solid, item.finish)
            if item.case is not None:
                case = watch_case(
                    renderer,
                    (low, high),
                    radius_m=scale * item.case_radius_m,
                    thick_m=scale * item.case_thick_m,
                    square=item.square,
                )
                put_on(layer, renderer, placement, light, case, item.case)


def _breadth(loop: Float[np.ndarray, "n 3"]) -> float:
    return float(np.linalg.norm(loop - loop.mean(0), axis=1).mean())
