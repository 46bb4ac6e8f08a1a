"""The MANO reader on files of its format made here, and on files that try to run code."""

import builtins
import os
import pickle

import numpy as np
import pytest
from scipy import sparse

from knuckle.errors import KnuckleError
from knuckle.rig.mano import load_mano
from knuckle.rig.rotations import rodrigues
from knuckle.rig.safe_pickle import load_whitelisted_pickle, to_array
from knuckle.rig.tips import MANO_TIPS


class FakeGlobal:
    """Pickles as an object of any module's class, with a state, as chumpy and old scipy objects do."""

    def __init__(self, module, name, state):
        self.module, self.name, self.state = module, name, state


class OldPickler(pickle._Pickler):
    """Protocol 2 with Python 2's module names, as MANO's files have."""

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, FakeGlobal):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
            self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
            self.save(obj.state)
            self.write(pickle.BUILD)
        else:
            super().save(obj, save_persistent_id)


def write(path, obj):
    with path.open("wb") as file:
        OldPickler(file, protocol=2).dump(obj)
    return path


def chumpy(array):
    return FakeGlobal("chumpy.ch", "Ch", {"x": np.asarray(array), "_status": "new"})


def csc(dense):
    rows, columns = dense.shape
    indptr, indices, data = [0], [], []
    for column in range(columns):
        filled = np.flatnonzero(dense[:, column])
        indices += filled.tolist()
        data += dense[filled, column].tolist()
        indptr.append(len(indices))
    state = {"data": np.array(data), "indices": np.array(indices), "indptr": np.array(indptr)}
    return FakeGlobal("scipy.sparse.csc", "csc_matrix", state | {"_shape": (rows, columns), "maxprint": 50})


@pytest.fixture
def mano_data(toy_rig):
    rng = np.random.default_rng(5)
    count = len(toy_rig.vertices)
    select = FakeGlobal(
        "chumpy.reordering",
        "Select",
        {
            "a": chumpy(toy_rig.shape_basis.astype(np.float64)),
            "idxs": np.arange(count * 30),
            "preferred_shape": (count, 3, 10),
        },
    )
    return {
        "v_template": toy_rig.vertices.astype(np.float64),
        "f": toy_rig.faces.astype(np.uint32),
        "shapedirs": select,
        "posedirs": chumpy(0.001 * rng.standard_normal((count, 3, 135))),
        "weights": chumpy(toy_rig.skin_weights.astype(np.float64)),
        "J_regressor": csc(toy_rig.joint_regressor.astype(np.float64)),
        "kintree_table": np.stack([np.where(toy_rig.parents < 0, 2**32 - 1, toy_rig.parents), np.arange(16)]),
        "hands_mean": 0.1 * rng.standard_normal(45),
        "bs_style": "lbs",
    }


TIPS = (104, 209, 314, 419, 524)


def test_reads_every_kind_of_array(tmp_path, mano_data, toy_rig):
    rig = load_mano(write(tmp_path / "MANO_RIGHT.pkl", mano_data), "right", tips=TIPS, flat_hand_mean=True)
    for name in ("vertices", "shape_basis", "skin_weights", "joint_regressor"):
        np.testing.assert_allclose(getattr(rig, name), getattr(toy_rig, name), atol=1e-7)
    assert rig.pose_basis.shape[2] == 135 and rig.tip_vertices.tolist() == list(TIPS)
    assert rig.posed(np.zeros((2, 16, 3))).joints.shape == (2, 21, 3)


def test_mean_pose_is_added_unless_told_otherwise(tmp_path, mano_data):
    path = write(tmp_path / "m.pkl", mano_data)
    flat = load_mano(path, "right", tips=TIPS, flat_hand_mean=True)
    mean = load_mano(path, "right", tips=TIPS)
    pose = 0.2 * np.random.default_rng(0).standard_normal((16, 3))
    full = pose.copy()
    full[1:] += mano_data["hands_mean"].reshape(15, 3)
    np.testing.assert_allclose(mean.posed(pose).vertices, flat.posed(full).vertices, atol=1e-8)
    np.testing.assert_allclose(
        mean.posed_by_matrices(rodrigues(full)).vertices, flat.posed(full).vertices, atol=1e-12
    )


def test_left_shape_basis_is_mirrored_when_it_is_the_right_ones(tmp_path, mano_data, toy_rig):
    write(tmp_path / "MANO_RIGHT.pkl", mano_data)
    mirror = np.array([-1.0, 1, 1])
    left = mano_data | {"v_template": mano_data["v_template"] * mirror, "f": mano_data["f"][:, ::-1]}
    wrong = load_mano(write(tmp_path / "MANO_LEFT.pkl", left), "left", tips=TIPS)
    np.testing.assert_allclose(wrong.shape_basis, toy_rig.mirrored().shape_basis, atol=1e-7)
    mirrored = chumpy(100 * toy_rig.shape_basis.astype(np.float64) * mirror[:, None])
    fixed = load_mano(write(tmp_path / "MANO_LEFT.pkl", left | {"shapedirs": mirrored}), "left", tips=TIPS)
    np.testing.assert_allclose(fixed.shape_basis, 100 * toy_rig.mirrored().shape_basis, atol=1e-5)
    (tmp_path / "alone").mkdir()
    alone = load_mano(write(tmp_path / "alone" / "MANO_LEFT.pkl", left), "left", tips=TIPS)
    np.testing.assert_array_equal(alone.shape_basis, wrong.shape_basis)


