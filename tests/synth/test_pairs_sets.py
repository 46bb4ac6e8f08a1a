"""Two-hand sets on disk: shares, format, and the same bytes however they were rendered."""

import json

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.rig import load_rig
from knuckle.synth import SynthOptions, SynthSet, writer
from knuckle.synth.pairs import pool as pair_pool
from knuckle.synth.pairs.engine import PairEngine
from knuckle.synth.pairs.mesh import build_pair_mesh
from knuckle.synth.pairs.pool import PairPool
from knuckle.synth.writer import render_set

OPTIONS = SynthOptions(size=32, negatives=0.25, backgrounds="procedural", hands="two", singles=1 / 3)
COUNT = 24


@pytest.fixture(autouse=True)
def small_shards(monkeypatch, few_pairs):
    monkeypatch.setattr(writer, "SHARD", 8)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_pool, "CHUNK_PAIRS", 32)
        out = tmp_path_factory.mktemp("pairs") / "reference"
        return SynthSet(render_set(out, COUNT, seed=3, options=OPTIONS))


def test_a_set_holds_the_labels_of_both_hands(reference):
    assert reference.hands == 2
    shapes = {name: (array.shape[1:], array.dtype) for name, array in reference.labels.items()}
    assert shapes == {
        "is_hand": ((2,), bool),
        "joints_px": ((2, 21, 2), np.float32),
        "joints_m": ((2, 21, 3), np.float32),
        "pose": ((2, 16, 3), np.float32),
        "shape": ((2, 10), np.float32),
        "translation": ((2, 3), np.float32),
        "camera": ((4,), np.float32),
        "frame_size": ((2,), np.int32),
        "patch_from_frame": ((2, 3), np.float32),
        "visible": ((2, 21), bool),
        "kind": ((), np.uint8),
        "part_mask": ((16, 16), np.uint8),
    }
    assert reference.images.shape == (COUNT, 32, 32, 3)


def test_shares_are_exact_and_sides_take_turns(reference):
    there = reference.labels["is_hand"]
    assert (~there.any(1)).sum() == 6
    assert there.all(1).sum() == 12
    assert (there[:, 0] & ~there[:, 1]).sum() == (there[:, 1] & ~there[:, 0]).sum() == 3
    assert (reference.labels["kind"] == 255).sum() == 12


def test_sets_of_one_hand_say_so_and_their_index_is_as_ever(tmp_path):
    out = render_set(tmp_path / "one", 2, options=SynthOptions(size=32, backgrounds="procedural"))
    assert SynthSet(out).hands == 1
    options = json.loads((out / "index.json").read_text())["options"]
    assert options == {"size": 32, "negatives": 0.0, "labels": "joints", "backgrounds": "procedural"}


def test_samples_depend_on_seed_and_index_alone(reference):
    engine = PairEngine(3, OPTIONS)
    for i in (23, 2, 23):
        sample = engine.sample(i)
        np.testing.assert_array_equal(sample.image, reference.images[i])
        for name, value in sample.labels().items():
            np.testing.assert_array_equal(value, reference.labels[name][i], err_msg=name)
    other = PairEngine(4, OPTIONS).sample(0)
    assert (other.image != reference.images[0]).mean() > 0.5


def test_a_set_that_was_cut_short_is_finished_to_the_same_bytes(reference, tmp_path):
    out = render_set(tmp_path / "spoilt", COUNT, seed=3, options=OPTIONS)
    images = np.load(out / "images.npy", mmap_mode="r+")
    images[8:20] = 7
    images.flush()
    (out / "done" / "000001").unlink()
    (out / "done" / "000002").unlink()
    render_set(out, COUNT, seed=3, options=OPTIONS, resume=True)
    again = SynthSet(out)
    np.testing.assert_array_equal(again.images, reference.images)
    for name in again.labels:
        np.testing.assert_array_equal(again.labels[name], reference.labels[name], err_msg=name)
    singles = SynthOptions(**(OPTIONS.to_dict() | {"singles": 0.5}))
    with pytest.raises(KnuckleError, match="its options is"):
        render_set(out, COUNT, seed=3, options=singles, resume=True)


def test_vertices_of_both_hands_are_stored_with_full_labels(tmp_path):
    options = SynthOptions(size=32, labels="full", backgrounds="procedural", hands="two", singles=0.5)
    full = SynthSet(render_set(tmp_path / "full", 4, options=options))
    vertices, there = full.labels["vertices_m"], full.labels["is_hand"]
    assert vertices.shape == (4, 2, len(load_rig("open").vertices), 3)
    assert vertices[there].any((1, 2)).all() and not vertices[~there].any()


def test_pairs_are_drawn_once_and_shared_on_disk(tmp_path):
    rig = load_rig("open")
    fresh = PairPool(rig, 9, tmp_path).pair(5)
    stored = sorted(path.name for path in tmp_path.iterdir())
    assert stored == ["pairs-000.npz"]
    again, alone = PairPool(rig, 9, tmp_path).pair(5), PairPool(rig, 9).pair(5)
    for name in ("pose", "shape", "translation", "kind"):
        np.testing.assert_array_equal(getattr(fresh, name), getattr(again, name))
        np.testing.assert_array_equal(getattr(fresh, name), getattr(alone, name))
    pool = PairPool(rig, 9, tmp_path)
    assert np.abs(pool.view(5) - pool.view(6)).max() > 1e-3


def test_both_hands_of_the_mesh_face_outward_and_mirror_each_other():
    rig = load_rig("open")
    mesh = build_pair_mesh(rig)
    vertices = np.zeros((mesh.vertex_count, 3))
    for side, flip in enumerate((1, -1)):
        vertices[mesh.rows[side][: len(rig.vertices)]] = (rig.vertices + np.array([0.2, 0, 0])) * [flip, 1, 1]
    faces = mesh.faces[: mesh.first_arm]
    right, left = np.split(faces, 2)
    middle = vertices[mesh.loop].reshape(2, -1, 3).mean(1)
    volumes = []
    for side, own in enumerate((right, left)):
        a, b, c = (vertices[own[:, k]] - middle[side] for k in range(3))
        volumes.append((a * np.cross(b, c)).sum() / 6)
    assert volumes[0] == pytest.approx(volumes[1], rel=1e-6)
    assert 1e-4 < volumes[0] < 6e-4
    assert set(np.unique(mesh.face_part[: len(right)])) == set(range(16))
    np.testing.assert_array_equal(
        mesh.face_part[len(right) : 2 * len(right)], mesh.face_part[: len(right)] + 16
    )
    assert (mesh.face_part[mesh.first_arm :] == -1).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [({"hands": "three"}, "hands"), ({"singles": 1.2}, "singles"), ({"hands": "two", "size": 97}, "size")],
)
def test_options_out_of_range_are_named(options, named):
    with pytest.raises(KnuckleError, match=f"{named}: expected"):
        SynthOptions(**options)


def test_the_engine_of_pairs_refuses_options_of_one_hand():
    with pytest.raises(KnuckleError, match="hands: expected two"):
        PairEngine(0, SynthOptions())
