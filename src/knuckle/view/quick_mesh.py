"""Meshes over the frames of a video: one flat colour a face, in a twentieth of the time of a photo's shading."""

import cv2
import numpy as np
from jaxtyping import UInt8

from knuckle.hands import Hands
from knuckle.view.overlay import colour_of
from knuckle.view.shading import Mesh, find_window

_SHIFT = 4  # cv2 draws at 1/16 px
_NEAREST_M = 0.02
_TO_LIGHT = np.array([-0.48, -0.62, -0.62]) / np.linalg.norm([-0.48, -0.62, -0.62])
"""Towards the light: upper left, on the camera's side."""
_OPACITY = 0.7


def draw_quick_meshes(picture: UInt8[np.ndarray, "H W 3"], hands: Hands) -> None:
    """Draw the hands' meshes, see-through, into a picture; nearer faces hide farther ones. Hands without a mesh, and
    faces nearer than 2 cm, are left out."""
    corners, depths, colours = [], [], []
    low, high = np.array(picture.shape[1::-1]), np.zeros(2, dtype=int)
    camera = hands.camera
    for index, hand in enumerate(hands):
        faces = hands.faces_of(hand.side)
        window = (
            find_window(Mesh(hand.vertices_m, faces, colour_of(hands, index)), camera) if len(faces) else None
        )
        if window is None:
            continue
        low = np.minimum(low, window[:2])
        high = np.maximum(high, (window.left + window.width, window.top + window.height))
        points = hand.vertices_m[faces]
        normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
        middle = points.mean(1)
        shown = (np.einsum("ij,ij->i", normals, middle) < 0) & (points[..., 2].min(1) > _NEAREST_M)
        normals = normals[shown] / np.maximum(np.linalg.norm(normals[shown], axis=1, keepdims=True), 1e-20)
        shade = 0.45 + 0.6 * np.clip((normals @ _TO_LIGHT + 0.3) / 1.3, 0, 1)
        corners.append(camera.project(points[shown]))
        depths.append(middle[shown, 2])
        colours.append(np.clip(shade[:, None] * colour_of(hands, index), 0, 255))
    if not corners:
        return
    part = picture[low[1] : high[1], low[0] : high[0]]
    drawn = part.copy()
    far_to_near = np.argsort(-np.concatenate(depths), kind="stable")
    fixed = np.round((np.concatenate(corners)[far_to_near] - low) * 2**_SHIFT).astype(np.int32)
    plain = np.concatenate(colours)[far_to_near].tolist()
    for triangle, colour in zip(fixed, plain, strict=True):
        cv2.fillConvexPoly(drawn, triangle, colour, cv2.LINE_8, _SHIFT)
    # Where nothing was drawn both are the same.
    cv2.addWeighted(part, 1 - _OPACITY, drawn, _OPACITY, 0, dst=part)