def test_tip_vertices_by_project_must_exist(tmp_path, mano_data):
    path = write(tmp_path / "m.pkl", mano_data)
    assert len({MANO_TIPS[name] for name in MANO_TIPS}) == 5
    for tips, said in (("freihand", "below 525"), ("nobody", "expected one of freihand"), ((1, 2), "five")):
        with pytest.raises(KnuckleError, match=said):
            load_mano(path, "right", tips=tips)


def reducing(function, *arguments):
    class Evil:
        def __reduce__(self):
            return function, arguments

    return Evil()


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("function", "argument", "named"),
    [
        (os.system, "touch {}", r"(posix|nt)\.system"),
        (builtins.eval, "open({!r}, 'w').close()", r"(builtins|__builtin__)\.eval"),
        (builtins.exec, "open({!r}, 'w').close()", r"(builtins|__builtin__)\.exec"),
        (builtins.__import__, "os", r"__import__"),
        (builtins.getattr, "os", r"getattr"),
    ],
)
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, protocol, nested, function, argument, named):
    mark = tmp_path / "ran"
    evil = reducing(function, argument.format(str(mark)))
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"v_template": [{"x": evil}]} if nested else evil, protocol=protocol))
    with pytest.raises(KnuckleError, match=named):
        load_mano(path, "right")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy.testing._private.utils", "runstring"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("scipy.sparse", "load_npz"),
        ("scipy.misc", "csc_matrix"),
        ("chumpyx.ch", "Ch"),
        ("copyreg", "__newobj__"),
        ("_codecs", "decode"),
    ],
)
def test_lookalike_globals_are_refused(tmp_path, module, name):
    path = tmp_path / "evil.pkl"
    # Protocol 4 may name attributes of attributes; STACK_GLOBAL takes both strings from the stack.
    body = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(s)]) + s.encode() for s in (module, name)) + b"\x93."
    path.write_bytes(body)
    with pytest.raises(KnuckleError, match=f"{module}.{name}"):
        load_whitelisted_pickle(path)


def test_encodings_other_than_latin1_are_refused(tmp_path):
    path = tmp_path / "bomb.pkl"
    path.write_bytes(b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.")
    with pytest.raises(KnuckleError, match="latin1"):
        load_whitelisted_pickle(path)


def test_python3_pickles_and_real_scipy_objects_read(tmp_path):
    dense = np.round(np.random.default_rng(1).random((4, 7)), 1) * (np.arange(7) % 2)
    for form in ("csc_matrix", "csr_matrix", "coo_matrix"):
        for protocol in (2, 4, 5):
            path = tmp_path / "s.pkl"
            path.write_bytes(
                pickle.dumps({"m": getattr(sparse, form)(dense), "s": np.float64(2)}, protocol=protocol)
            )
            data = load_whitelisted_pickle(path)
            np.testing.assert_allclose(to_array(data["m"]), dense)
            assert data["s"] == 2


def test_broken_files_give_one_clear_error(tmp_path, mano_data):
    path = write(tmp_path / "m.pkl", mano_data)
    whole = path.read_bytes()
    contents = {
        "empty": b"",
        "text": b"not a pickle at all",
        "zeros": bytes(1000),
        **{f"cut{share}": whole[: len(whole) * share // 10] for share in (1, 5, 9)},
        "list": pickle.dumps([1, 2]),
        "other": pickle.dumps({"a": 1}),
    }
    for name, content in contents.items():
        bad = tmp_path / f"{name}.pkl"
        bad.write_bytes(content)
        with pytest.raises(KnuckleError, match=f"{name}.pkl.*MANO file"):
            load_mano(bad, "right", tips=TIPS)
    with pytest.raises(KnuckleError, match="no such file"):
        load_mano(tmp_path / "none.pkl", "right")
    with pytest.raises(KnuckleError, match="side"):
        load_mano(path, "both")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("weights", np.zeros((3, 16)), r"weights: expected 525 x 16, got \(3, 16\)"),
        ("weights", "words", "weights: expected an array"),
        ("posedirs", None, "posedirs: expected an array"),
        ("v_template", np.full((525, 3), np.nan), "v_template: expected finite"),
        ("f", np.full((4, 3), 9999), "vertex ids below 525"),
        ("kintree_table", np.zeros((2, 16)), "tree of 16 joints"),
        ("shapedirs", np.zeros((525, 3, 4)), "at least 10"),
        ("J_regressor", csc(np.zeros((3, 3))), "J_regressor: expected 16 x 525"),
        ("hands_mean", FakeGlobal("chumpy.ch", "Ch", {}), "hands_mean: expected an array"),
    ],
)
def test_wrong_entries_are_named(tmp_path, mano_data, key, value, said):
    path = write(tmp_path / "m.pkl", mano_data | {key: value})
    with pytest.raises(KnuckleError, match=said):
        load_mano(path, "right", tips=TIPS)
    del mano_data[key]
    with pytest.raises(KnuckleError, match=key if key != "v_template" else "MANO file"):
        load_mano(write(path, mano_data), "right", tips=TIPS)
