"""Files of predictions that are not what they say are refused in a sentence that names them."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.scoring import prediction_file
from knuckle.evaluation.scoring.prediction_file import read_named
from knuckle.evaluation.scoring.suspicions import to_numbers

HUGE = 10**400
"""A whole number in JSON that no float holds."""


def read(path):
    return read_named(path, ("a",), "joints_mm", (1, 3), "test")


def test_a_single_array_is_no_archive(tmp_path):
    path = tmp_path / "pred.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(KnuckleError, match=r"pred\.npz: expected a NumPy archive"):
        read(path)


def test_names_that_are_one_number_are_no_names_of_frames(tmp_path):
    path = tmp_path / "pred.npz"
    np.savez(path, names=np.array(5), joints_mm=np.zeros((1, 1, 3)))
    with pytest.raises(
        KnuckleError, match=r"pred\.npz: expected the 1 frames of test, 1 of them are missing"
    ):
        read(path)


def test_numbers_that_no_float_holds_are_refused(tmp_path):
    path = tmp_path / "pred.json"
    path.write_text(f'{{"names": ["a"], "joints_mm": [[[{HUGE}, 0, 0]]]}}')
    with pytest.raises(KnuckleError, match=r"pred\.json: joints_mm: expected 1 x 1 x 3 numbers"):
        read(path)
    with pytest.raises(KnuckleError, match=r"joints of hand 0 .*: expected 1 x 3 numbers"):
        to_numbers([[[HUGE, 0, 0]]], (1, 3), where="pred.json", what="joints", count=1, as_in="truth")


def test_an_archive_is_measured_before_it_is_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "pred.npz"
    np.savez_compressed(path, names=np.array(["a"]), joints_mm=np.zeros((1, 1, 3)), more=np.zeros(10_000))
    assert read(path).shape == (1, 1, 3)
    monkeypatch.setattr(prediction_file, "MOST_BYTES", 50_000)
    assert path.stat().st_size < 50_000
    with pytest.raises(KnuckleError, match=r"pred\.npz: expected at most 4 GiB of predictions, got more"):
        read(path)
