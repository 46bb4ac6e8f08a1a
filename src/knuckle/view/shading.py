"""A softly lit, see-through picture of meshes, which the overlay blends over the photo."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from knuckle.geometry.camera import Camera
from knuckle.raster.numpy_raster import rasterise

_NEAR_M = 0.01
_TO_LIGHT = np.array(
    [-0.48, -0.62, -0.62], dtype=np.float32
)  # towards the light: upper left, on the camera's side
_BETWEEN = _TO_LIGHT + np.array(
    [0, 0, -1], dtype=np.float32
)  # half-way to the viewer, where highlights stand
_TO_HIGHLIGHT = _BETWEEN / np.linalg.norm(_BETWEEN)
_CREASE_REACH_M = 0.010  # a point is darkened by nearer skin within this distance
_CREASE_DEPTH_M = 0.018  # how far behind that skin a point is darkest
_MAX_SIDE = 1024  # of the grid to draw on: larger hands are drawn coarser and enlarged


class Mesh(NamedTuple):
    """A mesh to draw."""

    vertices_m: Float[np.ndarray, "V 3"]
    """Camera frame."""
    faces: Int[np.ndarray, "F 3"]
    """Wound outwards."""
    colour: Int[np.ndarray, "3"]
    """RGB 0..255."""


class Window(NamedTuple):
    """A rectangle of whole pixels of the photo."""

    left: int
    top: int
    width: int
    height: int

    def overlaps(self, other: "Window") -> bool:
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def union(self, other: "Window") -> "Window":
        left, top = min(self.left, other.left), min(self.top, other.top)
        right = max(self.left + self.width, other.left + other.width)
        bottom = max(self.top + self.height, other.top + other.height)
        return Window(left, top, right - left, bottom - top)


def find_window(mesh: Mesh, camera: Camera) -> Window | None:
    """Find the part of the photo that a mesh covers; None if it covers none."""
    ahead = mesh.vertices_m[:, 2] > _NEAR_M
    if not ahead.any():
        return None
    uv = camera.project(mesh.vertices_m[ahead])
    size = np.array([camera.width, camera.height])
    low = np.clip(np.floor(uv.min(0)) - 1, 0, size).astype(int)
    high = np.clip(np.ceil(uv.max(0)) + 2, 0, size).astype(int)
    if (low >= high).any():
        return None
    return Window(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def draw_layer(meshes: list[Mesh], camera: Camera, window: Window) -> UInt8[np.ndarray, "h w 4"]:
    """Draw meshes into a window of the photo; nearer meshes hide farther ones.

    Returns premultiplied colour and opacity, all 0..255: blend as photo * (1 - opacity / 255) + colour. Edges are
    averaged from a finer grid. Faces with a vertex nearer than a centimetre are left out.
    """
    scale = min(4.0 if max(window.width, window.height) < 160 else 2.0, _MAX_SIDE / max(window[2:]))
    width, height = max(1, round(window.width * scale)), max(1, round(window.height * scale))
    stretch = np.array([width / window.width, height / window.height])
    vertices, normals, colours, faces = _join_meshes(meshes)
    with np.errstate(divide="ignore", invalid="ignore"):
        uv = (camera.project(vertices) - [window.left, window.top] + 0.5) * stretch - 0.5
    depth = np.where(vertices[:, 2] > _NEAR_M, vertices[:, 2], -1)
    face_id, depth, bary = rasterise(np.column_stack([uv, depth]), faces, height, width)

    hit = np.flatnonzero(face_id >= 0)
    corners = faces[face_id.ravel()[hit]]
    weights = bary.reshape(-1, 3)[hit]
    normal = np.zeros((len(hit), 3), dtype=np.float32)
    for k in range(3):
        normal += np.take(normals, corners[:, k], axis=0) * weights[:, k, None]
    normal /= np.maximum(np.sqrt(np.einsum("ij,ij->i", normal, normal)), 1e-6)[:, None]
    # The crease's reach in pixels, at the median depth of these hands.
    reach = _CREASE_REACH_M * camera.fx * stretch[0] / float(np.median(depth.ravel()[hit])) if len(hit) else 1
    crease = _find_creases(depth, reach).ravel()[hit]
    layer = np.zeros((height * width, 4), dtype=np.uint8)
    layer[hit] = _shade(normal, np.take(colours, corners[:, 0], axis=0), crease)
    layer = layer.reshape(height, width, 4)
    if (width, height) != window[2:]:
        shrinks = scale > 1
        layer = cv2.resize(layer, window[2:], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return layer


def vertex_normals(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float[np.ndarray, "V 3"]:
    """Unit normals, each the mean of its faces' normals weighted by area (0 where a vertex has no area)."""
    corners = vertices[faces]
    face_normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    owner = faces.reshape(-1)
    spread = np.repeat(face_normal, 3, axis=0)
    total = np.stack([np.bincount(owner, spread[:, k], minlength=len(vertices)) for k in range(3)], axis=-1)
    return total / np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-20)


