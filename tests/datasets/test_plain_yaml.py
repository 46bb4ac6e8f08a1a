"""The reader of calibration files agrees with a YAML library on what these files are, and refuses what it does not
know."""

import math
import time

import pytest

from knuckle.datasets.plain_yaml import read_yaml
from knuckle.errors import KnuckleError

FILE = """\
# of a data set
serials:
- '836212060125'
- "839512060362"
num_frames: 72
extrinsics: 20200702_151821
ids: [1, 11,
  12, 20]
empty: []
nothing:
color: {fx}
depth:
  fx: 6.13e+2
  small: -1e-05
  nested:
    - 1.5
    - .5
    - -3
plain: a word  # said
'quoted key': it''s
pairs:
  - x: 1
    y: 2
  - x: 3
    y: 'it''s'
  -
    x: 5
"""


def test_it_reads_what_the_library_reads(tmp_path):
    yaml = pytest.importorskip("yaml")
    text = FILE.replace("color: {fx}\n", "").replace("it''s\npairs", "its\npairs")
    path = tmp_path / "a.yml"
    path.write_text(text)
    ours, theirs = read_yaml(path), yaml.safe_load(text)
    # YAML 1.1 takes 20200702_151821 for a number; here it stays the name that it is.
    assert theirs["extrinsics"] == 20200702151821 and ours["extrinsics"] == "20200702_151821"
    # And -1e-05, without a point, for text.
    assert theirs["depth"]["small"] == "-1e-05" and ours["depth"]["small"] == -1e-05
    theirs["extrinsics"], theirs["depth"]["small"] = ours["extrinsics"], ours["depth"]["small"]
    assert ours == theirs


def test_words_and_quotes(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text("a: .nan\nb: True\nc: ~\nd: '12'\ne: 'it''s'\n")
    value = read_yaml(path)
    assert math.isnan(value.pop("a")) and value == {"b": True, "c": None, "d": "12", "e": "it's"}
    path.write_text("\n# nothing\n")
    assert read_yaml(path) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n b: 2\n", "line 2: expected a line that is indented as those before it"),
        ("a: !!python/object/apply:os.system [true]\n", "line 1: expected a number or plain text"),
        ("a: &x 1\nb: *x\n", "line 1: expected a number or plain text"),
        ("a: |\n  text\n", "line 1: expected a number or plain text"),
        ("a: {b: 1}\n", "line 1: expected a number or plain text"),
        ("a: [[1], 2]\n", "line 1: expected a list of plain values"),
        ("a: 1\na: 2\n", "line 2: expected every key once"),
        ('a: "\\x41"\n', "line 1: expected text in quotes"),
        ("a: 1\n- 2\n", "line 2: expected a line at the indentation of the first"),
        ("- " * 40 + "1\n", "expected at most 32 levels"),
    ],
)
def test_what_it_does_not_know_is_refused(tmp_path, text, message):
    path = tmp_path / "a.yml"
    path.write_text(text)
    with pytest.raises(KnuckleError, match=r"a.yml: ") as caught:
        read_yaml(path)
    assert message in str(caught.value)


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(KnuckleError, match="expected a YAML file, got No such file"):
        read_yaml(tmp_path / "none.yml")
    (tmp_path / "a.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KnuckleError, match="other bytes than text"):
        read_yaml(tmp_path / "a.yml")


def test_whole_numbers_of_any_length_are_numbers(tmp_path):
    path = tmp_path / "a.yml"
    path.write_text(f"a: {'1' * 5000}\nb: 12345\nc: 1234567890123456789\n")
    assert read_yaml(path) == {"a": math.inf, "b": 12345, "c": 1234567890123456789.0}


def test_a_long_file_is_read_in_time_that_grows_with_it(tmp_path):
    """Each line was copied for every other one: 40,000 of them took 30 s."""
    path, count = tmp_path / "a.yml", 20_000
    path.write_text("a:\n" + "- 1\n" * count + "b: [" + "1,\n" * count + "]\n")
    start = time.process_time()
    assert read_yaml(path) == {"a": [1] * count, "b": [1] * count}
    assert time.process_time() - start < 3
