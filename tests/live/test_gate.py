"""The gate, the filter of whole hands behind it, and their state."""

import json

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.motion import jitter
from knuckle.live.gate import Gate
from knuckle.live.hand_pose import HandPose, between, place, place_joints
from knuckle.live.pose_filter import PoseFilter, palm_middle_m
from knuckle.rig.rotations import rodrigues

THRESHOLD = 0.5


def push_all(gate: Gate, moving, confidence, *, poses=None, rows=slice(None)):
    poses = moving.noisy if poses is None else poses
    frames = range(len(moving.times_s))[rows]
    return [
        gate.push(
            moving.times_s[i], None if confidence[i] is None else poses.rows(i), confidence[i] or 0, THRESHOLD
        )
        for i in frames
    ]


def test_filtered_joints_and_mesh_are_the_rigs_and_steadier(moving):
    part = PoseFilter(moving.rig)
    smooth = [part.push(t, moving.noisy.rows(i)) for i, t in enumerate(moving.times_s)]
    joints = np.array([place_joints(moving.rig, pose) for pose in smooth])
    raw = place_joints(moving.rig, moving.noisy)
    assert jitter(joints, moving.times_s) < 0.5 * jitter(raw, moving.times_s)
    placed = place(moving.rig, smooth[40])
    assert np.allclose(placed.joints_m, joints[40], atol=1e-6)
    assert np.allclose(placed.joints_m[0], smooth[40].root_m)
    # The index finger's tip is a point of the mesh.
    assert np.allclose(placed.vertices_m[moving.rig.tip_vertices[1]], placed.joints_m[8], atol=1e-6)
    truth = place_joints(moving.rig, moving.poses)
    error = [np.linalg.norm(j - truth, axis=-1)[15:].mean() for j in (joints, raw)]
    assert error[0] < error[1]


def test_an_unsure_frame_takes_the_confident_pose_before_it(moving):
    confidence = [0.9] * 90
    confidence[30:34] = [0.1, None, 0.3, 0.2]
    wrong = moving.noisy.pose_rad.copy()
    wrong[30:34] += 1.0
    poses = moving.noisy._replace(pose_rad=wrong)
    gate = Gate(moving.rig, filtered=False, coast_s=0.0, follows=False)
    gated = push_all(gate, moving, confidence, poses=poses)
    for i in range(30, 34):
        assert gated[i].state == "held"
        assert np.array_equal(gated[i].pose.pose_rad, moving.noisy.pose_rad[29])
        assert np.array_equal(gated[i].pose.root_m, moving.noisy.root_m[29])
    assert [gated[i].state for i in (29, 34, 35, 36, 37)] == [
        "observed",
        *["doubtful"] * 2,
        *["observed"] * 2,
    ]
    # Blended in: a third of the way, then two thirds.
    third = between(moving.noisy.rows(29), moving.noisy.rows(34), 1 / 3)
    assert np.allclose(gated[34].pose.root_m, third.root_m, atol=1e-6)
    assert np.array_equal(gated[36].pose.root_m, moving.noisy.root_m[36])


def test_a_held_hand_is_seen_where_its_frame_shows_it(moving):
    confidence = [0.9] * 90
    confidence[30:34] = [0.1] * 4
    wrong = moving.poses.pose_rad.copy()
    wrong[30:34, 0] += 0.5
    farther = moving.poses.root_m.copy()
    farther[30:34] *= 1.5
    poses = moving.poses._replace(pose_rad=wrong, root_m=farther)
    gated = push_all(Gate(moving.rig, filtered=False), moving, confidence, poses=poses)
    for i in range(30, 34):
        assert np.array_equal(gated[i].pose.pose_rad, moving.poses.pose_rad[29])
        middles = [
            pose.root_m + rodrigues(pose.pose_rad[0]) @ palm_middle_m(moving.rig)
            for pose in (gated[i].pose, poses.rows(i), moving.poses.rows(29))
        ]
        assert np.allclose(middles[0][:2] / middles[0][2], middles[1][:2] / middles[1][2])
        assert middles[0][2] == pytest.approx(middles[2][2])