def _join_meshes(meshes: list[Mesh]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Join all meshes: vertices, normals turned by each hand's own line of sight, colours, faces."""
    offset, vertices, normals, colours, faces = 0, [], [], [], []
    for mesh in meshes:
        sight = mesh.vertices_m.mean(0)
        turned = vertex_normals(mesh.vertices_m, mesh.faces) @ _rotation_to_forward(sight).T
        vertices.append(mesh.vertices_m)
        normals.append(turned.astype(np.float32))
        colours.append(np.repeat(mesh.colour[None].astype(np.float32), len(mesh.vertices_m), axis=0))
        faces.append(mesh.faces.astype(np.int64) + offset)
        offset += len(mesh.vertices_m)
    return tuple(np.concatenate(parts) for parts in (vertices, normals, colours, faces))  # pyright: ignore


def _rotation_to_forward(sight: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation that turns a line of sight straight ahead, so that a hand is lit alike anywhere in the photo."""
    z = sight / max(float(np.linalg.norm(sight)), 1e-9)
    x = np.cross([0, 1, 0], z)
    x = x / np.linalg.norm(x) if np.linalg.norm(x) > 1e-6 else np.array([1.0, 0, 0])
    return np.stack([x, np.cross(z, x), z])


def _find_creases(depth: Float32[np.ndarray, "h w"], reach: float) -> Float32[np.ndarray, "h w"]:
    """How far a pixel lies behind the surface around it, 0..1: in gaps between fingers, or inside a fist.

    reach: px.
    """
    covered = np.isfinite(depth)
    size = (2 * int(np.clip(reach, 1, 60)) + 1,) * 2
    weight = cv2.blur(covered.astype(np.float32), size)
    mean = cv2.blur(np.where(covered, depth, 0), size) / np.maximum(weight, 1e-6)
    return np.clip(np.where(covered, depth - mean, 0) / _CREASE_DEPTH_M, 0, 1)


def _shade(
    normal: Float32[np.ndarray, "n 3"], colour: Float32[np.ndarray, "n 3"], crease: Float32[np.ndarray, "n"]
) -> UInt8[np.ndarray, "n 4"]:
    """Light the skin softly, with sky, a small highlight and a bright rim.

    Returns premultiplied colour and opacity, 0..255.
    """
    key = np.clip((normal @ (_TO_LIGHT / np.linalg.norm(_TO_LIGHT)) + 0.3) / 1.3, 0, 1)
    edge = 1 - np.clip(-normal[:, 2], 0, 1)
    rim = edge * edge * edge
    highlight = np.clip(normal @ _TO_HIGHLIGHT, 0, 1) ** 32
    strength = (0.34 - 0.12 * normal[:, 1] + 0.66 * key) * (1 - 0.55 * crease)
    opacity = 0.6 + 0.34 * edge * edge + 0.25 * crease * (1 - edge)
    light = (38 * highlight + 70 * rim) * (1 - crease)
    result = np.empty((len(normal), 4), dtype=np.float32)
    result[:, :3] = np.minimum(colour * strength[:, None] + light[:, None], 255) * opacity[:, None]
    result[:, 3] = 255 * opacity
    return result.round().astype(np.uint8)
