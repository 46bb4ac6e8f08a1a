"""What is wrong with a set is said before the first step, by file and row."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.sets.reader import SynthSet
from knuckle.training.checks import check_labels_are_seen


@pytest.fixture
def copied(two_hand_set, tmp_path) -> Path:
    shutil.copytree(two_hand_set, tmp_path / "set")
    return tmp_path / "set"


def changed(folder: Path, name: str, row: int, values) -> SynthSet:
    array = np.load(folder / f"{name}.npy")
    array[row] = values
    np.save(folder / f"{name}.npy", array)
    return SynthSet(folder)


def test_labels_out_of_the_picture(copied):
    check_labels_are_seen(SynthSet(copied))
    # Rows 21 to 23 show no hand: whatever stands there means nothing.
    check_labels_are_seen(changed(copied, "joints_px", 22, 900.0))
    one_joint = np.full((2, 21, 2), 900.0)
    one_joint[:, 3] = 5.0
    check_labels_are_seen(changed(copied, "joints_px", 7, one_joint))
    with pytest.raises(KnuckleError, match=r"joints_px\.npy: row 9: expected a hand in the crop of 64 px"):
        check_labels_are_seen(
            changed(copied, "joints_px", 9, [np.full((21, 2), -9.0), np.full((21, 2), 5.0)])
        )


def test_empty_masks(copied):
    check_labels_are_seen(changed(copied, "part_mask", 22, 0))
    with pytest.raises(
        KnuckleError, match=r"part_mask\.npy: row 5: expected the hands' parts, got an empty mask"
    ):
        check_labels_are_seen(changed(copied, "part_mask", 5, 0))
