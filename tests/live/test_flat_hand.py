"""Hands that lie flat beside a card."""

import cv2
import numpy as np
import pytest

from knuckle.geometry.camera import Camera
from knuckle.live.flat_hand import RELATIVE_SD, flat_hand_length
from knuckle.live.hand_size import hand_length
from knuckle.rig import load_rig

CAMERA = Camera(900, 900, 639.5, 479.5, 1280, 960)
PLACE = np.array([0.03, 0.02, 0.45])


def seen(tilt_deg: tuple[float, float], curl: float = 0.0) -> tuple[np.ndarray, np.ndarray, float]:
    """Px of a hand of the rig that lies on a tilted plane, the plane's axes, and the hand's length."""
    rig, pose = load_rig("open"), np.zeros((16, 3))
    pose[4:7, 0] = curl
    joints = rig.posed(pose, np.array([0.8, *np.zeros(9)])).joints.astype(float)
    x, y = np.deg2rad(tilt_deg)
    turn = cv2.Rodrigues(np.array([x, 0, 0]))[0] @ cv2.Rodrigues(np.array([0, y, 0]))[0]
    # Laid down: from wrist to fingertip along the first axis, the knuckles along the second.
    along, knuckles = joints[12] - joints[0], joints[17] - joints[5]
    axes = [along, np.cross(np.cross(along, knuckles), along), np.cross(along, knuckles)]
    flat = (joints - joints.mean(0)) @ np.stack([axis / np.linalg.norm(axis) for axis in axes], -1)
    points = flat @ turn.T + PLACE - 0.008 * turn[:, 2]
    return CAMERA.project(points), turn, float(hand_length(joints))


@pytest.mark.parametrize("tilt", [(0, 0), (35, -10), (-20, 30)])
@pytest.mark.parametrize("side", [1, -1])
def test_the_plane_tells_the_length(tilt, side):
    px, turn, length = seen(tilt)
    # Networks see hands a little too short.
    px = px.mean(0) + (px - px.mean(0)) * (1 - 0.03)
    found = flat_hand_length(px, CAMERA, turn * [1, side, side], PLACE)
    assert found == pytest.approx(length, rel=RELATIVE_SD)


def test_a_bent_or_impossible_hand_is_none():
    px, turn, _ = seen((0, 0))
    bent = px.copy()
    bent[[10, 11, 12]] += [[0, 0], [40, 10], [20, 60]]
    assert flat_hand_length(bent, CAMERA, turn, PLACE) is None
    assert flat_hand_length(px, CAMERA, turn, 3 * PLACE) is None
    edge_on = cv2.Rodrigues(np.array([np.pi / 2, 0, 0]))[0]
    assert flat_hand_length(px, CAMERA, edge_on, PLACE) is None
