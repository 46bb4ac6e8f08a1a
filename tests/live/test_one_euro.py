"""The One-Euro filter against what is known of low-passes, and its state."""

import json

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.live.one_euro import Cutoffs, OneEuro, RotationOneEuro
from knuckle.rig.quaternions import axis_angle_to_quaternion, inverse, multiply, quaternion_to_axis_angle


def run(part: OneEuro, times_s, values):
    return np.array([part.push(t, value) for t, value in zip(times_s, values, strict=True)])


def test_noise_at_rest_shrinks_by_what_the_cutoff_says():
    times = np.arange(6000) / 30.0
    noise = np.random.default_rng(1).normal(0, 1.0, (6000, 1))
    smooth = run(OneEuro(Cutoffs(1.0, 0.0)), times, noise)
    share = 2 * np.pi / 30 / (1 + 2 * np.pi / 30)
    # The variance of an exponential average of white noise.
    assert smooth.std() == pytest.approx(np.sqrt(share / (2 - share)), rel=0.1)


@pytest.mark.parametrize("uneven", [False, True])
def test_a_steady_motion_is_late_by_the_time_constant_and_with_trend_not_at_all(uneven):
    steps = np.random.default_rng(2).uniform(0.005, 0.03, 900) if uneven else np.full(900, 1 / 60)
    times = np.cumsum(steps)
    ramp = 0.3 * times[:, None]
    late = (ramp - run(OneEuro(Cutoffs(2.0, 0.0)), times, ramp))[-1, 0] / 0.3
    assert late == pytest.approx(1 / (4 * np.pi), rel=0.02)
    faster = (ramp - run(OneEuro(Cutoffs(2.0, 20.0)), times, ramp))[-1, 0] / 0.3
    assert faster == pytest.approx(1 / (2 * np.pi * 8), rel=0.02)
    ahead = (ramp - run(OneEuro(Cutoffs(2.0, 0.0, trend=1.0)), times, ramp))[-1, 0] / 0.3
    assert abs(ahead) < 1e-3


def test_a_steady_turn_is_late_alike_and_stays_a_rotation():
    times = np.arange(300) / 60
    axis = np.array([0.6, 0.0, 0.8])
    # Several turns: no axis-angle vector would pass pi without a jump.
    turning = axis_angle_to_quaternion(2.0 * times[:, None, None] * np.stack([axis, axis[::-1]]))
    smooth = run(RotationOneEuro(Cutoffs(np.array([2.0, 4.0]), 0.0)), times, turning)
    behind = np.linalg.norm(quaternion_to_axis_angle(multiply(inverse(smooth[-1]), turning[-1])), axis=-1)
    assert behind == pytest.approx(2.0 / (2 * np.pi * np.array([2.0, 4.0])), rel=0.02)
    assert np.allclose(np.linalg.norm(smooth, axis=-1), 1)


def test_the_unit_counts_in_speed_alone():
    times = np.arange(60) / 30
    walk = np.cumsum(np.random.default_rng(3).normal(size=(60, 2)), axis=0)
    metres, millimetres = OneEuro(Cutoffs(1.0, 2.0)), OneEuro(Cutoffs(1.0, 0.002))
    expected = run(metres, times, walk)
    assert np.allclose(run(millimetres, times, 1000 * walk), 1000 * expected)
    by_unit = OneEuro(Cutoffs(1.0, 0.002))
    assert np.allclose([by_unit.push(t, v, unit=1000.0) for t, v in zip(times, walk, strict=True)], expected)


def test_times_that_stand_still_run_back_or_pause():
    part = OneEuro(Cutoffs(1.0, 0.0), restart_s=0.5)
    part.push(0.0, np.zeros(3))
    second = part.push(0.1, np.ones(3))
    assert np.array_equal(part.push(0.1, 5 * np.ones(3)), second)
    with pytest.raises(KnuckleError, match="run forward"):
        part.push(0.05, np.ones(3))
    assert np.array_equal(part.push(0.7, 9 * np.ones(3)), 9 * np.ones(3))


def test_a_saved_filter_goes_on_to_the_bit():
    times, values = np.arange(20) / 30, np.random.default_rng(4).normal(size=(20, 16, 3))
    first, second = (RotationOneEuro(Cutoffs(1.0, 1.0)) for _ in range(2))
    expected = run(first, times, axis_angle_to_quaternion(values))
    run(second, times[:9], axis_angle_to_quaternion(values[:9]))
    restored = RotationOneEuro(Cutoffs(1.0, 1.0))
    restored.restore(json.loads(json.dumps(second.saved())))
    assert np.array_equal(run(restored, times[9:], axis_angle_to_quaternion(values[9:])), expected[9:])
    with pytest.raises(KnuckleError, match="saved"):
        restored.restore({"time_s": 1.0})
