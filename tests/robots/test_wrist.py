"""Joints in the wrist's frame and the wrist's pose, both sides, with covariance."""

import numpy as np
import pytest
from one_hand import one_hand

from knuckle.robots.wrist import robot_hand

TURN = (0.4, -0.9, 0.3)


@pytest.mark.parametrize("side", ["left", "right"])
def test_axes_of_the_wrist(side):
    joints = robot_hand(one_hand(side, bend=0.6, turn=TURN)).joints_m
    np.testing.assert_array_equal(joints[0], 0)
    np.testing.assert_allclose(joints[9, :2], 0, atol=1e-3)
    assert joints[9, 2] > 0.07, "z to the middle knuckle"
    assert (joints[[8, 12, 16, 20], 0] > 0.02).all(), "bent fingers come out of the palm, along x"
    thumb_side = joints[5, 1] - joints[17, 1]
    assert thumb_side > 0.03 if side == "right" else thumb_side < -0.03


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_frame_goes_with_the_hand_and_the_pose_leads_back(side):
    first, second = one_hand(side, bend=0.6), one_hand(side, bend=0.6, turn=TURN, place=(0.2, -0.1, 0.8))
    one, other = robot_hand(first), robot_hand(second)
    np.testing.assert_allclose(one.joints_m, other.joints_m, atol=1e-6)
    pose = other.camera_from_wrist
    np.testing.assert_allclose(other.joints_m @ pose[:3, :3].T + pose[:3, 3], second.joints_m, atol=1e-6)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    np.testing.assert_allclose(pose[:, 3], [0.2, -0.1, 0.8, 1])


def test_covariance_is_passed_on_and_that_of_the_turn_follows_from_the_knuckles():
    root = np.diag([1e-6, 1e-6, 4e-4])[None]
    error = np.full((1, 21), 5e-3)
    covariance = robot_hand(one_hand(root_covariance_m2=root, joint_error_m=error)).covariance
    np.testing.assert_array_equal(covariance[:3, :3], root[0])
    np.testing.assert_array_equal(covariance[:3, 3:], 0)
    turns = covariance[3:, 3:]
    deviations = np.degrees(np.sqrt(np.linalg.eigvalsh(turns)))
    # 5 mm at knuckles some 90 mm away; least is known of the roll about the palm's own length.
    assert 1.4 < deviations[0] < 2.2 and deviations[2] > 2.5 * deviations[0]
    twice = robot_hand(one_hand(root_covariance_m2=root, joint_error_m=2 * error)).covariance
    np.testing.assert_allclose(twice[3:, 3:], 4 * turns, rtol=1e-9)
    assert np.isnan(robot_hand(one_hand()).covariance[3:, 3:]).all()


def test_the_roll_is_what_is_known_least():
    hand = one_hand(joint_error_m=np.full((1, 21), 5e-3))
    answer = robot_hand(hand)
    _, axes = np.linalg.eigh(answer.covariance[3:, 3:])
    along = answer.camera_from_wrist[:3, 2]
    assert abs(axes[:, 2] @ along) > 0.95
