"""Metrics of motion against motions whose derivatives are known."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.motion import (
    acceleration_error,
    accelerations,
    fastest,
    jitter,
    lag_frames,
    velocities,
)

TIMES_S = np.arange(120) / 30.0


def swinging(times_s: np.ndarray, hz: float = 0.8) -> np.ndarray:
    """Two joints that swing to both sides and up and down."""
    phase = 2 * np.pi * hz * times_s[:, None]
    x = 0.1 * np.sin(phase + np.array([0.0, 0.3]))
    return np.stack([x, 0.05 * np.cos(1.7 * phase) + 0 * x, 0.5 + 0 * x], -1)


def test_a_parabola_has_its_acceleration_at_any_distance_of_frames():
    times = np.cumsum(np.random.default_rng(1).uniform(0.01, 0.08, 40))
    falling = np.zeros((40, 1, 3))
    falling[:, 0, 1] = 0.5 * 9.81 * times**2
    assert np.allclose(accelerations(falling, times)[:, 0], [0, 9.81, 0])
    assert jitter(falling, times) == pytest.approx(9.81)
    middles = (times[1:] + times[:-1]) / 2
    assert np.allclose(velocities(falling, times)[:, 0, 1], 9.81 * middles)


def test_noise_of_known_size_gives_its_jitter():
    noise = np.random.default_rng(2).normal(0, 0.002, (4000, 2, 3))
    times = np.arange(4000) / 30.0
    # Second differences of white noise: sqrt(6) times its size, three components.
    expected = np.sqrt(6) * 0.002 * 900 * np.sqrt(8 / np.pi)
    assert jitter(noise, times) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("frames", [-1.0, 0.0, 0.4, 2.0])
def test_a_late_track_is_late_by_as_many_frames(frames):
    late = swinging(TIMES_S - frames / 30)
    late += 0.3 + np.random.default_rng(3).normal(0, 0.001, late.shape)
    assert lag_frames(swinging(TIMES_S), late, TIMES_S) == pytest.approx(frames, abs=0.11)


def test_a_track_that_does_not_follow_has_no_lag():
    still = np.zeros((120, 2, 3))
    noise = np.random.default_rng(4).normal(0, 0.01, still.shape)
    assert np.isnan(lag_frames(still, noise, TIMES_S))
    assert np.isnan(lag_frames(swinging(TIMES_S), noise, TIMES_S))


def test_acceleration_error_is_of_motion_and_not_of_place():
    truth = swinging(TIMES_S)
    assert acceleration_error(truth, truth + 0.2, TIMES_S) == pytest.approx(0, abs=1e-9)
    still = np.broadcast_to(truth[:1], truth.shape)
    assert acceleration_error(truth, still, TIMES_S) == pytest.approx(jitter(truth, TIMES_S))


def test_frames_out_of_the_picture_take_no_part():
    truth = swinging(TIMES_S)
    predicted = swinging(TIMES_S - 1 / 30)
    truth[50:60] = np.nan
    predicted[50:60] = 7.0
    assert lag_frames(truth, predicted, TIMES_S) == pytest.approx(1.0, abs=0.06)
    assert acceleration_error(truth, predicted, TIMES_S) < jitter(swinging(TIMES_S), TIMES_S)
    assert not fastest(truth, TIMES_S)[49:61].any()


def test_the_fastest_frames_are_where_a_swing_passes_its_middle():
    phase = 2 * np.pi * 0.5 * TIMES_S
    swing = np.zeros((120, 1, 3))
    swing[:, 0, 0] = np.sin(phase)
    chosen = fastest(swing, TIMES_S)
    assert chosen.sum() == 12
    assert (np.abs(np.cos(phase[chosen])) > 0.94).all()


def test_times_that_stand_still_and_broken_predictions_are_refused():
    with pytest.raises(KnuckleError, match="run forward"):
        jitter(swinging(TIMES_S), np.zeros(120))
    broken = swinging(TIMES_S)
    broken[3] = np.nan
    with pytest.raises(KnuckleError, match="finite"):
        acceleration_error(swinging(TIMES_S), broken, TIMES_S)
