"""Inverse kinematics: exact, noisy and degenerate hands, both sides."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.rig import fit as fit_module
from knuckle.rig.fit import fit_joints
from knuckle.rig.fit_start import analytic_start, kabsch
from knuckle.rig.prior import sample_orientations, sample_poses, sample_shapes
from knuckle.rig.rig import load_rig
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues

COUNT = 80


@pytest.fixture(scope="module")
def right():
    return load_rig()


@pytest.fixture(scope="module")
def hands(right):
    rng = np.random.default_rng(0)
    pose = sample_poses(right, COUNT, rng).astype(np.float64)
    pose[:, 0] = matrix_to_axis_angle(sample_orientations(COUNT, rng))
    shape = sample_shapes(COUNT, rng).astype(np.float64)
    return right.posed(pose, shape, np.array([0.1, -0.05, 0.6]))


def test_random_hands_are_recovered(right, hands):
    fit = fit_joints(right, hands.joints)
    assert fit.residual_m.max() < 0.001 and np.median(fit.residual_m) < 0.0003
    again = right.posed(fit.pose, fit.shape, fit.translation)
    np.testing.assert_allclose(again.joints, fit.joints_m, atol=1e-9)
    residual = np.linalg.norm(again.joints - hands.joints, axis=-1).mean(-1)
    np.testing.assert_allclose(residual, fit.residual_m, atol=1e-9)
    assert np.linalg.norm(again.vertices - hands.vertices, axis=-1).mean() < 0.0015


def test_left_hands_fit_like_right_ones(right, hands):
    mirror = np.array([-1.0, 1, 1])
    fit = fit_joints(right, hands.joints[:20])
    left = fit_joints(right.mirrored(), hands.joints[:20] * mirror)
    np.testing.assert_allclose(left.joints_m * mirror, fit.joints_m, atol=1e-5)
    np.testing.assert_allclose(rodrigues(left.pose), rodrigues(fit.pose * [1, -1, -1]), atol=1e-3)


def test_analytic_start_is_near(right, hands):
    start = fit_joints(right, hands.joints, iterations=0)
    assert np.median(start.residual_m) < 0.003


def test_noise_is_not_amplified(right, hands):
    noise = 0.004 * np.random.default_rng(1).standard_normal(hands.joints.shape)
    fit = fit_joints(right, hands.joints + noise)
    error = np.linalg.norm(fit.joints_m - hands.joints, axis=-1).mean()
    assert error < np.linalg.norm(noise, axis=-1).mean()
    assert np.abs(fit.shape).max() <= 6


@pytest.mark.parametrize(
    "change",
    [
        lambda joints: joints * [1, 1, 0],
        lambda joints: joints * [1, 0, 0],
        lambda joints: joints * 0,
        lambda joints: joints[:, ::-1],
        lambda joints: joints * 3,
        lambda joints: joints * [-1, 1, 1],
    ],
    ids=["flat", "line", "point", "reversed", "huge", "other side"],
)
def test_degenerate_hands_give_a_finite_rotation(right, hands, change):
    fit = fit_joints(right, change(hands.joints[:3]))
    assert all(np.isfinite(array).all() for array in fit)
    turn = rodrigues(fit.pose[:, 0])
    np.testing.assert_allclose(np.linalg.det(turn), 1)


def test_single_hands_and_leading_dimensions(right, hands):
    one = fit_joints(right, hands.joints[0])
    many = fit_joints(right, hands.joints[:6].reshape(2, 3, 21, 3))
    assert one.pose.shape == (16, 3) and one.residual_m.shape == () and many.shape.shape == (2, 3, 10)
    np.testing.assert_allclose(many.joints_m[0, 0], one.joints_m, atol=1e-9)
    assert fit_joints(right, np.zeros((0, 21, 3))).pose.shape == (0, 16, 3)


@pytest.mark.parametrize(
    ("joints", "said"),
    [
        (np.zeros((42, 3)), r"expected \(\.\.\., 21, 3\) in metres, got \(42, 3\)"),
        (np.full((21, 3), np.nan), "NaN"),
        (np.random.default_rng(0).random((21, 3)) * 180, "in metres, got one of extent"),
    ],
)
def test_bad_joints_are_refused(right, joints, said):
    with pytest.raises(KnuckleError, match=said):
        fit_joints(right, joints)


def test_jacobian_matches_finite_differences(right, hands):
    target = hands.joints[:2] - hands.joints[:2].mean(1, keepdims=True)
    state = fit_module._State(*analytic_start(right, target))
    posed = fit_module._pose(right, state, target)
    jacobian = fit_module._jacobian(right, state, posed).reshape(2, 21, 3, 61)
    numeric = np.zeros_like(jacobian)
    for k in range(61):
        step = np.zeros((2, 61))
        step[:, k] = 1e-5
        plus, minus = (
            fit_module._pose(right, fit_module._moved(state, sign * step), target).joints for sign in (1, -1)
        )
        numeric[..., k] = (plus - minus) / 2e-5
    tips = [4, 8, 12, 16, 20]
    inner = np.setdiff1d(np.arange(21), tips)
    np.testing.assert_allclose(jacobian[:, inner], numeric[:, inner], atol=1e-8)
    np.testing.assert_allclose(jacobian[:, tips], numeric[:, tips], atol=0.01)


def test_rigs_with_pose_correctives_and_derived_axes_fit_too(toy_rig):
    rng = np.random.default_rng(3)
    hands = toy_rig.posed(sample_poses(toy_rig, 20, rng), sample_shapes(20, rng))
    assert np.median(fit_joints(toy_rig, hands.joints).residual_m) < 0.001


def test_kabsch_never_reflects():
    rng = np.random.default_rng(2)
    source = rng.standard_normal((10, 6, 3))
    turn = rodrigues(rng.standard_normal((10, 3)))
    found = kabsch(source, source @ turn.swapaxes(1, 2) + 1.0, np.arange(1.0, 7))
    np.testing.assert_allclose(found, turn, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(kabsch(source, source * [-1, 1, 1], np.ones(6))), 1)
