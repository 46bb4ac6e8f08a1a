"""How much of a hand a picture shows: what it would cover alone, and how much of that lies within the picture."""

import numpy as np

from knuckle.geometry.camera import Camera
from knuckle.raster.numba_raster import fill_buffers
from knuckle.synth.scenes.painter import Drawn

_SIDE = 128


def hand_samples(drawn: Drawn, hand: int, camera: Camera) -> tuple[float, float]:
    """Samples of the doubled buffer that a hand would cover if nothing hid it and the picture went on, and the share of
    them within the picture."""
    faces = drawn.faces[drawn.face_hand == hand]
    first = int(faces.min())
    faces = np.ascontiguousarray(faces - first)
    # The span of a hand's vertices also holds some others': they belong to no face.
    points = drawn.projected[first : first + int(faces.max()) + 1].copy()
    own = np.zeros(len(points), bool)
    own[faces] = True
    corners = points[own]
    before = corners[:, 2] > 1e-3
    if not before.any():
        return 0.0, 0.0
    low, high = corners[before, :2].min(0), corners[before, :2].max(0)
    scale = (_SIDE - 4) / max(float((high - low).max()), 1e-6)
    points[:, :2] = (points[:, :2] - low) * scale + 1.5
    face_id = np.full((_SIDE, _SIDE), -1, np.int32)
    fill_buffers(points, faces, 1.0, 0.0, -1, face_id, np.full((_SIDE, _SIDE), np.inf, np.float32))
    rows, columns = np.nonzero(face_id >= 0)
    if not len(rows):
        return 0.0, 0.0
    at = (np.stack([columns, rows], 1) - 1.5) / scale + low
    inside = ((at > -0.5) & (at < [camera.width - 0.5, camera.height - 0.5])).all(1)
    return len(rows) * (2 / scale) ** 2, float(inside.mean())
