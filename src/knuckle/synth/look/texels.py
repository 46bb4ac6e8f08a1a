"""Where the texels of the hand's detail maps lie on the rest hand, and maps without a seam."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float

from knuckle.raster.numba_raster import rasterise
from knuckle.rig.hand_rig import HandRig
from knuckle.synth.body.scene_mesh import SceneMesh, build_mesh

MAP_SIZE = 256


@dataclass(frozen=True, eq=False)
class Texels:
    """Where the hand's texels lie on the rest mesh (m), and how far each is on the palm's side (0..1)."""

    filled: Bool[np.ndarray, "s s"]
    place: Float[np.ndarray, "n 3"]
    palm: Float[np.ndarray, "n"]
    joints: Float[np.ndarray, "21 3"]
    axes: Float[np.ndarray, "16 3 3"]
    loop_centre: Float[np.ndarray, "3"]


def find_texels(rig: HandRig, mesh: SceneMesh) -> Texels:
    """Rasterise the hand's texture coordinates."""
    faces = mesh.faces[: mesh.first_arm]
    corners = mesh.uv_corner[: mesh.first_arm].reshape(-1, 2).astype(float)
    uv_px = np.concatenate([corners * MAP_SIZE - 0.5, np.ones((len(corners), 1))], 1)
    face_id, _, bary = rasterise(uv_px, np.arange(len(uv_px)).reshape(-1, 3), MAP_SIZE, MAP_SIZE)
    filled = face_id >= 0
    triangles, weights = faces[face_id[filled]], bary[filled].astype(float)
    palm_side = np.zeros(len(rig.vertices)) if rig.palm_side is None else np.asarray(rig.palm_side) / 255.0
    return Texels(
        filled=filled,
        place=(rig.vertices[triangles] * weights[..., None]).sum(1),
        palm=(palm_side[triangles] * weights).sum(1),
        joints=np.asarray(rig.joints_rest_m, float),
        axes=np.asarray(rig.axes, float),
        loop_centre=rig.vertices[mesh.loop].mean(0),
    )


@lru_cache(maxsize=2)
def texels_of(rig: HandRig) -> Texels:
    """`find_texels` of a rig, found once a process."""
    return find_texels(rig, build_mesh(rig))


def bleed(image: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Give the texels outside the chart the nearest one's value, so bilinear sampling sees no seam."""
    _, nearest = cv2.distanceTransformWithLabels(
        (~filled).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    label = np.asarray(nearest, np.int64)
    table = np.zeros((label.max() + 1, 3), np.uint8)
    table[label[filled]] = image[filled]
    return np.ascontiguousarray(table[label])
