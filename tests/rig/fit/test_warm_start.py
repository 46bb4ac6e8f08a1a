"""Fits that start from the frame before."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.poses.prior import sample_orientations, sample_poses, sample_shapes
from knuckle.rig import load_rig
from knuckle.rig.fit import joints as fitting
from knuckle.rig.fit.joints import FitStart, fit_joints
from knuckle.rig.rotations import matrix_to_axis_angle

RIG = load_rig()
STEPS = 12


@pytest.fixture(scope="module")
def moving():
    """Joints of eight hands in frames of a slow motion, with a network's noise."""
    rng = np.random.default_rng(3)
    pose = sample_poses(RIG, 8, rng).astype(float)
    pose[:, 0] = matrix_to_axis_angle(sample_orientations(8, rng))
    shape = sample_shapes(8, rng).astype(float)
    noise = 0.003 * rng.standard_normal((8, 21, 3))
    frames = []
    for number in range(STEPS):
        bent = pose * (1 - 0.004 * number)
        frames.append(RIG.posed(bent, shape, np.array([0.1, 0.0, 0.5 + 0.004 * number])).joints + noise)
    return frames


def test_warm_and_cold_fits_agree_on_slow_motion(moving, monkeypatch):
    steps = []
    step = fitting.step
    monkeypatch.setattr(fitting, "step", lambda *given: (steps.append(1), step(*given))[1])
    fit, apart = fit_joints(RIG, moving[0]), []
    for joints in moving[1:]:
        steps.clear()
        fit = fit_joints(RIG, joints, start=FitStart(fit.pose, fit.shape))
        taken = len(steps)
        apart.append(np.linalg.norm(fit.joints_m - fit_joints(RIG, joints).joints_m, axis=-1).mean(1))
        assert taken <= 4
    assert np.mean(apart) < 1e-4 and np.median(apart) < 1e-4


def test_a_hand_without_a_start_gets_the_analytic_one(moving):
    cold = fit_joints(RIG, moving[0], iterations=0)
    start = FitStart(np.full((8, 16, 3), np.nan), np.full((8, 10), np.nan))
    assert np.allclose(fit_joints(RIG, moving[0], iterations=0, start=start).pose, cold.pose)
    start.pose[2], start.shape[2] = 0.0, 0.0
    mixed = fit_joints(RIG, moving[0], iterations=0, start=start)
    assert np.allclose(np.delete(mixed.pose, 2, 0), np.delete(cold.pose, 2, 0))
    assert np.allclose(mixed.shape[2], 0)


def test_a_start_of_other_hands_is_refused(moving):
    with pytest.raises(KnuckleError, match=r"start: expected pose \(8, 16, 3\)"):
        fit_joints(RIG, moving[0], start=FitStart(np.zeros((7, 16, 3)), np.zeros((7, 10))))
