"""The hands of a photo as named meshes in a viewer's axes, for the mesh formats."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.hands import Hands

VIEWER_FROM_CAMERA = np.array([1.0, -1.0, -1.0])
"""Signs from our camera frame (y down, z forward) to glTF's axes (y up, the camera looks along -z)."""


class NamedMesh(NamedTuple):
    """The mesh of one hand."""

    name: str
    """Side and index in the photo, such as "left_hand_0"."""
    vertices_m: Float[np.ndarray, "V 3"]
    """x right, y up, z towards the camera."""
    faces: Int[np.ndarray, "F 3"]


def named_meshes(hands: Hands) -> list[NamedMesh]:
    """The meshes of all hands; raises KnuckleError if hands have vertices but no triangles."""
    if len(hands) and not len(hands.faces):
        raise KnuckleError("hands: expected the mesh's faces (Hands.with_faces), got none")
    return [
        NamedMesh(f"{hand.side}_hand_{i}", hand.vertices_m * VIEWER_FROM_CAMERA, hands.faces_of(hand.side))
        for i, hand in enumerate(hands)
    ]
