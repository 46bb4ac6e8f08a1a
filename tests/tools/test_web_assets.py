"""The page's rig file says what the package's rig says: read back by another hand than the one that wrote it."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from knuckle.live.hand_size import hand_length, resized_shape
from knuckle.rig.limits import basis
from knuckle.rig.load import load_rig

FILE = Path(__file__).parents[2] / "tools" / "web_assets" / "rig.py"
_spec = importlib.util.spec_from_file_location("web_assets_rig", FILE)
assert _spec is not None and _spec.loader is not None
web_rig = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(web_rig)


@pytest.fixture(scope="module")
def written() -> tuple[dict, dict[str, np.ndarray]]:
    raw = web_rig.rig_bytes(load_rig())
    assert len(raw) < 300_000
    assert raw[:8] == b"KNUCKLE1"
    length = int.from_bytes(raw[8:12], "little")
    header, rest = json.loads(raw[12 : 12 + length]), raw[12 + length :]
    arrays = {}
    for name, place in header["arrays"].items():
        assert place["offset"] % 8 == 0
        kind, count = np.dtype(place["type"]).newbyteorder("<"), int(np.prod(place["shape"]))
        arrays[name] = np.frombuffer(rest, kind, count, place["offset"]).reshape(place["shape"])
    return header, arrays


def test_arrays_are_the_rigs_own_numbers(written):
    header, arrays = written
    rig = load_rig()
    assert (header["name"], header["fingerprint"], header["licence"]) == (
        "open",
        rig.fingerprint,
        rig.licence,
    )
    for name, value in (
        ("vertices", rig.vertices),
        ("faces", rig.faces),
        ("shape_basis", rig.shape_basis),
        ("corrective_map", rig.pose_map),
        ("tip_vertices", rig.tip_vertices),
        ("axes", basis(rig)[0]),
    ):
        assert np.array_equal(arrays[name], value), name
    np.testing.assert_allclose(
        arrays["joint_rest"], rig.joint_regressor.astype(float) @ rig.vertices, atol=1e-12
    )


def test_sparse_weights_and_correctives_are_the_dense_ones(written):
    _, arrays = written
    rig = load_rig()
    weights = np.zeros_like(rig.skin_weights)
    np.put_along_axis(weights, arrays["skin_index"].astype(int), arrays["skin_weight"], 1)
    assert np.array_equal(weights, rig.skin_weights)
    # The page stops at the first weight of 0.
    assert (np.diff(arrays["skin_weight"], axis=1) <= 0).all()
    moves = np.zeros_like(rig.pose_basis)
    moves[arrays["corrective_vertex"], :, arrays["corrective"]] = arrays["corrective_move"]
    assert np.array_equal(moves, rig.pose_basis)
    # The page finds a vertex's moves by their order.
    assert (np.diff(arrays["corrective_vertex"].astype(int)) >= 0).all()


def test_the_shape_of_the_mean_hand_makes_it_as_large_again(written):
    header, _ = written
    rig = load_rig()
    double = np.array(header["tracking"]["shape_of_mean"])
    once, twice = (
        hand_length(rig.posed(np.zeros((16, 3)), shape).joints) for shape in (np.zeros(10), double)
    )
    assert twice == pytest.approx(2 * once, rel=1e-3)
    own = resized_shape(np.ones((1, 10)), np.array([1.25]))[0]
    np.testing.assert_allclose(1.25 + 0.25 * double, own, atol=1e-9)
