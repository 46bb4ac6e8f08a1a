"""Topology of what is rendered of a person: the rig's hand, and the rings of a forearm and a sleeve welded to its wrist
loop."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from knuckle.errors import KnuckleError
from knuckle.rig.hand_rig import HandRig

ARM_RINGS = 11
SLEEVE_RINGS = 10


@dataclass(frozen=True, eq=False)
class SceneMesh:
    """Topology of hand + forearm + sleeve; vertices and faces of the hand come first, then the arm's, then the
    sleeve's."""

    faces: Int[np.ndarray, "f 3"]
    uv_corner: Float[np.ndarray, "f 3 2"]
    """Texture coordinates; the texture repeats every unit."""
    face_part: Int[np.ndarray, "f"]
    """MANO16 part of the hand's faces, -1 elsewhere."""
    loop: Int[np.ndarray, "l"]
    """Vertices of the hand's edge at the wrist, in order."""
    hand_vertices: int
    """How many there are."""
    vertex_count: int
    """Of all."""
    first_arm: int
    """First face of the arm."""
    first_sleeve: int
    """First face of the sleeve."""


@lru_cache(maxsize=4)
def build_mesh(rig: HandRig) -> SceneMesh:
    """Topology of a rig with an arm; the wrist's cap, if the rig has one, is left out.

    Raises KnuckleError for a rig without texture coordinates, labels or a wrist loop.
    """
    if rig.wrist_loop is None or rig.uv_corner is None or rig.part_label is None:
        raise KnuckleError(f"rig {rig.name}: rendering needs its wrist_loop, uv_corner and part_label")
    keep = (
        ~(rig.faces == rig.cap_vertex).any(1) if rig.cap_vertex is not None else np.ones(len(rig.faces), bool)
    )
    hand = rig.faces[keep]
    loop = np.asarray(rig.wrist_loop)
    edges = {(int(a), int(b)) for face in hand for a, b in zip(face, np.roll(face, -1), strict=True)}
    if (int(loop[0]), int(loop[1])) not in edges:
        loop = loop[::-1]
    count, sides = len(rig.vertices), len(loop)
    arm_ids = [loop, *(count + sides * ring + np.arange(sides) for ring in range(ARM_RINGS))]
    arm_end = count + sides * ARM_RINGS
    sleeve_ids = [arm_end + 1 + sides * ring + np.arange(sides) for ring in range(SLEEVE_RINGS)]
    arm, arm_uv = _tube(arm_ids, cap=arm_end)
    sleeve, sleeve_uv = _tube(sleeve_ids, cap=None)
    labels = np.asarray(rig.part_label)[hand]
    part = np.array([np.bincount(row, minlength=16).argmax() for row in labels])
    return SceneMesh(
        faces=np.ascontiguousarray(np.concatenate([hand, arm, sleeve]), np.int32),
        uv_corner=np.ascontiguousarray(
            np.concatenate([np.asarray(rig.uv_corner)[keep], arm_uv, sleeve_uv]), np.float32
        ),
        face_part=np.concatenate([part, np.full(len(arm) + len(sleeve), -1)]).astype(np.int32),
        loop=loop,
        hand_vertices=count,
        vertex_count=arm_end + 1 + sides * SLEEVE_RINGS,
        first_arm=len(hand),
        first_sleeve=len(hand) + len(arm),
    )


def _tube(rings: list[np.ndarray], *, cap: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Faces and uv of a tube; ring 0's edges i -> i+1 belong to a face on the other side of it."""
    sides, faces, uv = len(rings[0]), [], []
    for ring, (near, far) in enumerate(pairwise(rings)):
        for i in range(sides):
            j = (i + 1) % sides
            u0, u1, v0, v1 = i / sides, (i + 1) / sides, ring / len(rings), (ring + 1) / len(rings)
            faces += [(near[j], near[i], far[i]), (near[j], far[i], far[j])]
            uv += [((u1, v0), (u0, v0), (u0, v1)), ((u1, v0), (u0, v1), (u1, v1))]
    if cap is not None:
        for i in range(sides):
            faces.append((rings[-1][(i + 1) % sides], rings[-1][i], cap))
            uv.append(((0.0, 0.0),) * 3)
    return np.array(faces), np.array(uv)
