"""What every vertex is: part, finger, nail, palm skin; texture coordinates of the hand alone."""

import numpy as np
from hand import FINGERS, Hand
from mesh import smooth, vertex_normals

_FINGER_NUMBER = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}


def part_labels(weights: np.ndarray) -> np.ndarray:
    """(V,) the MANO16 joint that moves each vertex most."""
    return weights.argmax(1).astype(np.uint8)


def finger_labels(parts: np.ndarray) -> np.ndarray:
    """(V,) 0 palm, 1 thumb .. 5 pinky."""
    table = np.zeros(16, np.uint8)
    for finger, first in FINGERS.items():
        table[first : first + 3] = _FINGER_NUMBER[finger]
    return table[parts]


def palm_side(hand: Hand, axes: np.ndarray) -> np.ndarray:
    """(V,) 0..255: 255 where the skin faces the way its joints flex to, 0 on the back, a soft border
    between."""
    normals = vertex_normals(hand.vertices, hand.faces)
    facing = (normals * -(hand.weights @ axes[:, 1])).sum(1)
    border = np.clip((facing + 0.15) / 0.5, 0, 1)
    soft = smooth(border * border * (3 - 2 * border), hand.faces, rounds=3, amount=0.5)
    return np.round(255 * np.clip(soft, 0, 1)).astype(np.uint8)


def own_uv(uv_corner: np.ndarray) -> np.ndarray:
    """Texture coordinates stretched so that the hand alone fills the unit square, aspect kept."""
    low, high = uv_corner.min((0, 1)), uv_corner.max((0, 1))
    return (uv_corner - low) / (high - low).max()
