"""Inverse kinematics: exact, noisy and degenerate hands, both sides."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.poses.prior import sample_orientations, sample_poses, sample_shapes
from knuckle.rig.fit import solve as fit_step
from knuckle.rig.fit.joints import analytic_start, fit_joints, kabsch, ray_weights
from knuckle.rig.fit.solve import COMMON_TO_POINTS, POINTS_TO_COMMON, clamped, fit_model, turns
from knuckle.rig.limits import angles_to_matrices, clamp_angles
from knuckle.rig.load import load_rig
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


def test_a_trace_of_noise_moves_no_joint_far(right, hands):
    """A fit that ends where a step happens to gain little, not where little is to be gained, jumps by millimetres."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        target = hands.joints + 0.003 * rng.standard_normal(hands.joints.shape)
        touched = target + 0.00002 * rng.standard_normal(hands.joints.shape)
        change = fit_joints(right, touched).joints_m - fit_joints(right, target).joints_m
        assert np.linalg.norm(change, axis=-1).max() < 0.002


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
    np.testing.assert_allclose(many.joints_m[0, 0], one.joints_m, atol=1e-6)
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


def started(rig, joints_m):
    """Points round their middle, the fit's constants, and a state and hand a step after the analytic start."""
    target = (joints_m - joints_m.mean(1, keepdims=True))[:, COMMON_TO_POINTS]
    model, start = fit_model(rig), fit_step.State(*analytic_start(rig, target))
    hand = fit_step.posed(rig, model, start, target)
    shared, angles, _ = fit_step.step(model, start, hand, target, np.full(len(target), 0.1))
    state = fit_step.moved(start, shared, angles)
    return target, model, state, fit_step.posed(rig, model, state, target)


def full_jacobian(model, hand):
    """(n, 63, 61): turn, translation, shape, angles, put together from what `fit_step` keeps apart."""
    shared, fingers = fit_step.jacobian(model, hand)
    whole = np.zeros((len(shared), 21, 3, 61))
    whole[..., :16] = shared
    for finger in range(5):
        own = slice(2 + 4 * finger, 5 + 4 * finger)
        whole[:, own, :, 16 + 9 * finger : 25 + 9 * finger] = fingers[:, finger].reshape(-1, 3, 3, 9)
    return whole.reshape(len(shared), 63, 61)


def test_jacobian_matches_finite_differences(right, hands):
    target, model, state, hand = started(right, hands.joints[:2])
    jacobian = full_jacobian(model, hand)
    numeric = np.zeros_like(jacobian)
    for k in range(61):
        change = np.zeros((2, 61))
        change[:, k] = 1e-5
        plus, minus = (
            fit_step.posed(
                right,
                model,
                fit_step.moved(state, sign * change[:, :16], sign * change[:, 16:].reshape(2, 5, 3, 3)),
                target,
            ).points
            for sign in (1, -1)
        )
        numeric[..., k] = ((plus - minus) / 2e-5).reshape(2, 63)
    np.testing.assert_allclose(jacobian, numeric, atol=1e-8)


def test_step_is_that_of_the_whole_normal_equations(right, hands):
    noise = 0.004 * np.random.default_rng(4).standard_normal((6, 21, 3))
    target, model, state, hand = started(right, hands.joints[:6] + noise)
    assert (hand.beyond != 0).any()
    damping = np.geomspace(1e-6, 10, 6)
    shared, angles, expected = fit_step.step(model, state, hand, target, damping)
    rows = full_jacobian(model, hand) / fit_step.NOISE_M
    system = rows.swapaxes(1, 2) @ rows
    gradient = (rows * ((hand.points - target) / fit_step.NOISE_M).reshape(6, 63, 1)).sum(1)
    soft, spread = np.deg2rad(2), np.deg2rad(120)
    system[:, range(6, 16), range(6, 16)] += 1
    system[:, range(16, 61), range(16, 61)] += ((hand.beyond != 0) / soft**2 + 1 / spread**2).reshape(6, 45)
    gradient[:, 6:16] += state.shape
    gradient[:, 16:] += (hand.beyond / soft + hand.from_straight / spread).reshape(6, 45)
    system[:, range(61), range(61)] *= 1 + damping[:, None]
    system[:, range(61), range(61)] += 1e-6
    whole = -np.linalg.solve(system, gradient[..., None])[..., 0]
    np.testing.assert_allclose(shared, whole[:, :16], atol=1e-9)
    np.testing.assert_allclose(angles.reshape(6, 45), whole[:, 16:], atol=1e-9)
    np.testing.assert_allclose(expected, -(gradient * whole).sum(1), rtol=1e-9)