def test_a_single_bad_frame_costs_one_frame(moving):
    confidence = [0.9] * 90
    confidence[50] = 0.0
    states = [gated.state for gated in push_all(Gate(moving.rig), moving, confidence)]
    assert states == ["observed"] * 50 + ["held"] + ["observed"] * 39


def test_what_is_held_too_long_is_doubtful_or_lost(moving):
    confidence = [0.9] * 90
    confidence[20:60] = [0.1] * 40
    gate = Gate(moving.rig, hold_s=0.5, filtered=False)
    gated = push_all(gate, moving, confidence)
    assert {one.state for one in gated[20:34]} == {"held"}
    assert {one.state for one in gated[36:60]} == {"doubtful"}
    assert np.array_equal(gated[50].pose.root_m, moving.noisy.root_m[50])
    assert gated[60].state == "observed"
    confidence[20:60] = [None] * 40
    gated = push_all(Gate(moving.rig, hold_s=0.5), moving, confidence)
    assert {one.state for one in gated[20:34]} == {"held"}
    assert all(one == (None, None) for one in gated[36:60])
    assert gated[60].state == "observed"


def test_a_track_that_begins_unsure_is_doubtful(moving):
    confidence = [0.1] * 10 + [0.9] * 80
    states = [gated.state for gated in push_all(Gate(moving.rig), moving, confidence)]
    assert states == ["doubtful"] * 10 + ["observed"] * 80


def test_a_held_hand_goes_on_a_little_as_it_moved(moving):
    confidence = [0.9] * 90
    confidence[32:40] = [None] * 8
    still, going = (
        push_all(Gate(moving.rig, filtered=False, coast_s=coast), moving, confidence, poses=moving.poses)
        for coast in (0.0, 0.1)
    )
    assert still[36].pose.root_m[0] == moving.poses.root_m[31, 0]
    travelled = [going[i].pose.root_m[0] - moving.poses.root_m[31, 0] for i in range(32, 40)]
    steps = np.abs(np.diff([0.0, *travelled]))
    true_step = abs(moving.poses.root_m[32, 0] - moving.poses.root_m[31, 0])
    assert np.sign(travelled[0]) == np.sign(moving.poses.root_m[32, 0] - moving.poses.root_m[31, 0])
    assert 0.3 * true_step < steps[0] < 1.2 * true_step
    assert (np.diff(steps) < 0).all()


def test_a_saved_gate_goes_on_to_the_bit(moving):
    confidence = [0.9] * 90
    confidence[40:47] = [0.1, None, 0.1, 0.2, 0.2, 0.1, 0.1]
    expected = push_all(Gate(moving.rig), moving, confidence)
    for cut in (0, 30, 43, 48):
        gate, restored = Gate(moving.rig), Gate(moving.rig)
        push_all(gate, moving, confidence, rows=slice(0, cut))
        restored.restore(json.loads(json.dumps(gate.saved())))
        rest = push_all(restored, moving, confidence, rows=slice(cut, 60))
        for one, other in zip(rest, expected[cut:60], strict=True):
            assert one.state == other.state
            assert all(np.array_equal(a, b) for a, b in zip(one.pose, other.pose, strict=True))


def test_broken_states_and_times_that_run_back_are_refused(moving):
    gate = Gate(moving.rig)
    gate.push(1.0, moving.noisy.rows(0), 0.9, THRESHOLD)
    with pytest.raises(KnuckleError, match="run forward"):
        gate.push(0.9, moving.noisy.rows(1), 0.9, THRESHOLD)
    with pytest.raises(KnuckleError, match="saved"):
        gate.restore({"filter": gate.saved()["filter"]})
    with pytest.raises(KnuckleError, match="pose_rad"):
        HandPose.from_dict({"root_m": [0, 0, 1], "pose_rad": [0], "shape": [0] * 10})
