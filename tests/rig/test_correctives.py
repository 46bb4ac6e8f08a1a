"""Knuckles, pads and web of a bent hand: nothing at rest, small, smooth, outwards, alike on both sides."""

import numpy as np
import pytest

from knuckle.poses.prior import sample_poses
from knuckle.rig.correctives import add_correctives
from knuckle.rig.limits import angles_to_pose, joint_limits
from knuckle.rig.load import load_rig
from knuckle.skeleton import COMMON_TO_MANO16

MIRROR = np.array([1, -1, -1])
FIRST = (1, 4, 10, 7)


@pytest.fixture(scope="module")
def rig():
    return load_rig("open")


@pytest.fixture(scope="module")
def poses(rig):
    """From the prior, and anywhere within the limits."""
    rng = np.random.default_rng(0)
    low, high = joint_limits()
    anywhere = angles_to_pose(rig, rng.uniform(low, high, (32, 16, 3)))
    return np.concatenate([sample_poses(rig, 32, rng).astype(np.float64), anywhere])


@pytest.fixture(scope="module")
def hands(rig, poses):
    return rig.posed(poses)


@pytest.fixture(scope="module")
def moves(rig, hands):
    return add_correctives(rig, hands) - hands.vertices


def bent(rig, joints, degrees, axis=2):
    angles = rig.rest_angles.astype(np.float64).copy()
    angles[list(joints), axis] += np.deg2rad(degrees)
    return rig.posed(angles_to_pose(rig, angles))


def moved(rig, hand):
    return add_correctives(rig, hand) - hand.vertices


def test_the_rest_pose_is_left_alone(rig):
    rest = rig.posed(np.zeros((16, 3)), translation=np.array([0.1, -0.2, 0.5]))
    np.testing.assert_allclose(add_correctives(rig, rest), rest.vertices, atol=1e-7)
    # What lifts the fingers back bends nothing.
    assert np.abs(moved(rig, bent(rig, FIRST, -20))).max() < 1e-7


def test_moves_are_small_and_some(moves):
    length = np.linalg.norm(moves, axis=-1)
    assert np.isfinite(moves).all()
    assert np.median(length.max(1)) > 0.002 and length.max() < 0.005


def test_neighbours_move_alike(rig, moves):
    """Less than 0.7 mm apart a mm: what stays well below 1 turns nothing inside out."""
    edges = np.concatenate([rig.faces[:, k] for k in ([0, 1], [1, 2], [2, 0])])
    one, other = edges.T
    apart = np.linalg.norm(rig.vertices[one] - rig.vertices[other], axis=-1)
    assert (np.linalg.norm(moves[:, one] - moves[:, other], axis=-1) < 0.7 * apart).all()


def test_strength_scales_each_hand(rig, hands, moves):
    strength = np.linspace(0, 1.3, len(moves))
    scaled = add_correctives(rig, hands, strength) - hands.vertices
    np.testing.assert_allclose(scaled, strength[:, None, None] * moves, atol=1e-9)


def test_one_hand_is_as_in_a_batch_and_keeps_its_dtype(rig, poses, hands, moves):
    single = rig.posed(poses[3].astype(np.float32))
    assert add_correctives(rig, single).dtype == np.float32
    np.testing.assert_allclose(moved(rig, single), moves[3], atol=1e-6)
    assert add_correctives(rig, hands).dtype == np.float64


def test_moves_turn_with_the_hand_and_grow_with_it(rig, poses, moves):
    pose = poses[5].copy()
    pose[0] = (0.4, -1.1, 2.0)
    turned = rig.posed(pose, translation=np.array([0.0, 0.1, 0.6]))
    plain = rig.posed(poses[5])
    turn = turned.transforms[0, :3, :3] @ plain.transforms[0, :3, :3].T
    np.testing.assert_allclose(moved(rig, turned), moves[5] @ turn.T, atol=1e-9)
    shape = np.zeros(10)
    shape[0] = 1.5
    larger = np.linalg.norm(moved(rig, rig.posed(poses[5], shape)), axis=-1).max()
    assert larger == pytest.approx(1.15 * np.linalg.norm(moves[5], axis=-1).max(), rel=0.02)


def test_the_left_hand_is_the_mirror_image(rig, poses, moves):
    left = load_rig("open", side="left")
    mirrored = moved(left, left.posed(poses * MIRROR))
    np.testing.assert_allclose(mirrored, moves * [-1, 1, 1], atol=1e-6)


@pytest.mark.parametrize("joint", [1, 4, 10, 7, 2, 5, 11, 8, 14])
def test_knuckles_of_a_fist_stand_out(rig, joint):
    """What lies on the back of a joint, at rest, moves away from it when the joint is bent."""
    hand = bent(rig, (joint,), 80)
    common = COMMON_TO_MANO16[joint]
    along, dorsal, across = rig.axes[joint] @ (rig.vertices - rig.joints_rest_m[common]).T
    knuckle = (np.abs(along) < 0.005) & (np.abs(across) < 0.006) & (dorsal > 0.003) & (dorsal < 0.015)
    off = hand.vertices - hand.joints[common]
    outwards = (moved(rig, hand) * off).sum(1)[knuckle] / np.linalg.norm(off[knuckle], axis=1)
    assert len(outwards) > 1 and outwards.max() > 0.001 and outwards.min() > 0


def test_the_fist_gets_back_some_of_its_volume(rig):
    fist = bent(rig, (*FIRST, 2, 5, 8, 11, 3, 6, 9, 12), 65)

    def volume(vertices):
        a, b, c = (vertices[rig.faces[:, k]] for k in range(3))
        return np.einsum("ij,ij->", a, np.cross(b, c)) / 6

    kept, full = volume(fist.vertices), volume(rig.vertices.astype(np.float64))
    assert kept < volume(add_correctives(rig, fist)) < 1.04 * full


def test_an_opposed_thumb_draws_out_its_web(rig):
    hand = bent(rig, (13,), 35)
    joints = hand.joints
    saddle = (joints[2] + joints[5]) / 2
    out = (saddle - joints[1]) / np.linalg.norm(saddle - joints[1])
    web = np.linalg.norm(hand.vertices - saddle, axis=1) < 0.01
    drawn = moved(rig, hand)[web] @ out
    assert web.sum() >= 3 and drawn.min() > 0.0003 and drawn.max() > 0.0025


def test_an_adducted_thumb_raises_the_muscle_beside_it(rig):
    hand = bent(rig, (13,), -22, axis=1)
    back = hand.transforms[0, :3, :3] @ rig.axes[0, 1]
    raised = moved(rig, hand) @ back
    assert raised.max() > 0.0015 and raised.min() > -1e-6
