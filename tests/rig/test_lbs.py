"""Skinning against a slow twin, numpy against torch, the mirrored hand, gradients, onnx."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig, rig_from_arrays
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import MANO16_PARENTS, MANO21_TO_COMMON

MIRROR = np.array([-1.0, 1.0, 1.0])


def random_hand(seed, *lead, spread=0.5):
    rng = np.random.default_rng(seed)
    return spread * rng.standard_normal((*lead, 16, 3)), rng.standard_normal((*lead, 10))


def naive_posed(rig: HandRig, pose, shape):
    """One vertex at a time, homogeneous matrices, as the SMPL paper writes it."""
    rotations = rodrigues(pose + rig.pose_mean)
    shaped = rig.vertices.astype(np.float64) + rig.shape_basis.astype(np.float64) @ shape
    rest = rig.joint_regressor.astype(np.float64) @ shaped
    feature = (rotations[1:] - np.eye(3)).reshape(-1)
    corrected = shaped + rig.pose_basis.astype(np.float64) @ (rig.pose_map.astype(np.float64) @ feature)
    world = []
    for joint in range(16):
        local = np.eye(4)
        local[:3, :3] = rotations[joint]
        parent = MANO16_PARENTS[joint]
        local[:3, 3] = rest[joint] - (rest[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    vertices = []
    for vertex in range(len(corrected)):
        motion = np.zeros((4, 4))
        for joint in range(16):
            back = np.eye(4)
            back[:3, 3] = -rest[joint]
            motion += float(rig.skin_weights[vertex, joint]) * world[joint] @ back
        vertices.append((motion @ np.append(corrected[vertex], 1))[:3])
    vertices = np.array(vertices)
    joints = np.concatenate([np.array(world)[:, :3, 3], vertices[rig.tip_vertices]])
    return vertices, joints[list(MANO21_TO_COMMON)], np.array(world)


def test_skinning_matches_the_naive_loop(toy_rig):
    pose, shape = random_hand(0)
    vertices, joints, world = naive_posed(toy_rig, pose, shape)
    hand = toy_rig.posed(pose, shape)
    np.testing.assert_allclose(hand.vertices, vertices, atol=1e-7)
    np.testing.assert_allclose(hand.joints, joints, atol=1e-7)
    np.testing.assert_allclose(hand.transforms, world, atol=1e-7)


def test_rest_pose_is_the_template(toy_rig):
    hand = toy_rig.posed(np.zeros((16, 3)))
    np.testing.assert_allclose(hand.vertices, toy_rig.vertices, atol=1e-7)
    np.testing.assert_allclose(hand.joints, toy_rig.joints_rest_m, atol=1e-7)


def test_float32_agrees_with_float64(toy_rig):
    pose, shape = random_hand(1)
    single = toy_rig.posed(pose.astype(np.float32), shape.astype(np.float32))
    assert single.vertices.dtype == np.float32
    np.testing.assert_allclose(single.vertices, toy_rig.posed(pose, shape).vertices, atol=1e-6)


def test_leading_dimensions_broadcast(toy_rig):
    pose, shape = random_hand(2, 2, 3)
    hand = toy_rig.posed(pose, shape, np.ones((2, 3, 3)))
    one = toy_rig.posed(pose[1, 2], shape[1, 2], np.ones(3))
    assert hand.joints.shape == (2, 3, 21, 3) and hand.transforms.shape == (2, 3, 16, 4, 4)
    for many, single in zip(hand, one, strict=True):
        np.testing.assert_allclose(many[1, 2], single, atol=1e-12)
    shared = toy_rig.posed(pose, shape[0, 0])
    np.testing.assert_allclose(
        shared.vertices[1, 1], toy_rig.posed(pose[1, 1], shape[0, 0]).vertices, atol=1e-12
    )
    assert toy_rig.posed(pose[:0]).vertices.shape == (0, 3, len(toy_rig.vertices), 3)


def test_global_rotation_turns_about_the_wrist(toy_rig):
    pose, shape = random_hand(3)
    still = pose.copy()
    still[0] = 0
    turned, plain = toy_rig.posed(pose, shape), toy_rig.posed(still, shape)
    expected = (plain.joints - plain.joints[0]) @ rodrigues(pose[0]).T + plain.joints[0]
    np.testing.assert_allclose(turned.joints, expected, atol=1e-9)


def test_mirrored_hand_is_the_left_hand(toy_rig):
    pose, shape = random_hand(4, 5)
    left = toy_rig.mirrored()
    right_hand, left_hand = toy_rig.posed(pose, shape), left.posed(pose * [1, -1, -1], shape)
    assert left.side == "left" and left.mirrored().side == "right"
    np.testing.assert_allclose(left_hand.vertices, right_hand.vertices * MIRROR, atol=1e-12)
    np.testing.assert_allclose(left_hand.joints, right_hand.joints * MIRROR, atol=1e-12)
    np.testing.assert_array_equal(left.mirrored().posed(pose, shape).vertices, right_hand.vertices)


def signed_volume(rig):
    a, b, c = (rig.vertices[rig.faces[:, k]].astype(np.float64) for k in range(3))
    return float((np.cross(a, b) * c).sum())


def test_mirroring_keeps_faces_outward(toy_rig):
    assert signed_volume(toy_rig) == pytest.approx(signed_volume(toy_rig.mirrored()))


@pytest.mark.parametrize(
    ("pose", "shape", "said"),
    [
        (np.zeros((15, 3)), np.zeros(10), r"pose: expected \(\.\.\., 16, 3\).*got \(15, 3\)"),
        (np.zeros((16, 3)), np.zeros(9), r"shape: expected \(\.\.\., 10\).*got \(9,\)"),
    ],
)
def test_wrong_shapes_are_named(toy_rig, pose, shape, said):
    with pytest.raises(KnuckleError, match=said):
        toy_rig.posed(pose, shape)


def test_rig_files_round_trip_and_bad_ones_are_refused(tmp_path, toy_arrays, toy_rig):
    path = tmp_path / "toy.npz"
    np.savez(path, **toy_arrays)
    np.testing.assert_array_equal(load_rig(path).vertices, toy_rig.vertices)
    assert load_rig(path, side="left").side == "left"
    with pytest.raises(KnuckleError, match="side"):
        load_rig(path, side="middle")  # type: ignore[arg-type]
    with pytest.raises(KnuckleError, match="no file"):
        load_rig(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not a rig")
    with pytest.raises(KnuckleError, match="not a rig file"):
        load_rig(tmp_path / "text.npz")
    with pytest.raises(KnuckleError, match="missing tip_vertices"):
        rig_from_arrays({key: value for key, value in toy_arrays.items() if key != "tip_vertices"})
    with pytest.raises(KnuckleError, match="joint tree"):
        rig_from_arrays(toy_arrays | {"parents": np.arange(16) - 1})
