"""The rig fitted to both hands of a pair."""

from dataclasses import replace

import numpy as np
import pytest

from knuckle.inference.pairing import PairEstimate
from knuckle.inference.refine import fit_pairs
from knuckle.poses.prior import sample_poses
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues

RIGHT, LEFT = load_rig("open"), load_rig("open", side="left")
CAMERA = np.array([600.0, 620.0, 320.0, 240.0])
COUNT = 5


@pytest.fixture(scope="module")
def pairs() -> tuple[PairEstimate, np.ndarray, np.ndarray]:
    """Outputs of a two-hand network that is right, the cameras, and the true vertices."""
    rng = np.random.default_rng(0)
    poses = np.stack([sample_poses(rig, COUNT, rng) for rig in (RIGHT, LEFT)], 1).astype(float)
    poses[:, :, 0] = rng.normal(0, 0.6, (COUNT, 2, 3))
    places = rng.normal((0, 0, 0.6), 0.04, (COUNT, 2, 3))
    hands = [
        rig.posed(poses[:, i], np.zeros((COUNT, 10)), places[:, i]) for i, rig in enumerate((RIGHT, LEFT))
    ]
    joints = np.stack([hand.joints for hand in hands], 1)
    joints_px = joints[..., :2] / joints[..., 2:] * CAMERA[:2] + CAMERA[2:]
    outputs = PairEstimate(joints_px, joints, np.full((COUNT, 2), 0.9))
    return outputs, np.tile(CAMERA, (COUNT, 1)), np.stack([hand.vertices for hand in hands], 1)


def test_both_hands_and_their_meshes_are_recovered(pairs):
    outputs, camera, vertices = pairs
    fused = fit_pairs(outputs, camera, rig=RIGHT)
    assert np.linalg.norm(fused.joints_m - outputs.joints_m, axis=-1).mean() < 5e-4
    assert np.linalg.norm(fused.vertices_m - vertices, axis=-1).mean() < 2e-3
    assert np.abs(fused.joints_px - outputs.joints_px).mean() < 0.5
    residual = np.linalg.norm(fused.joints_m - outputs.joints_m, axis=-1).mean(-1)
    np.testing.assert_allclose(fused.residual_m, residual, atol=1e-9)
    np.testing.assert_array_equal(fused.confidence, outputs.confidence)


def test_rotations_turn_the_rig_of_the_hands_side(pairs):
    outputs, camera, _ = pairs
    fused = fit_pairs(outputs, camera, rig=RIGHT)
    for index, rig in enumerate((RIGHT, LEFT)):
        hand = rig.posed(fused.pose_rad[:, index], fused.shape[:, index])
        move = fused.joints_m[:, index, :1] - hand.joints[:, :1]
        np.testing.assert_allclose(hand.vertices + move, fused.vertices_m[:, index], atol=1e-6)
        np.testing.assert_allclose(hand.joints + move, fused.joints_m[:, index], atol=1e-6)


def test_the_mirrored_pair_is_the_mirrored_answer(pairs):
    outputs, camera, _ = pairs
    flip = np.array([-1.0, 1, 1])
    mirrored = replace(outputs, joints_m=outputs.joints_m[:, ::-1] * flip)
    fused, other = fit_pairs(outputs, camera, rig=RIGHT), fit_pairs(mirrored, camera, rig=RIGHT)
    np.testing.assert_allclose(other.vertices_m[:, ::-1] * flip, fused.vertices_m, atol=1e-7)
    turns = rodrigues(other.pose_rad[:, ::-1] * -flip), rodrigues(fused.pose_rad)
    np.testing.assert_allclose(*turns, atol=1e-6)
    np.testing.assert_allclose(other.residual_m[:, ::-1], fused.residual_m, atol=1e-9)


def test_network_alone_keeps_its_joints_and_gets_the_mesh(pairs):
    outputs, camera, vertices = pairs
    noisy = outputs.joints_m + np.random.default_rng(1).normal(0, 0.004, outputs.joints_m.shape)
    alone = fit_pairs(replace(outputs, joints_m=noisy), camera, rig=RIGHT, refine=False)
    np.testing.assert_array_equal(alone.joints_m, noisy)
    np.testing.assert_array_equal(alone.joints_px, outputs.joints_px)
    fitted = fit_pairs(replace(outputs, joints_m=noisy), camera, rig=RIGHT)
    np.testing.assert_array_equal(alone.vertices_m, fitted.vertices_m)
    assert np.abs(fitted.joints_m - noisy).max() > 1e-3
    assert np.linalg.norm(alone.vertices_m - vertices, axis=-1).mean() < 0.02


def test_what_is_no_hand_keeps_its_joints_and_leaves_the_other_alone(pairs):
    outputs, camera, _ = pairs
    broken = outputs.joints_m.copy()
    broken[0, 1] *= 30
    broken[1, 0, :, 2] = -0.5
    broken[2, 1, 5, 2] = 0
    fused = fit_pairs(replace(outputs, joints_m=broken), camera, rig=RIGHT)
    whole = fit_pairs(outputs, camera, rig=RIGHT)
    for row, hand in ((0, 1), (1, 0), (2, 1)):
        np.testing.assert_array_equal(fused.joints_m[row, hand], broken[row, hand])
        np.testing.assert_array_equal(fused.joints_px[row, hand], outputs.joints_px[row, hand])
        np.testing.assert_array_equal(fused.pose_rad[row, hand], np.zeros((16, 3)))
        assert np.isnan(fused.residual_m[row, hand]) and np.isfinite(fused.vertices_m[row, hand]).all()
        np.testing.assert_allclose(fused.joints_m[row, 1 - hand], whole.joints_m[row, 1 - hand], atol=1e-6)
    nothing = fit_pairs(replace(outputs, joints_m=broken * 40), camera, rig=RIGHT)
    assert np.isnan(nothing.residual_m).all()
    np.testing.assert_array_equal(nothing.joints_m, broken * 40)
