"""Meshes as the camera sees them in a crop: which part of the hand is at every pixel."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from knuckle.errors import KnuckleError
from knuckle.geometry.crop import Crop, apply_affine
from knuckle.geometry.projection import project
from knuckle.raster import numpy_raster
from knuckle.rig.hand_rig import HandRig
from knuckle.skeleton import FINGERS, MANO16_FINGER

REGIONS = ("background", "palm", *FINGERS)
"""Names of the values of a region map."""

FaceIds = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


class LabelledFaces(NamedTuple):
    """Triangles of a mesh of `vertex_count` vertices, and the region (1 palm, 2..6 thumb to pinky) of each."""

    vertex_count: int
    faces: Int[np.ndarray, "F 3"]
    regions: Int[np.ndarray, "F"]


def labelled_faces(rig: HandRig) -> LabelledFaces:
    """A rig's faces by finger: a vertex belongs to the joint that moves it most, a face to most of its vertices."""
    finger = np.array(MANO16_FINGER)[rig.skin_weights.argmax(axis=1)]
    corners = finger[rig.faces]
    # Three different fingers do not meet in one face; should they, the first decides.
    region = np.where(corners[:, 1] == corners[:, 2], corners[:, 1], corners[:, 0])
    return LabelledFaces(len(rig.vertices), rig.faces, region + 1)


def region_map(
    vertices_m: Float[np.ndarray, "V 3"],
    mesh: LabelledFaces,
    crop: Float[np.ndarray, "3"],
    camera: Float[np.ndarray, "4"],
    *,
    size: int,
) -> UInt8[np.ndarray, "S S"]:
    """Region seen at every pixel centre of a crop, nothing occluding the hand.

    Faces that reach behind the camera are not drawn.

    Args:
        vertices_m: camera frame, metres.
        mesh: triangles of these vertices.
        crop: centre u, centre v, side, px of the frame.
        camera: fx, fy, cx, cy, px of the frame.
        size: side of the drawn crop, px.

    Raises KnuckleError for a mesh with another number of vertices.
    """
    if len(vertices_m) != mesh.vertex_count:
        raise KnuckleError(f"vertices_m: expected {mesh.vertex_count} vertices, got {len(vertices_m)}")
    points = np.asarray(vertices_m, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_frame = project(points, camera)
    in_crop = apply_affine(Crop.from_vector(crop, size).patch_from_frame, in_frame)
    face_id = _face_ids()(np.column_stack([in_crop, points[:, 2]]), mesh.faces, size)
    return np.where(face_id < 0, 0, mesh.regions[face_id]).astype(np.uint8)


def _face_ids() -> FaceIds:
    """The fast rasteriser where numba is installed, else the plain one: both draw by one rule."""
    try:
        from knuckle.raster import numba_raster
    except ModuleNotFoundError:
        return lambda vertices, faces, size: numpy_raster.rasterise(vertices, faces, size, size)[0]

    def fill(vertices: np.ndarray, faces: np.ndarray, size: int) -> np.ndarray:
        face_id = np.full((size, size), -1, np.int32)
        depth = np.full((size, size), np.inf, np.float32)
        numba_raster.fill_buffers(vertices, faces, 1.0, 0.0, 0, face_id, depth)
        return face_id

    return fill
