"""How well the skin stands a fist: volume kept, and skin inside other skin, with and without correctives."""

import numpy as np
from hand import FINGERS, Hand
from mesh import vertex_normals, volume, winding_number
from rotation import rodrigues, skin

_CURL_DEGREES = (85, 98, 60)
_THUMB_DEGREES = ((16, 4, 30), (0, 0, 44), (0, 0, 52))
_DEPTH_M = 0.002
"""Soft flesh in contact gives way by this much: only what lies deeper counts as inside."""


def fist_rotations(axes: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(16, 3, 3) rotations of a fist, the thumb across the fingers; no splay."""
    angles = np.zeros((16, 3))
    for finger, first in FINGERS.items():
        for part in range(3):
            angles[first + part] = _THUMB_DEGREES[part] if finger == "thumb" else (0, 0, _CURL_DEGREES[part])
    turn = np.deg2rad(angles) - rest
    turn[0] = 0
    twist, splay, bend = (rodrigues(turn[:, row, None] * axes[:, row]) for row in range(3))
    return bend @ splay @ twist


def fist_quality(
    hand: Hand, rotations: np.ndarray, basis: np.ndarray, mapping: np.ndarray
) -> tuple[float, float]:
    """Part of the rest pose's volume lost, part of the fingers' vertices deeper than 2 mm in other skin."""
    offset = basis @ (mapping @ (rotations[1:] - np.eye(3)).ravel())
    posed = skin(hand.vertices + offset, hand.weights, rotations, hand.joints)
    lost = 1 - volume(posed, hand.faces) / volume(hand.vertices, hand.faces)
    fingers = hand.weights[:, 0] < 0.5
    sunk = posed - _DEPTH_M * vertex_normals(posed, hand.faces)
    # A point below its own skin is wrapped once; one that lies in another finger as well is wrapped twice.
    inside = winding_number(sunk[fingers], posed, hand.faces) > 1.6
    return lost, float(inside.mean())
