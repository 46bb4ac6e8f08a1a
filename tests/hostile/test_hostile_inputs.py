"""A few inputs of the fuzzer (`python -m benchmarks.hostile`), and that it sees what it is to see."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks import kills
from benchmarks.hostile import materials
from benchmarks.hostile.attempt import Attempt, command
from benchmarks.hostile.kinds import KINDS
from benchmarks.hostile.run import kind_of
from benchmarks.hostile.worker import judged
from benchmarks.shared.whole_files import fault_of, faults
from knuckle.cli.main import COMMANDS

# Those of weights and recipes import torch: they are left to the whole run.
QUICK = ("pictures", "json", "pickles", "tracks", "archives")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("materials")
    materials.make(folder)
    return folder


@pytest.mark.parametrize("kind", QUICK)
def test_hostile_inputs_are_answered(
    kind: str, given: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    maker, seen = KINDS[kind](given), set()
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        attempt = maker.attempt(Random(f"test {kind} {number}"), folder)
        before = frozenset(folder.rglob("*"))
        code = attempt.run()
        said = capfd.readouterr()
        fault = judged(attempt, code, said.out + said.err, folder, before)
        assert fault is None, f"{attempt.name}: {fault}"
        seen.add(attempt.name)
    assert len(seen) >= 4  # several may be hostile in the same way


def test_the_same_number_is_the_same_input(given: Path, tmp_path: Path):
    maker = KINDS["json"](given)
    written = []
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        maker.attempt(Random("1:38"), folder)
        written.append({path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert written[0] == written[1] and written[0]
    assert {kind_of(number) for number in range(len(KINDS))} == set(KINDS)


def test_what_a_hostile_file_may_do_is_seen(tmp_path: Path):
    # In a process of its own: an audit hook stays.
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom benchmarks.hostile.guard import Guard\n"
        "guard = Guard(network=False)\nguard.watch(Path(sys.argv[1]) / 'mine')\n"
        "open(sys.argv[1] + '/mine/a', 'w').close()\nassert guard.noted() == []\n"
        "guard.watch(Path(sys.argv[1]) / 'mine')\nopen(sys.argv[1] + '/b', 'w').close()\nos.system('true')\n"
        "import pickle; pickle.loads(b'cos\\ngetcwd\\n.')\nprint(len(guard.noted()))"
    )
    (tmp_path / "mine").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, env={**os.environ}
    )
    assert done.stdout == "3\n", done.stderr


@pytest.mark.parametrize(
    ("code", "text", "fault"),
    [
        (1, "", "exit code 1"),
        (2, "", "expected one sentence"),
        (2, "error: a\nerror: b\n", "expected one sentence"),
        (0, "Traceback (most recent call last):\n", "traceback"),
        (2, f"error: {'x' * 9000}\n", "letters"),
    ],
)
def test_a_wrong_answer_is_a_fault(code: int, text: str, fault: str, tmp_path: Path):
    attempt = Attempt("anything", lambda: code)
    assert fault in str(judged(attempt, code, text, tmp_path, frozenset()))
    assert judged(attempt, 2, "error: one sentence\n", tmp_path, frozenset()) is None


def test_half_files_are_seen(given: Path, tmp_path: Path):
    track = given / "video.hands.jsonl"
    assert command("export", track, "--to", "csv", "--to", "usd", "--out", given)() == 0
    exported = "video.hands.csv", "video.hands.usda"
    pictures = "photo.json", "photo.jpg", "photo.glb"
    for name in (*pictures, "fake.onnx", track.name, "video.webm", *exported):
        data = (given / name).read_bytes()
        assert fault_of(given / name) is None
        half = tmp_path / name
        half.write_bytes(data[: len(data) // 2] + (b"\n" if name.endswith("jsonl") else b""))
        if name != "video.webm":  # of which the half that is there can be shown
            assert str(fault_of(half)).startswith("half"), name
    (tmp_path / ".photo.0123456789ab.json").touch()
    assert any("left behind" in fault for fault in faults(tmp_path))
    # So are those of a folder that is being written.
    (tmp_path / ".page.0123456789ab").mkdir()
    (tmp_path / ".page.0123456789ab" / "half.json").write_text("{")
    assert not any("left behind" in fault for fault in faults(tmp_path, leftovers=False))
    assert not any("page" in fault for fault in faults(tmp_path, leftovers=False))


def test_every_command_that_writes_has_its_kill():
    assert [name for name in COMMANDS if name not in kills.CASES and name not in kills.WITHOUT] == []
