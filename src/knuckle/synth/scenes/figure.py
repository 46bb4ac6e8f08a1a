"""What stands before the camera of a scene: meshes with what they are made of, and the hands that they have."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, UInt8

from knuckle.skeleton import Side


@dataclass(frozen=True, eq=False)
class Material:
    """How a surface looks."""

    texture: UInt8[np.ndarray, "h w 3"]
    """Times the albedo; 128 means 1."""
    albedo: Float[np.ndarray, "3"] | None = None
    """Linear; None takes that of the vertices."""
    repeat: float = 1.0
    """How often the texture fits into a unit of the texture coordinates."""
    gloss: float = 0.0
    """How much of the light it mirrors; skin is 0.15 to 0.9."""


@dataclass(frozen=True, eq=False)
class FigureHand:
    """A hand of a figure: its side and its 21 joints, m, camera frame."""

    side: Side
    joints: Float[np.ndarray, "21 3"]


@dataclass(eq=False)
class Figure:
    """One thing of a scene, lit for itself: a person, an arm with what its hand holds, a thing."""

    vertices: Float[np.ndarray, "v 3"]
    """Camera frame, m."""
    faces: Int[np.ndarray, "f 3"]
    """Counter-clockwise seen from outside."""
    uv_corner: Float[np.ndarray, "f 3 2"]
    face_material: Int[np.ndarray, "f"]
    face_hand: Int[np.ndarray, "f"]
    """Number of the hand in `hands`, -1 where none."""
    albedo: Float[np.ndarray, "v 3"]
    materials: list[Material]
    hands: list[FigureHand] = field(default_factory=list)
    covers: Float[np.ndarray, "v c"] | None = None
    """How far (m) a vertex lies inside each of the c last materials, those of clothes and hair; below 0 outside."""
    shine: Float[np.ndarray, "v"] | None = None
    """Times the materials' gloss."""

    def moved(self, turn: Float[np.ndarray, "3 3"], by: Float[np.ndarray, "3"]) -> "Figure":
        """The figure turned and then moved, in place; returns it."""
        self.vertices = self.vertices @ turn.T + by
        self.hands = [FigureHand(hand.side, hand.joints @ turn.T + by) for hand in self.hands]
        return self
