"""Hard postures: fists, thumbs-up, fingers against each other; in contact, not inside each other."""

import numpy as np
import pytest

from knuckle.poses import prior
from knuckle.poses.contact import fold_fingers
from knuckle.poses.hard_poses import HARD_KINDS, HARD_SHARES
from knuckle.poses.penetration import finger_overlap, finger_penetration, penetration
from knuckle.poses.prior import sample_poses
from knuckle.poses.touch import Spot, _spot_place, pinch_angles, touch_angles
from knuckle.rig.kinematics import joints_by_angles
from knuckle.rig.limits import angles_to_pose, basis, clamp_angles, joint_limits, pose_to_angles
from knuckle.rig.load import load_rig


@pytest.fixture(scope="module")
def right():
    return load_rig()


def spot(link, side, count):
    return Spot(np.full(count, link), np.full(count, 0.6), np.tile(side, (count, 1)))


def spot_places(rig, angles, place):
    return _spot_place(rig, *joints_by_angles(rig, angles), place)


@pytest.mark.parametrize("kind", list(HARD_KINDS))
def test_every_kind_is_within_the_limits_and_free_of_itself(right, kind):
    poses = sample_poses(right, 24, np.random.default_rng(1), kinds={kind: 1.0})
    angles = pose_to_angles(right, poses.astype(np.float64))
    low, high = joint_limits()
    assert poses.shape == (24, 16, 3) and (poses[:, 0] == 0).all()
    assert (angles[:, 1:] > low[1:] - 1e-4).all() and (angles[:, 1:] < high[1:] + 1e-4).all()
    assert penetration(right, poses).max() <= prior.MAX_PENETRATION_M + 1e-4


@pytest.mark.parametrize("kind", ["thumb over", "key pinch", "thumb on index", "thumb on finger", "tripod"])
def test_the_thumb_touches_what_it_lies_on(right, kind):
    poses = sample_poses(right, 40, np.random.default_rng(2), kinds={kind: 1.0})
    overlap = finger_overlap(right, right.posed(poses).joints)
    assert (overlap[:, 0] > 0).mean() > 0.6


def test_hard_kinds_are_drawn_only_where_they_are_asked_for(right):
    plain = sample_poses(right, 50, np.random.default_rng(3))
    again = sample_poses(right, 50, np.random.default_rng(3), kinds=prior.KIND_SHARES)
    np.testing.assert_array_equal(plain, again)
    hard = sample_poses(right, 50, np.random.default_rng(3), kinds=HARD_SHARES)
    assert np.abs(hard - plain).max() > 0.1


def test_spots_are_brought_together_face_to_face(right):
    begin = np.tile(basis(right)[1], (6, 1, 1))
    pad, side = spot(15, (1.0, 0.0), 6), spot(2, (0.6, 0.8), 6)
    angles = touch_angles(right, begin, pad, side, iterations=20)
    (here, normal), (there, other) = (spot_places(right, angles, place) for place in (pad, side))
    assert np.linalg.norm(here - there, axis=1).max() < 0.006
    assert (normal * other).sum(1).max() < 0.3
    np.testing.assert_allclose(angles[:, 4:13], clamp_angles(right, begin)[:, 4:13])


def test_the_radial_side_is_the_thumbs_on_both_hands(right):
    for rig, sign in ((right, 1), (right.mirrored(), -1)):
        angles = np.array(basis(rig)[1])[None]
        place, _ = spot_places(rig, angles, spot(4, (0.0, 1.0), 1))
        middle, _ = spot_places(rig, angles, spot(4, (0.0, -1.0), 1))
        assert sign * (place - middle)[0, 0] > 0.008


def test_fingers_fold_until_they_touch(right):
    start = np.tile(basis(right)[1], (2, 1, 1))
    goal = start.copy()
    goal[:, 1:4, 2] = np.deg2rad([90, 105, 78])
    fingers = np.array([[False, True, False, False, False], [False] * 5])
    angles = fold_fingers(right, start, goal, fingers)
    overlap = finger_overlap(right, right.posed(angles_to_pose(right, angles)).joints)
    assert 0 < overlap[0, 1] <= 0.003 + 1e-5
    np.testing.assert_allclose(angles[1], clamp_angles(right, start)[1])


def test_overlap_counts_for_both_and_penetration_for_one(right):
    poses = sample_poses(
        right, 40, np.random.default_rng(4), kinds={"every pinch": 1.0}, max_penetration_m=None
    )
    joints = right.posed(poses).joints
    both, one = finger_overlap(right, joints), finger_penetration(right, joints)
    assert (both >= one - 1e-7).all() and (both.max(1) == one.max(1)).all()
    assert (both[:, 1:].max(1) > one[:, 1:].max(1)).any()


def test_a_pinch_leaves_the_gap_that_was_asked_for(right):
    start = np.tile(basis(right)[1], (30, 1, 1))
    far = []
    for gap in (0.0, 0.03):
        angles = pinch_angles(
            right, np.random.default_rng(5), start, finger=np.zeros(30, int), gap_m=np.full(30, gap)
        )
        joints = right.posed(angles_to_pose(right, angles)).joints
        far.append(np.linalg.norm((joints[:, 4] + joints[:, 3] - joints[:, 8] - joints[:, 7]) / 2, axis=1))
    assert 0.015 < np.median(far[1] - far[0]) < 0.045
