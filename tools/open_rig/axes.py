"""Axes of twist, splay and bend of every joint, and the anatomical angles of the rest pose."""

import numpy as np
from hand import FINGERS, Hand
from mesh import vertex_normals

_PALMAR = np.array([0.0, 0.0, -1.0])
_ALONG = np.array([0.0, -1.0, 0.0])


def joint_axes(hand: Hand, nail: np.ndarray) -> np.ndarray:
    """(16, 3, 3) rows twist, splay, bend; orthonormal, splay = twist x bend.

    Positive bend flexes, positive splay turns towards the thumb's side. A finger's bend axis is square to
    its own chain's plane of flexion, which the nail shows: it faces away from where the finger bends to.
    """
    ends, axes = hand.bone_ends(), np.zeros((16, 3, 3))
    normals = vertex_normals(hand.vertices, hand.faces)
    axes[0] = _frame(_ALONG, _PALMAR)
    for finger, first in FINGERS.items():
        own = nail * (hand.weights[:, first + 2] > 0.5)
        palmar = -(own @ normals)
        palmar /= np.linalg.norm(palmar)
        for joint in range(first, first + 3):
            twist = ends[joint] - hand.joints[joint]
            bend_palmar = palmar if finger == "thumb" else 0.5 * palmar + 0.5 * _PALMAR
            axes[joint] = _frame(twist / np.linalg.norm(twist), bend_palmar)
    return axes


def rest_angles(hand: Hand, axes: np.ndarray) -> np.ndarray:
    """(16, 3) anatomical (twist, splay, bend) of the rest pose: 0 = straight, parallel to the middle finger.

    PIP, DIP and the thumb's last two joints bend against the bone before. MCP joints bend against the
    hand's long axis and splay against the middle finger. The thumb's CMC has no such zero: its rest pose
    counts as zero.
    """
    middle = axes[FINGERS["middle"], 0] * [1, 1, 0]
    straight = middle / np.linalg.norm(middle)
    angles = np.zeros((16, 3))
    twist = axes[:, 0]
    for finger, first in FINGERS.items():
        for joint in range(first, first + 3):
            if joint == first and finger == "thumb":
                continue
            before = straight if joint == first else twist[joint - 1]
            bend, splay = axes[joint, 2], axes[joint, 1]
            angles[joint, 2] = _turn_about(before, twist[joint], bend)
            if joint == first:
                angles[joint, 1] = _turn_about(straight, twist[joint], splay)
    return angles


def _turn_about(start: np.ndarray, end: np.ndarray, axis: np.ndarray) -> float:
    return float(np.arctan2(np.cross(start, end) @ axis, start @ end - (start @ axis) * (end @ axis)))


def _frame(twist: np.ndarray, palmar: np.ndarray) -> np.ndarray:
    bend = np.cross(twist, palmar)
    bend /= np.linalg.norm(bend)
    return np.stack([twist, np.cross(twist, bend), bend])
