"""Arrays and pickled dictionaries of `numpy.save` come back; nothing in them is run."""

import os

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.rig.safe_pickle import load_whitelisted_npy


class Hostile:
    """Makes a file when it is unpickled by what runs all that it is told."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


def test_arrays_and_dictionaries_come_back(tmp_path):
    path = tmp_path / "a.npy"
    for value in (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)), np.array(["a", "bc"])):
        np.save(path, value)
        assert np.array_equal(load_whitelisted_npy(path, what="labels"), value)
    np.save(path, {"a": {"b": np.ones(2, np.float32)}, "names": ["x"]}, allow_pickle=True)
    read = load_whitelisted_npy(path, what="labels")
    assert read["names"] == ["x"] and read["a"]["b"].dtype == np.float32


def test_what_is_hostile_damaged_or_too_large_is_refused(tmp_path):
    path, never = tmp_path / "a.npy", tmp_path / "never"
    np.save(path, {"a": Hostile(never)}, allow_pickle=True)
    with pytest.raises(KnuckleError, match=r"a.npy: refused: the file asks for \w+.system"):
        load_whitelisted_npy(path, what="labels")
    assert not never.exists()
    np.load(path, allow_pickle=True)
    assert never.exists(), "the file is harmless, so refusing it shows nothing"
    np.save(path, np.zeros(1000))
    with pytest.raises(KnuckleError, match="expected labels of at most 0 MB"):
        load_whitelisted_npy(path, what="labels", max_bytes=1000)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(KnuckleError, match="not labels, or a truncated or corrupt one"):
        load_whitelisted_npy(path, what="labels")
    path.write_bytes(b"not numpy")
    with pytest.raises(KnuckleError, match="not labels"):
        load_whitelisted_npy(path, what="labels")
    with pytest.raises(KnuckleError, match=r"expected labels \(.npy\), found no such file"):
        load_whitelisted_npy(tmp_path / "none.npy", what="labels")
