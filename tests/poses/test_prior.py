"""Joint angles, limits, random poses, self-penetration."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from knuckle.errors import KnuckleError
from knuckle.poses import prior
from knuckle.poses.contact import open_fingers
from knuckle.poses.penetration import finger_penetration, joints_penetration, penetration, segment_distance
from knuckle.poses.prior import (
    sample_orientations,
    sample_poses,
    sample_shapes,
)
from knuckle.poses.touch import pinch_angles
from knuckle.rig.limits import angles_to_pose, basis, clamp_angles, joint_limits, pose_to_angles
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues


@pytest.fixture(scope="module", params=["right", "left"])
def rig(request):
    return load_rig(side=request.param)


@pytest.fixture(scope="module")
def right():
    return load_rig()


@pytest.fixture(scope="module")
def pool(right):
    return sample_poses(right, 1500, np.random.default_rng(0))


def uniform_angles(seed, *lead):
    return np.random.default_rng(seed).uniform(*joint_limits(), (*lead, 16, 3))


def test_angles_and_pose_round_trip(rig):
    angles = uniform_angles(0, 50)
    np.testing.assert_allclose(pose_to_angles(rig, angles_to_pose(rig, angles)), angles, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (16, 3), elements=st.floats(-1.2, 1.2)))
def test_pose_survives_a_trip_through_angles(pose):
    rig = load_rig()
    back = angles_to_pose(rig, pose_to_angles(rig, pose))
    np.testing.assert_allclose(rodrigues(back), rodrigues(pose), atol=1e-9)


def test_rest_angles_are_the_zero_pose(rig):
    np.testing.assert_allclose(angles_to_pose(rig, basis(rig)[1]), 0, atol=1e-12)


def test_angles_mean_the_same_on_both_sides(right):
    angles = uniform_angles(1, 20)
    left_pose = angles_to_pose(right.mirrored(), angles)
    np.testing.assert_allclose(left_pose, angles_to_pose(right, angles) * [1, -1, -1], atol=1e-9)


def test_bend_closes_the_hand_and_splay_leads_to_the_thumbs_side(rig):
    rest = basis(rig)[1]
    zero = rig.posed(angles_to_pose(rig, rest)).joints
    outward = 1 if rig.side == "right" else -1
    for finger, joint in zip((2, 3, 4, 5), (1, 4, 10, 7), strict=True):
        tip = 4 * finger
        bent, splayed = rest.copy(), rest.copy()
        bent[joint, 2] += 0.5
        splayed[joint, 1] += 0.2
        move = rig.posed(angles_to_pose(rig, bent)).joints[tip] - zero[tip]
        assert move[2] < -0.01, "flexion moves a fingertip to the palm's side"
        move = rig.posed(angles_to_pose(rig, splayed)).joints[tip] - zero[tip]
        assert outward * move[0] > 0.005
    bent = rest.copy()
    bent[15, 2] += 0.5
    move = rig.posed(angles_to_pose(rig, bent)).joints[4] - zero[4]
    assert outward * move[0] < -0.005, "the thumb flexes across the palm"


def test_clamping_is_idempotent_and_leaves_legal_poses_alone(rig):
    wild = 3 * np.random.default_rng(2).standard_normal((200, 16, 3))
    clamped = clamp_angles(rig, wild)
    low, high = joint_limits()
    assert (clamped >= low - 1e-12).all() and (clamped <= high + 1e-12).all()
    np.testing.assert_allclose(clamp_angles(rig, clamped), clamped, atol=1e-12)
    pose = angles_to_pose(rig, clamped)
    pose[:, 0] = 2.0

    def clamp(pose):
        return angles_to_pose(rig, clamp_angles(rig, pose_to_angles(rig, pose)))

    np.testing.assert_allclose(clamp(pose)[:, 1:], pose[:, 1:], atol=1e-8)
    assert np.abs(clamp(pose + 0.5)[:, 1:] - pose[:, 1:]).max() > 0.01


def test_bent_fingers_cannot_splay(right):
    angles = np.array(basis(right)[1])
    angles[1] = (0, 0.6, np.pi / 2)
    assert clamp_angles(right, angles)[1, 1] == pytest.approx(basis(right)[1][1, 1])


def test_samples_are_within_the_limits(right, pool):
    angles = pose_to_angles(right, pool.astype(np.float64))
    low, high = joint_limits()
    assert (pool[:, 0] == 0).all()
    assert (angles[:, 1:] > low[1:] - 1e-4).all() and (angles[:, 1:] < high[1:] + 1e-4).all()


def test_samples_do_not_run_through_themselves(right, pool):
    free = sample_poses(right, 400, np.random.default_rng(1), max_penetration_m=None)
    before, after = penetration(right, free), penetration(right, pool)
    assert after.max() <= prior.MAX_PENETRATION_M + 1e-4
    assert after.mean() < 0.5 * before.mean()


def test_samples_depend_on_the_generator_alone(right):
    first, again, other = (sample_poses(right, 60, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert sample_poses(right, 0, np.random.default_rng(0)).shape == (0, 16, 3)


def test_samples_cover_fists_open_hands_and_thumbs_up(right, pool):
    angles = pose_to_angles(right, pool.astype(np.float64))
    flexion = np.rad2deg(angles[:, 1:13, 2].reshape(-1, 4, 3).sum(-1))
    fist, straight = (flexion > 190).all(1), (flexion < 60).all(1)
    thumb_out = np.rad2deg(angles[:, 13, 2]) < 0
    assert fist.mean() > 0.05 and straight.mean() > 0.05 and (fist & thumb_out).mean() > 0.02


@pytest.mark.parametrize("kind", list(prior.KIND_SHARES))
def test_every_kind_can_be_drawn_alone(right, kind):
    poses = sample_poses(right, 30, np.random.default_rng(5), kinds={kind: 1.0})
    assert poses.shape == (30, 16, 3) and np.isfinite(poses).all()


def test_bad_requests_are_refused(right):
    rng = np.random.default_rng(0)
    with pytest.raises(KnuckleError, match="kinds"):
        sample_poses(right, 3, rng, kinds={"waving": 1.0})  # type: ignore[dict-item]
    with pytest.raises(KnuckleError, match="count"):
        sample_poses(right, -1, rng)


def test_pinches_bring_the_pads_together(right):
    rng = np.random.default_rng(6)
    start = np.tile(basis(right)[1], (60, 1, 1))
    posed = right.posed(angles_to_pose(right, pinch_angles(right, rng, start))).joints
    gap = np.linalg.norm(posed[:, [8, 12, 16, 20]] - posed[:, 4:5], axis=-1).min(1)
    apart = np.linalg.norm(right.posed(angles_to_pose(right, start)).joints[0, 8] - posed[0, 4])
    assert np.median(gap) < 0.025 < apart


def test_mirrored_hands_penetrate_alike(right):
    pose = angles_to_pose(right, clamp_angles(right, uniform_angles(7, 40)))
    left = penetration(right.mirrored(), pose * [1, -1, -1])
    np.testing.assert_allclose(left, penetration(right, pose), atol=1e-5)


def test_folding_a_finger_into_the_palm_is_seen_and_undone(right):
    angles = np.tile(basis(right)[1], (2, 1, 1))
    angles[1, 1:4, 2] = np.deg2rad([90, 105, 78])
    joints = right.posed(angles_to_pose(right, angles)).joints
    depth = finger_penetration(right, joints)
    assert depth[0].max() < 1e-6 and depth[1].argmax() == 1 and depth[1, 1] > 0.003
    freed = open_fingers(right, angles, limit_m=0.002, rounds=20)
    np.testing.assert_array_equal(freed[0], clamp_angles(right, angles)[0])
    np.testing.assert_allclose(freed[1, 4:], clamp_angles(right, angles)[1, 4:])
    assert joints_penetration(right, right.posed(angles_to_pose(right, freed)).joints)[1] <= 0.002 + 1e-5


def test_segment_distance_against_dense_sampling():
    rng = np.random.default_rng(8)
    ends = rng.standard_normal((4, 40, 3))
    ends[3, :5] = ends[2, :5] + (ends[1, :5] - ends[0, :5])  # parallel
    ends[1, 5:8] = ends[0, 5:8]  # a point
    share = np.linspace(0, 1, 201)[:, None]
    exact = segment_distance(*ends)
    for k in range(40):
        a = ends[0, k] + share * (ends[1, k] - ends[0, k])
        b = ends[2, k] + share * (ends[3, k] - ends[2, k])
        sampled = np.linalg.norm(a[:, None] - b, axis=-1).min()
        assert exact[k] <= sampled + 1e-9 and sampled - exact[k] < 0.02


def test_orientations_are_rotations_mostly_fingers_up():
    turns = sample_orientations(4000, np.random.default_rng(9)).astype(np.float64)
    np.testing.assert_allclose(
        turns @ turns.swapaxes(1, 2), np.broadcast_to(np.eye(3), turns.shape), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1, atol=1e-5)
    fingers_up = turns[:, 1, 1]  # the image's y of the hand's y: 1 when fingers point up
    palm = turns[:, 2, 2]
    assert 0.55 < (fingers_up > 0.4).mean() < 0.9
    assert (palm > 0.5).mean() > 0.2 and (palm < -0.5).mean() > 0.2 and (np.abs(palm) < 0.5).mean() > 0.2


def test_shapes_are_unit_normal():
    shape = sample_shapes(5000, np.random.default_rng(10))
    assert shape.dtype == np.float32 and np.abs(shape).max() <= 2.5
    np.testing.assert_allclose(shape.std(0), 1, atol=0.06)


def test_a_rig_that_always_penetrates_gives_up(right):
    stuck = dataclasses.replace(right, vertices=right.vertices.copy())
    with pytest.raises(KnuckleError, match="runs through itself"):
        sample_poses(stuck, 5, np.random.default_rng(0), max_penetration_m=-1.0)
