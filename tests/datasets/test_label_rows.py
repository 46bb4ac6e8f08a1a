"""Long lists of rows come back whole whatever the pieces they are read in, and damage is named."""

import json

import numpy as np
import pytest

from knuckle.datasets import label_rows
from knuckle.datasets.label_rows import read_rows
from knuckle.errors import KnuckleError


@pytest.mark.parametrize("piece", [7, 64, 1 << 22])
@pytest.mark.parametrize("indent", [None, 1])
def test_rows_come_back_whatever_the_pieces(tmp_path, monkeypatch, piece, indent):
    monkeypatch.setattr(label_rows, "PIECE", piece)
    rows = np.random.default_rng(0).normal(size=(5, 3, 2))
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows.tolist(), indent=indent) + "\n")
    np.testing.assert_array_equal(read_rows(path, (3, 2)), rows)
    # A row in one more list, as FreiHAND has its MANO parameters.
    path.write_text(json.dumps(rows[:, None].tolist()))
    np.testing.assert_array_equal(read_rows(path, (3, 2)), rows)
    assert read_rows(path, (3, 2), dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "expected a JSON list"),
        ("", "expected a JSON list"),
        ("[[1, 2], [3, 4]", "cut short or damaged"),
        ("[[1, 2], [3, 4", "cut short or damaged"),
        ("[[1, 2], 3]", "cut short or damaged"),
        ("[[1, 2], [3]]", r"expected rows of 2 numbers, got shape \(1,\) in row 1"),
        ("[[1, 2], [3, null]]", "expected finite numbers, got NaN or infinity in row 1"),
        ("[[1, NaN]]", "expected finite numbers, got NaN or infinity in row 0"),
        ('[[1, "a"]]', "expected rows of 2 numbers, got something else in row 0"),
        ("[]", "expected rows of 2 numbers, got none"),
        ("[[1, 2]] [3]", "got more after its end"),
    ],
)
def test_damage_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(KnuckleError, match=rf"rows\.json: .*{message}"):
        read_rows(path, (2,))
    with pytest.raises(KnuckleError, match=r"nothing\.json: expected a label file"):
        read_rows(tmp_path / "nothing.json", (2,))
