"""What the mesh formats share: the hands of a photo as named meshes in a viewer's axes."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import OPENGL_FROM_CAMERA
from knuckle.hands import Hands


class NamedMesh(NamedTuple):
    """One hand: "left_hand_0" is the photo's first hand, a left one. Metres, x right, y up, z towards the
    camera."""

    name: str
    vertices_m: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]


def named_meshes(hands: Hands) -> list[NamedMesh]:
    """The hands' meshes; raises KnuckleError when hands have vertices but no triangles."""
    if len(hands) and not len(hands.faces):
        raise KnuckleError("hands: expected the mesh's faces (Hands.with_faces), got none")
    return [
        NamedMesh(f"{hand.side}_hand_{i}", hand.vertices_m * OPENGL_FROM_CAMERA, hands.faces_of(hand.side))
        for i, hand in enumerate(hands)
    ]
