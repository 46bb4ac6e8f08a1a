""".glb: valid buffers, viewer axes, names, normals, material; and .obj and .npz beside it."""

import json
import struct
import zipfile

import numpy as np
import pytest
import trimesh
from made_hands import made_hands

from knuckle.errors import KnuckleError
from knuckle.export.meshes import hands_to_glb, write_glb, write_obj
from knuckle.export.npz import read_npz, write_npz
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

COMPONENTS = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
TYPES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def chunks(data):
    """Header and the two chunks of a binary glTF, checked against the lengths they state."""
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    at, parts = 12, {}
    while at < len(data):
        size, kind = struct.unpack_from("<II", data, at)
        assert size % 4 == 0
        parts[kind] = data[at + 8 : at + 8 + size]
        at += 8 + size
    assert at == len(data)
    return json.loads(parts[0x4E4F534A]), parts.get(0x004E4942, b"")


def test_buffers_views_and_accessors_fit_each_other():
    tree, binary = chunks(hands_to_glb(made_hands()))
    assert tree["asset"] == {"version": "2.0", "generator": "knuckle"}
    assert tree["buffers"][0]["byteLength"] <= len(binary)
    for accessor in tree["accessors"]:
        view = tree["bufferViews"][accessor["bufferView"]]
        size = COMPONENTS[accessor["componentType"]]
        need = accessor["count"] * size * TYPES[accessor["type"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        assert accessor.get("byteOffset", 0) + need <= view["byteLength"]
        assert start % size == 0 and start + need <= tree["buffers"][0]["byteLength"]
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            attributes = {k: tree["accessors"][v] for k, v in primitive["attributes"].items()}
            assert {"POSITION", "NORMAL"} <= attributes.keys()
            assert {"min", "max"} <= attributes["POSITION"].keys()
            assert len({a["count"] for a in attributes.values()}) == 1
            material = tree["materials"][primitive["material"]]["pbrMetallicRoughness"]
            red, green, blue, alpha = material["baseColorFactor"]
            # Linear: (222, 172, 145) of 255 in sRGB.
            np.testing.assert_allclose((red, green, blue, alpha), (0.730, 0.413, 0.283, 1), atol=0.004)
            assert material["metallicFactor"] == 0 and 0.3 < material["roughnessFactor"] < 0.8


def test_round_trip_in_viewer_axes(tmp_path):
    hands = made_hands()
    write_glb(tmp_path / "photo.glb", hands)
    scene = trimesh.load(tmp_path / "photo.glb")
    assert {"left_hand_0", "right_hand_1"} <= set(scene.graph.nodes)
    for i, hand in enumerate(hands):
        transform, geometry = scene.graph[f"{hand.side}_hand_{i}"]
        np.testing.assert_allclose(transform, np.eye(4), atol=1e-9)
        mesh = scene.geometry[geometry]
        np.testing.assert_allclose(mesh.vertices, hand.vertices_m * [1, -1, -1], atol=1e-6)
        assert mesh.is_watertight and mesh.volume > 0
        outwards = mesh.vertices - mesh.vertices.mean(0)
        assert ((mesh.vertex_normals * outwards).sum(-1) > 0).all()


def test_stored_normals_are_unit_and_point_outwards():
    hands = made_hands()
    tree, binary = chunks(hands_to_glb(hands))
    for mesh in tree["meshes"]:
        arrays = {}
        for name, index in mesh["primitives"][0]["attributes"].items():
            accessor = tree["accessors"][index]
            view = tree["bufferViews"][accessor["bufferView"]]
            start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
            if accessor["type"] == "VEC3":
                arrays[name] = np.frombuffer(binary, "<f4", accessor["count"] * 3, start).reshape(-1, 3)
        np.testing.assert_allclose(np.linalg.norm(arrays["NORMAL"], axis=1), 1, atol=1e-4)
        outwards = arrays["POSITION"] - arrays["POSITION"].mean(0)
        assert ((arrays["NORMAL"] * outwards).sum(-1) > 0).all()


def test_an_empty_scene_is_valid():
    tree, binary = chunks(hands_to_glb(Hands(Camera.from_size(8, 6))))
    assert tree["scenes"][tree["scene"]] == {"name": "hands"} and not binary
    assert not {"meshes", "nodes", "accessors", "buffers"} & tree.keys()


def test_hands_without_faces_are_refused():
    with pytest.raises(KnuckleError, match="faces"):
        hands_to_glb(made_hands().with_faces(np.zeros((0, 3), int)))


def test_obj_round_trip(tmp_path):
    hands = made_hands()
    write_obj(tmp_path / "a.obj", hands)
    text = (tmp_path / "a.obj").read_text()
    assert [line for line in text.splitlines() if line.startswith("o ")] == [
        "o left_hand_0",
        "o right_hand_1",
    ]
    rows = [line.split() for line in text.splitlines()]
    vertices = np.array([row[1:] for row in rows if row[0] == "v"], dtype=float)
    faces = np.array([row[1:] for row in rows if row[0] == "f"], dtype=int) - 1
    np.testing.assert_allclose(vertices, hands.vertices_m.reshape(-1, 3) * [1, -1, -1], atol=1e-6)
    both = trimesh.load(tmp_path / "a.obj", process=False)
    parts = trimesh.Trimesh(vertices, faces, process=False).split()
    assert len(parts) == 2 and all(part.is_watertight and part.volume > 0 for part in parts)
    assert both.volume == pytest.approx(sum(part.volume for part in parts))


@pytest.mark.parametrize(
    "hands", [made_hands(), Hands(Camera.from_size(9, 7), model="x")], ids=["two", "none"]
)
def test_npz_round_trip_is_exact(tmp_path, hands):
    write_npz(tmp_path / "a.npz", hands)
    back = read_npz(tmp_path / "a.npz")
    assert (back.sides, back.model, back.camera) == (hands.sides, hands.model, hands.camera)
    for name in (
        "confidence",
        "boxes_px",
        "joints_px",
        "joints_m",
        "vertices_m",
        "pose_rad",
        "shape",
        "faces",
    ):
        np.testing.assert_array_equal(getattr(back, name), getattr(hands, name))


def test_other_npz_files_are_refused_by_name(tmp_path):
    np.savez(tmp_path / "odd.npz", a=np.zeros(3))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("odd.npz", "text.npz", "gone.npz"):
        with pytest.raises(KnuckleError, match=name):
            read_npz(tmp_path / name)


def test_an_npz_that_says_it_is_huge_is_refused(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2**48,), }\n".replace(
        b"2**48", b"%d" % 2**48
    )
    with zipfile.ZipFile(tmp_path / "huge.npz", "w") as archive:
        archive.writestr("camera_fx.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(KnuckleError, match=r"huge.npz: expected an .npz of knuckle's hands"):
        read_npz(tmp_path / "huge.npz")
