"""tools/freeze says which arrays of two records differ, and by how much."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "tools" / "freeze" / "compare.py"
_spec = importlib.util.spec_from_file_location("freeze_compare", FILE)
assert _spec is not None and _spec.loader is not None
compare = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare)

RECORD = {
    "joints": np.array([[0.1, np.nan], [np.inf, -0.0]]),
    "image": np.array([0, 200, 255], np.uint8),
    "visible": np.array([True, False]),
    "model": np.array("dahyf"),
}


def changed(**arrays: np.ndarray) -> dict[str, np.ndarray]:
    return {**{name: array.copy() for name, array in RECORD.items()}, **arrays}


def test_a_record_equals_its_copy_nan_included():
    assert compare.compare_records(RECORD, changed()) == []
    assert compare.count_same(RECORD, changed()) == len(RECORD)


def test_the_last_bit_of_a_float_is_named_with_its_size():
    joints = RECORD["joints"].copy()
    joints[0, 0] = np.nextafter(joints[0, 0], 1)
    assert compare.compare_records(RECORD, changed(joints=joints)) == [
        "joints: 1 of 4 values, largest difference 1.39e-17"
    ]
    assert compare.count_same(RECORD, changed(joints=joints)) == len(RECORD) - 1


def test_every_nan_is_the_same_one_but_zeros_of_other_sign_are_not():
    other_nan = np.array([0x7FF8000000000001], np.uint64).view(float)
    assert compare.difference(np.array([np.nan]), other_nan) is None
    assert compare.difference(np.array([0.0]), np.array([-0.0])) == "1 of 1 values, largest difference 0"


@pytest.mark.parametrize(("off", "within", "found"), [(9e-7, 1e-6, 0), (2e-6, 1e-6, 1), (9e-7, None, 1)])
def test_floats_may_be_apart_by_as_much_as_is_allowed(off, within, found):
    after = changed(joints=RECORD["joints"] + off)
    assert len(compare.compare_records(RECORD, after, within=within)) == found


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_nan_or_infinity_on_one_side_is_beyond_any_allowance(value):
    before, after = np.array([1.0, 2.0]), np.array([1.0, value])
    for pair in ((before, after), (after, before)):
        assert compare.difference(*pair, within=1e9) == "1 of 2 values, largest difference inf"


def test_only_floats_have_an_allowance():
    image = np.array([1, 200, 255], np.uint8)
    visible = np.array([True, True])
    after = changed(image=image, visible=visible, model=np.array("dahyf-lite"))
    assert compare.compare_records(RECORD, after, within=10) == [
        "image: 1 of 3 values, largest difference 1",
        "model: 1 of 1 values, 'dahyf' before, 'dahyf-lite' after",
        "visible: 1 of 2 values, largest difference 1",
    ]


def test_names_on_one_side_alone_are_told():
    after = {name: array for name, array in changed(shape=np.zeros(10)).items() if name != "image"}
    assert compare.compare_records(RECORD, after) == ["image: missing after", "shape: new after"]


def test_other_shapes_and_dtypes_differ_whatever_is_allowed():
    after = changed(joints=RECORD["joints"][:1], image=RECORD["image"].astype(np.int64))
    assert compare.compare_records(RECORD, after, within=1e9) == [
        "image: uint8 before, int64 after",
        "joints: shape (2, 2) before, (1, 2) after",
    ]


def test_half_and_single_precision_are_compared_by_their_own_bits():
    for kind in (np.float16, np.float32):
        one = np.ones(3, kind)
        assert compare.difference(one, one.copy()) is None
        assert compare.difference(one, np.nextafter(one, kind(2))) is not None