@pytest.mark.parametrize("which", ["open", "left", "toy"])
def test_the_fits_own_hand_is_the_rigs(right, toy_rig, which):
    """Angles, limits and points of the fit against the slower functions that everybody else uses."""
    rig = {"open": right, "left": right.mirrored(), "toy": toy_rig}[which]
    rng = np.random.default_rng(5)
    angles = rng.uniform(-2, 2, (8, 16, 3))
    fingers, model = angles[:, 1:].reshape(8, 5, 3, 3), fit_model(rig)
    np.testing.assert_allclose(
        clamped(model, fingers).reshape(8, 15, 3), clamp_angles(rig, angles)[:, 1:], atol=1e-12
    )
    about = turns(model, fingers)
    rotations = angles_to_matrices(rig, angles)
    local = about[..., 2, :, :] @ about[..., 1, :, :] @ about[..., 0, :, :]
    np.testing.assert_allclose(local.reshape(8, 15, 3, 3), rotations[:, 1:], atol=1e-12)
    state = fit_step.State(
        rodrigues(rng.normal(size=(8, 3))), fingers, rng.normal(size=(8, 10)), np.zeros((8, 3))
    )
    hand = fit_step.posed(rig, model, state, np.zeros((8, 21, 3)))
    joints, _ = rig.posed_joints(hand.rotations, state.shape)
    np.testing.assert_allclose(hand.points[:, POINTS_TO_COMMON], joints, atol=1e-6)


def test_a_hand_among_many_is_fitted_as_alone(right, hands):
    noise = 0.003 * np.random.default_rng(6).standard_normal(hands.joints.shape)
    for joints in (hands.joints, hands.joints + noise):
        many = fit_joints(right, joints)
        for index in range(0, COUNT, 8):
            alone = fit_joints(right, joints[index])
            np.testing.assert_allclose(alone.joints_m, many.joints_m[index], atol=1e-6)


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


def test_equal_weights_change_nothing_to_the_bit(right, hands):
    noisy = hands.joints + np.random.default_rng(5).normal(0, 0.004, hands.joints.shape)
    plain, weighed = fit_joints(right, noisy), fit_joints(right, noisy, weights=np.ones((COUNT, 21)))
    for one, other in zip(plain, weighed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_numbers_and_matrices_weigh_alike(right, hands):
    noisy = hands.joints + np.random.default_rng(5).normal(0, 0.004, hands.joints.shape)
    weights = np.random.default_rng(6).uniform(0.1, 1, (COUNT, 21))
    numbers = fit_joints(right, noisy, weights=weights)
    matrices = fit_joints(right, noisy, weights=weights[..., None, None] * np.eye(3))
    np.testing.assert_allclose(numbers.joints_m, matrices.joints_m, atol=1e-9)
    rays = fit_joints(right, noisy, weights=ray_weights(noisy, weights, weights))
    np.testing.assert_allclose(numbers.joints_m, rays.joints_m, atol=1e-5)


def test_a_joint_that_counts_little_gives_way(right, hands):
    """A fingertip that is 3 cm off, at a straight angle to its finger, drags the others along unless it counts less."""
    wrong = hands.joints.copy()
    wrong[:, 8, 2] += 0.03
    weights = np.ones((COUNT, 21))
    weights[:, 8] = 1e-4
    others = np.arange(21) != 8

    def off(fit):
        return np.linalg.norm(fit.joints_m - hands.joints, axis=-1)[:, others].mean()

    assert off(fit_joints(right, wrong, weights=weights)) < off(fit_joints(right, wrong)) / 5


def test_depths_that_count_little_are_mended_by_the_hands_proportions(right, hands):
    rng = np.random.default_rng(7)
    ray = hands.joints / np.linalg.norm(hands.joints, axis=-1, keepdims=True)
    noisy = hands.joints + rng.normal(0, 0.012, (COUNT, 21, 1)) * ray

    def off(fit):
        return np.linalg.norm(fit.joints_m - hands.joints, axis=-1).mean()

    assert off(fit_joints(right, noisy, weights=ray_weights(noisy, 1.0, 0.007))) < 0.8 * off(
        fit_joints(right, noisy)
    )


def test_steps_into_limits_are_not_turned_down(right, hands):
    """Six steps end where many more end, of depths as noisy as a network's: turned down, they are 3 mm from there."""
    rng = np.random.default_rng(8)
    ray = hands.joints / np.linalg.norm(hands.joints, axis=-1, keepdims=True)
    noisy = hands.joints + rng.normal(0, 0.012, (COUNT, 21, 1)) * ray
    weights = ray_weights(noisy, 0.1, 0.01)
    few, many = (fit_joints(right, noisy, weights=weights, iterations=count).joints_m for count in (6, 60))
    assert np.linalg.norm(few - many, axis=-1).mean() < 0.0002


def test_a_step_goes_no_further_beyond_a_limit_than_a_degree(right, hands):
    _, model, state, hand = started(right, hands.joints[:8])
    step = np.random.default_rng(9).normal(0, 0.5, state.angles.shape)
    far = state._replace(angles=state.angles + step)
    eased = fit_step.eased(model, hand, far)
    beyond = [np.abs(angles - clamped(model, angles)) for angles in (far.angles, eased.angles)]
    before = np.abs(hand.beyond) * np.deg2rad(2)
    assert (beyond[0] > before + np.deg2rad(5)).any()
    assert (beyond[1] <= before + np.deg2rad(1) + 1e-9).all()
    inside = beyond[0] == 0
    np.testing.assert_array_equal(eased.angles[inside], far.angles[inside])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(20), r"weights: expected \(21,\) or \(21, 3, 3\), got \(20,\)"),
        (np.zeros(21), "weights: expected positive numbers"),
        (-np.ones((21, 3, 3)), "positive definite"),
        (np.full(21, np.nan), "weights: expected"),
    ],
)
def test_weights_that_are_none(right, hands, weights, message):
    with pytest.raises(KnuckleError, match=message):
        fit_joints(right, hands.joints[0], weights=weights)
