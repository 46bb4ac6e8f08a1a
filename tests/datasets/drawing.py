"""Hands of a rig drawn for miniatures of data sets: shaded, on grey, with their masks."""

from pathlib import Path

import cv2
import numpy as np

from knuckle.raster.numba_raster import fill_buffers

Mesh = tuple[np.ndarray, np.ndarray]
"""Vertices (V, 3), camera frame, metres, and faces (F, 3)."""


def draw_hands(
    meshes: list[Mesh], matrix: np.ndarray, size: tuple[int, int], *, grey: int = 70
) -> tuple[np.ndarray, np.ndarray]:
    """An RGB picture of hands, the brighter the nearer, and which mesh (1, 2, ...) is seen in each pixel; size: width,
    height."""
    width, height = size
    picture = np.full((height, width, 3), grey, np.uint8)
    seen, nearest = np.zeros((height, width), np.uint8), np.full((height, width), np.inf, np.float32)
    for number, (vertices, faces) in enumerate(meshes, 1):
        in_px = vertices @ matrix.T
        points = np.column_stack([in_px[:, :2] / in_px[:, 2:], vertices[:, 2]])
        face, depth = np.full((height, width), -1, np.int32), np.full((height, width), np.inf, np.float32)
        fill_buffers(points, faces.astype(np.int32), 1.0, 0.0, 0, face, depth)
        front = (face >= 0) & (depth < nearest)
        nearest[front] = depth[front]
        seen[front] = number
        span = max(float(np.ptp(vertices[:, 2])), 1e-3)
        shade = 230 - 110 * (depth[front] - vertices[:, 2].min()) / span
        picture[front] = np.stack([shade, 0.8 * shade, 0.7 * shade], axis=1)
    return picture, seen


def write_picture(path: Path, picture: np.ndarray) -> None:
    """An RGB or grey picture as .jpg or .png."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    cv2.imwrite(str(path), np.ascontiguousarray(stored), [cv2.IMWRITE_JPEG_QUALITY, 95])


def looking_at(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A camera-from-world matrix (x right, y down, z forward): from `eye` towards `target`."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, np.array([0.0, -1.0, 0.0]))
    right = right / np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, -rotation @ eye
    return matrix
