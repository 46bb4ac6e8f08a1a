"""Smoothing a finished track: no lag, bridges, and wrong frames that leave no trace."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.motion import jitter, lag_frames
from knuckle.live.hand_pose import HandPose, place_joints
from knuckle.live.offline import outliers, smooth_track
from knuckle.rig.rotations import matrix_to_axis_angle, rodrigues


def error_m(moving, poses, rows=slice(None)) -> np.ndarray:
    apart = place_joints(moving.rig, poses) - place_joints(moving.rig, moving.poses)
    return np.linalg.norm(apart, axis=-1).mean(1)[rows]


def smoothed(moving, poses, confidence, times_s=None):
    times = moving.times_s if times_s is None else times_s
    return smooth_track(times, poses, confidence, threshold=0.5, rig=moving.rig)


def test_a_smoothed_track_is_steadier_nearer_and_not_late(moving):
    smooth = smoothed(moving, moving.noisy, np.ones(90))
    raw, joints, truth = (place_joints(moving.rig, p) for p in (moving.noisy, smooth.poses, moving.poses))
    assert jitter(joints, moving.times_s) < 0.25 * jitter(raw, moving.times_s)
    assert error_m(moving, smooth.poses).mean() < 0.75 * error_m(moving, moving.noisy).mean()
    assert abs(lag_frames(truth, joints, moving.times_s)) <= 0.3
    assert set(smooth.states) == {"observed"}
    assert np.ptp(smooth.poses.shape, axis=0).max() == 0


def test_what_is_smooth_stays(moving):
    smooth = smoothed(moving, moving.poses, np.ones(90))
    assert error_m(moving, smooth.poses).max() < 0.001


def test_mirrored_frames_of_high_confidence_leave_no_trace(moving):
    wrong = HandPose(*(value.copy() for value in moving.noisy))
    for row in (20, 50, 51):
        wrong.pose_rad[row] *= [1.0, -1.0, -1.0]
        turned = rodrigues(wrong.pose_rad[row, 0]) @ rodrigues(np.array([0.0, 2.0, 0.0]))
        wrong.pose_rad[row, 0] = matrix_to_axis_angle(turned)
    assert np.flatnonzero(outliers(moving.times_s, wrong)).tolist() == [20, 50, 51]
    assert not outliers(moving.times_s, moving.noisy).any()
    clean, smooth = (smoothed(moving, poses, np.ones(90)) for poses in (moving.noisy, wrong))
    assert [i for i, state in enumerate(smooth.states) if state == "bridged"] == [20, 50, 51]
    assert error_m(moving, smooth.poses).max() < 1.3 * error_m(moving, clean.poses).max()


@pytest.mark.parametrize("seen", [True, False])
def test_a_gap_is_bridged_along_the_motion(moving, seen):
    gap = slice(40, 52)
    poses = HandPose(*(value.copy() for value in moving.noisy))
    confidence = np.full(90, 0.9)
    confidence[gap] = 0.2
    for value in poses:
        value[gap] = 3.0 if seen else np.nan
    smooth = smoothed(moving, poses, confidence)
    assert {smooth.states[i] for i in range(40, 52)} == {"bridged"}
    kept = np.linalg.norm(moving.poses.root_m[gap] - moving.poses.root_m[39], axis=1).max()
    off = np.linalg.norm(smooth.poses.root_m[gap] - moving.poses.root_m[gap], axis=1).max()
    assert off < 0.6 * kept
    assert error_m(moving, smooth.poses, gap).max() < 0.025


def test_longer_gaps_and_ends_are_left(moving):
    times = moving.times_s.copy()
    times[45:] += 1.5
    poses = HandPose(*(value.copy() for value in moving.noisy))
    confidence = np.full(90, 0.9)
    confidence[:20] = 0.1
    for value in poses:
        value[44:46] = value[85:] = np.nan
    smooth = smoothed(moving, poses, confidence, times)
    assert smooth.states[:20] == ("doubtful",) * 5 + ("held",) * 15
    assert np.array_equal(smooth.poses.root_m[:5], moving.noisy.root_m[:5])
    assert np.array_equal(smooth.poses.pose_rad[5:20], np.repeat(smooth.poses.pose_rad[20:21], 15, axis=0))
    assert smooth.states[44:46] == (None, None) and smooth.states[85:] == (None,) * 5
    assert np.isnan(smooth.poses.root_m[[44, 45, 85, 89]]).all()
    assert smooth.states[20:44] == ("observed",) * 24


def test_short_tracks_pass_as_they_are(moving):
    for count in (1, 2, 3):
        part = moving.poses.rows(slice(0, count))
        smooth = smooth_track(moving.times_s[:count], part, np.ones(count), threshold=0.5, rig=moving.rig)
        assert np.allclose(smooth.poses.root_m, part.root_m, atol=1e-4 if count < 3 else 0.002)
    nothing = smooth_track(
        np.zeros(0), moving.poses.rows(slice(0, 0)), np.zeros(0), threshold=0.5, rig=moving.rig
    )
    assert nothing.states == ()


def test_wrong_input_is_refused(moving):
    with pytest.raises(KnuckleError, match="run forward"):
        smoothed(moving, moving.noisy, np.ones(90), moving.times_s[::-1])
    with pytest.raises(KnuckleError, match="as many"):
        smoothed(moving, moving.noisy, np.ones(89))
