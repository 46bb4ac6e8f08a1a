"""Topology of two hands with their arms: a right one and its mirror image."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int

from knuckle.rig.hand_rig import HandRig
from knuckle.sets.samples import PARTS
from knuckle.synth.body.scene_mesh import SceneMesh, build_mesh


@dataclass(frozen=True, eq=False)
class PairMesh(SceneMesh):
    """Two hands, their arms, their sleeves, in this order for vertices and faces, the right one first each time.

    `face_part` adds 16 to the left hand's parts; `loop` holds both wrist loops. rows[side] are the places of
    `one.vertices` of the right (0) or left (1) hand.
    """

    one: SceneMesh
    rows: Int[np.ndarray, "2 v"]


@lru_cache(maxsize=4)
def build_pair_mesh(rig: HandRig) -> PairMesh:
    """The pair's mesh of a right rig; left faces are wound the other way round. Raises KnuckleError as `build_mesh`."""
    one = build_mesh(rig)
    first_sleeve = int(one.faces[one.first_sleeve :].min())
    kinds = np.split(np.arange(one.vertex_count), [one.hand_vertices, first_sleeve])
    rows = np.stack(
        [np.concatenate([kind + kind[0] + side * len(kind) for kind in kinds]) for side in (0, 1)]
    )
    pieces = [slice(0, one.first_arm), slice(one.first_arm, one.first_sleeve), slice(one.first_sleeve, None)]
    faces, uv_corner, face_part = [], [], []
    for piece in pieces:
        part = one.face_part[piece]
        faces += [rows[0][one.faces[piece]], rows[1][one.faces[piece]][:, ::-1]]
        uv_corner += [one.uv_corner[piece], one.uv_corner[piece][:, ::-1]]
        face_part += [part, np.where(part < 0, part, part + PARTS)]
    return PairMesh(
        faces=np.ascontiguousarray(np.concatenate(faces), np.int32),
        uv_corner=np.ascontiguousarray(np.concatenate(uv_corner), np.float32),
        face_part=np.concatenate(face_part).astype(np.int32),
        loop=rows[:, one.loop].ravel(),
        hand_vertices=2 * one.hand_vertices,
        vertex_count=2 * one.vertex_count,
        first_arm=2 * one.first_arm,
        first_sleeve=2 * one.first_sleeve,
        one=one,
        rows=rows,
    )
