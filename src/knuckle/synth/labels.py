"""Labels of a rendered scene: which joints are visible; masks, depth and normals of a lone hand."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

from knuckle.raster.numba_raster import rasterise
from knuckle.sets.samples import Sample
from knuckle.skeleton import COMMON_TO_MANO16, MANO16_FINGER, MANO16_PARENTS
from knuckle.synth.camera.placement import Placement, inside_frame
from knuckle.synth.look.mesh_kernels import joint_visibility
from knuckle.synth.look.render import Renderer

_TIPS = {4: 15, 8: 3, 12: 6, 16: 12, 20: 9}
"""Part of the tips, in the common order."""
_REACH_M = np.array([0.045, *[0.024, 0.018, 0.015, 0.011] * 5])
_REACH_M[1] = 0.035
"""How far a surface may lie before its own joint: a little more than half the flesh's thickness."""


class Scene(NamedTuple):
    """What a crop was rendered from, beside the renderer's buffers: the faces that took part, the mask (0..255) of
    what stands before the hands, camera and crop, and the renderer."""

    faces: np.ndarray
    occluder: UInt8[np.ndarray, "s s"]
    placement: Placement
    renderer: Renderer


def visible_joints(
    scene: Scene, joints: Float[np.ndarray, "n 3"], joints_px: Float[np.ndarray, "n 2"]
) -> Bool[np.ndarray, "n"]:
    """Which of the 21 joints of every hand (m, camera frame; px of the crop) lie in the frame with nothing but their
    own part of the finger, or its neighbour, before them."""
    part, parents, reach = _chains(len(joints) // len(_REACH_M))
    renderer, visible = scene.renderer, np.zeros(len(joints), bool)
    joint_visibility(
        joints_px, np.ascontiguousarray(joints[:, 2]), part, parents, reach, renderer.face_id, renderer.depth,
        renderer.mesh.face_part, scene.occluder, visible,
    )  # fmt: skip
    return visible & inside_frame(scene.placement.camera, joints)


def add_full_labels(sample: Sample, scene: Scene) -> None:
    """Fill in a lone hand's vertices, masks, depth and normals, at pixel centres of the crop."""
    size, mesh, renderer = len(sample.image), scene.renderer.mesh, scene.renderer
    in_front = renderer.projected.copy()
    face_id, depth, bary = rasterise(in_front, scene.faces, size, size)
    on_hand = (face_id >= 0) & (face_id < mesh.first_arm)
    part = np.where(on_hand, mesh.face_part[np.maximum(face_id, 0)], -1)
    seen = on_hand & (scene.occluder <= 127)
    finger = np.array(MANO16_FINGER)[np.maximum(part, 0)]
    corners = renderer.normals[scene.faces[np.maximum(face_id, 0)]]
    normals = (corners * bary[..., None]).sum(2)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True) + 1e-12
    sample.vertices_m = renderer.vertices[: mesh.hand_vertices].astype(np.float32)
    sample.part_mask = np.where(seen, part + 1, 0).astype(np.uint8)
    sample.finger_mask = np.where(seen, finger + 1, 0).astype(np.uint8)
    sample.depth_m = np.where(on_hand, depth, np.inf).astype(np.float32)
    sample.normals = np.where(on_hand[..., None], normals, 0).astype(np.float32)


@lru_cache(maxsize=2)
def _chains(hands: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part that each of the hands' joints lies in, every part's parent (-1 at the wrists), and the joints' reach;
    a second hand's parts follow the first one's."""
    part = np.zeros(len(_REACH_M), np.int64)
    for mano, common in enumerate(COMMON_TO_MANO16):
        part[common] = mano
    for tip, mano in _TIPS.items():
        part[tip] = mano
    parents = np.array(MANO16_PARENTS, np.int64)
    first = len(parents) * np.arange(hands)[:, None]
    return (
        (part + first).ravel(),
        np.where(parents < 0, -1, parents + first).ravel(),
        np.tile(_REACH_M, hands),
    )
