"""One hand in a chosen pose."""

import numpy as np

from knuckle.geometry.camera import Camera
from knuckle.hands import Hand, Hands
from knuckle.rig import load_rig
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues


def one_hand(side="right", *, bend=0.0, turn=(0.0, 0.0, 0.0), place=(0.0, 0.0, 0.5), **values) -> Hand:
    """All finger joints bent by an angle, the hand turned and its wrist at a place of the camera frame."""
    rig = load_rig("open", side=side)
    rotations = np.tile(np.eye(3), (16, 1, 1))
    rotations[0] = rodrigues(np.array(turn))
    for joint in range(1, 16):
        rotations[joint] = rodrigues((bend if joint < 13 else 0.4 * bend) * rig.axes[joint, 2].astype(float))
    posed = rig.posed_by_matrices(rotations)
    move = np.array(place) - posed.joints[0]
    arrays = {
        "confidence": [0.9],
        "boxes_px": np.ones((1, 4)),
        "joints_px": np.zeros((1, 21, 2)),
        "joints_m": (posed.joints + move)[None],
        "vertices_m": (posed.vertices + move)[None],
        "pose_rad": matrix_to_axis_angle(rotations)[None],
        "shape": np.zeros((1, 10)),
    }
    return Hands(Camera.from_size(640, 480), sides=(side,), **(arrays | values))[0]
