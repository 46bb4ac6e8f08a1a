"""Classes of poses and views, on hands of the rig in known poses, and errors by class."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.breakdown.class_errors import ALL, REFERENCE, JointErrors, hand_groups
from knuckle.evaluation.breakdown.pose_classes import finger_bends, pose_classes, signs, view_classes

FINGER_LENGTHS = (0.045, 0.03, 0.025)
AWAY = np.array([0.0, 0.0, 0.5])


def hand(*bends_deg: float, thumb_tip: tuple[float, float, float] = (0.09, -0.07, 0.0)) -> np.ndarray:
    """A right hand, its palm to the camera and its fingers up: x towards the thumb, y down, z away. Each finger bends
    by a third of its angle at each joint, towards the camera."""
    joints = np.zeros((21, 3))
    tip = np.array(thumb_tip)
    joints[1:5] = [0.25 * tip, 0.5 * tip, 0.75 * tip, tip]
    for finger, bend in enumerate(bends_deg):
        point, angle = np.array([0.03 - 0.02 * finger, -0.09, 0.0]), 0.0
        towards = point / np.linalg.norm(point)
        joints[5 + 4 * finger] = point
        for part, length in enumerate(FINGER_LENGTHS):
            angle += np.radians(bend / 3)
            point = point + length * (np.cos(angle) * towards + np.sin(angle) * np.array([0, 0, -1.0]))
            joints[6 + 4 * finger + part] = point
    return joints


OPEN = hand(10, 10, 10, 10)
AT_INDEX = tuple(OPEN[8] + [0.01, 0, 0])


def seen(joints: np.ndarray, axis: int, degrees: float) -> np.ndarray:
    """The hand turned about a camera axis and moved before the camera."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    first, second = [k for k in range(3) if k != axis]
    turn[[first, first, second, second], [first, second, first, second]] = c, -s, s, c
    return joints @ turn.T + AWAY


@pytest.mark.parametrize(
    ("joints", "pose"),
    [
        (OPEN, "open"),
        (hand(220, 220, 220, 220, thumb_tip=(0.03, -0.08, -0.03)), "fist"),
        (hand(220, 220, 220, 220, thumb_tip=(0.1, -0.05, 0.0)), "thumbs-up"),
        (hand(10, 220, 220, 220, thumb_tip=(0.0, -0.07, -0.03)), "pointing"),
        (hand(10, 10, 10, 10, thumb_tip=AT_INDEX), "pinch"),
        (hand(10, 10, 220, 220), "other"),
        (hand(100, 100, 100, 100), "other"),
    ],
)
def test_poses_are_told_apart_on_either_side_and_from_everywhere(joints, pose):
    mirrored = joints * [-1, 1, 1]
    assert (
        pose_classes(np.stack([joints, mirrored, seen(joints, 0, 80), seen(2 * joints, 1, 130)]))
        == [pose] * 4
    )


@pytest.mark.parametrize(
    ("axis", "degrees", "view"),
    [
        (1, 0, "palm"),
        (1, 50, "palm"),
        (1, 90, "side-on"),
        (1, -90, "side-on"),
        (1, 180, "back"),
        (0, 90, "end-on"),
        (0, -90, "end-on"),
        (0, 180, "back"),
        (2, 90, "palm"),
    ],
)
def test_views_are_told_from_the_palm_and_the_hand_axis(axis, degrees, view):
    assert view_classes(seen(OPEN, axis, degrees)[None]) == [view]


def test_a_finger_bends_by_its_joints_together():
    assert np.allclose(finger_bends(hand(0, 90, 150, 240)[None])[0, 1:], [0, 90, 150, 240])


def test_a_sign_names_the_straight_fingers():
    hands = [OPEN, hand(220, 220, 220, 220), hand(10, 220, 220, 10), hand(10, 100, 220, 10)]
    assert signs(np.stack(hands)) == ["all", "none", "index + pinky", "between"]


def test_joints_that_are_not_labelled_have_no_class():
    with pytest.raises(KnuckleError, match="labelled, got 1"):
        pose_classes(np.stack([OPEN, np.full((21, 3), np.nan)]))
    with pytest.raises(KnuckleError, match="21, 3"):
        view_classes(np.zeros((2, 20, 3)))
    assert list(hand_groups(np.full((1, 21, 3), np.nan))) == [ALL]


def test_errors_of_groups_are_those_of_their_hands_alone():
    side_on_fist = seen(hand(220, 220, 220, 220, thumb_tip=(0.03, -0.08, -0.03)), 1, 90)
    joints = np.stack([OPEN + AWAY, side_on_fist, side_on_fist])
    px = 600 * joints[..., :2] / joints[..., 2:]
    wrong = joints + np.random.default_rng(0).normal(0, 0.01, joints.shape) * [[[0]], [[1]], [[2]]]
    off = px + np.array([0, 0.1, 0.2])[:, None, None] * np.ptp(px, axis=1).max(-1)[:, None, None] * [1, 0]
    errors = JointErrors.of(Truth(px, joints, np.ones((3, 4))), Predictions(off, wrong))
    found = errors.by_group(hand_groups(joints))
    assert found[REFERENCE].hands == found["open"].hands == found["palm"].hands == 1
    assert found[REFERENCE].pa_mm < 1e-9 and found[REFERENCE].box_percent == 0
    assert found["fist"] == found["side-on"]
    assert np.isclose(found["fist"].box_percent, 15) and np.isclose(found[ALL].box_percent, 10)
    assert np.isclose(found[ALL].pa_mm, 2 / 3 * found["fist"].pa_mm)
    assert np.isclose(found["fist"].over(found[ALL])[1], 1.5)
    assert found["pointing"].hands == 0 and np.isnan(found["pointing"].pa_mm)
    assert errors.worst(2) == [2, 1]


def test_errors_by_joint_are_of_the_joints_named():
    px = np.random.default_rng(0).uniform(0, 100, (4, 21, 2))
    off = px.copy()
    off[:, 8] += [10, 0]
    joints = np.full((4, 21, 3), np.nan)
    errors = JointErrors.of(Truth(px, joints, np.ones((4, 4))), Predictions(off, np.ones((4, 21, 3))))
    found = errors.by_joint()
    assert np.isclose(found["index"].box_percent, found["tip"].box_percent * 5 / 4)
    assert found["thumb"].box_percent == found["wrist"].box_percent == 0
    assert np.isnan(found["tip"].pa_mm)
