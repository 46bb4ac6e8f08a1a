"""Sets on disk: the same bytes whatever the number of processes and however often they were cut short."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.synth import SynthOptions, SynthSet, writer
from knuckle.synth.engine import SynthEngine
from knuckle.synth.writer import render_set

OPTIONS = SynthOptions(size=32, negatives=0.1, backgrounds="procedural")
COUNT = 40


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(writer, "SHARD", 8)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    out = tmp_path_factory.mktemp("sets") / "reference"
    before, writer.SHARD = writer.SHARD, 8
    render_set(out, COUNT, seed=3, options=OPTIONS)
    writer.SHARD = before
    return SynthSet(out)


def assert_same(a: SynthSet, b: SynthSet):
    np.testing.assert_array_equal(a.images, b.images)
    assert a.labels.keys() == b.labels.keys()
    for name in a.labels:
        np.testing.assert_array_equal(a.labels[name], b.labels[name], err_msg=name)


def test_a_set_holds_the_engines_samples_memory_mapped(reference):
    assert len(reference) == COUNT
    assert isinstance(reference.images, np.memmap)
    assert reference.images.shape == (COUNT, 32, 32, 3)
    assert reference.labels["is_hand"].sum() == 36
    engine = SynthEngine(3, OPTIONS)
    for i in (0, 9, 39):
        sample = engine.sample(i)
        np.testing.assert_array_equal(reference.images[i], sample.image)
        np.testing.assert_array_equal(reference.labels["joints_m"][i], sample.joints_m)


def test_samples_do_not_depend_on_what_was_rendered_before(reference):
    engine = SynthEngine(3, OPTIONS)
    for i in (31, 2, 31):
        np.testing.assert_array_equal(engine.sample(i).image, reference.images[i])


def test_another_seed_gives_other_hands(reference):
    other = SynthEngine(4, OPTIONS).sample(0)
    assert np.abs(other.joints_m - reference.labels["joints_m"][0]).max() > 1e-3
    assert (other.image != reference.images[0]).mean() > 0.5


SCRIPT = """
import sys
from pathlib import Path
from knuckle.synth import SynthOptions, writer
writer.SHARD = 8
if __name__ == "__main__":
    options = SynthOptions(size=32, negatives=0.1, backgrounds="procedural")
    writer.render_set(
        Path(sys.argv[1]), int(sys.argv[2]), seed=3, options=options, workers=int(sys.argv[3]), resume=True
    )
"""


def run_script(tmp_path: Path, out: Path, workers: int, count: int = COUNT) -> subprocess.Popen:
    script = tmp_path / "render.py"
    script.write_text(SCRIPT)
    return subprocess.Popen([sys.executable, str(script), str(out), str(count), str(workers)])


def test_two_processes_write_the_same_bytes(reference, tmp_path):
    assert run_script(tmp_path, tmp_path / "two", workers=2).wait(timeout=120) == 0
    assert_same(SynthSet(tmp_path / "two"), reference)


def test_a_killed_run_continues_to_the_same_bytes(reference, tmp_path):
    out = tmp_path / "killed"
    process = run_script(tmp_path, out, workers=1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(out.glob("done/000001")):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list(out.glob("done/000001"))
    with pytest.raises(KnuckleError, match="holds a set already"):
        render_set(out, COUNT, seed=3, options=OPTIONS)
    if not json.loads((out / "index.json").read_text())["complete"]:
        with pytest.raises(KnuckleError, match="cut short"):
            SynthSet(out)
    render_set(out, COUNT, seed=3, options=OPTIONS, resume=True)
    assert_same(SynthSet(out), reference)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    out = tmp_path / "orphans"
    process = run_script(tmp_path, out, workers=2, count=100_000)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.parent.parent.exists():
        process.kill()
        pytest.skip("needs /proc")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(out.glob("done/*")):
        time.sleep(0.01)
    pids = [int(pid) for pid in children.read_text().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(pids) >= 2
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_unmarked_shards_are_rendered_again(reference, tmp_path):
    """Half-written shards must not survive: spoil two, drop their markers, and resume."""
    out = tmp_path / "spoilt"
    render_set(out, COUNT, seed=3, options=OPTIONS)
    images = np.load(out / "images.npy", mmap_mode="r+")
    images[8:20] = 7
    images.flush()
    (out / "done" / "000001").unlink()
    (out / "done" / "000002").unlink()
    render_set(out, COUNT, seed=3, options=OPTIONS, resume=True)
    assert_same(SynthSet(out), reference)


def test_resuming_with_other_options_is_refused(tmp_path):
    render_set(tmp_path / "set", 8, seed=3, options=OPTIONS)
    for change in ({"seed": 4}, {"count": 9}, {"options": SynthOptions(size=48, backgrounds="procedural")}):
        arguments = {"count": 8, "seed": 3, "options": OPTIONS} | change
        with pytest.raises(KnuckleError, match=f"its {next(iter(change))} is"):
            render_set(tmp_path / "set", resume=True, **arguments)


def test_full_labels_are_stored(tmp_path):
    options = SynthOptions(size=32, labels="full", backgrounds="procedural")
    full = SynthSet(render_set(tmp_path / "full", 3, options=options))
    sample = SynthEngine(0, options).sample(1).labels()
    for name in ("vertices_m", "finger_mask", "part_mask"):
        np.testing.assert_array_equal(full.labels[name][1], sample[name])
    np.testing.assert_allclose(full.labels["depth_m"][1], sample["depth_m"], rtol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count: expected at least 1"),
        ({"count": 1, "workers": 0}, "workers: expected at least 1"),
        ({"count": 1, "seed": -1}, "seed: expected 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message, tmp_path):
    with pytest.raises(KnuckleError, match=message):
        render_set(tmp_path / "set", **arguments)
    assert not (tmp_path / "set").exists()


def test_folders_that_cannot_hold_a_set_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KnuckleError, match="found a file"):
        render_set(tmp_path / "file", 1)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("")
    with pytest.raises(KnuckleError, match="empty folder"):
        render_set(tmp_path / "used", 1)
    with pytest.raises(KnuckleError, match="expected a synthetic set"):
        SynthSet(tmp_path / "used")


def test_a_set_larger_than_the_disk_is_refused_before_it_is_begun(tmp_path):
    with pytest.raises(KnuckleError, match="GB are free"):
        render_set(tmp_path / "huge", 10**11, options=OPTIONS)


def test_a_damaged_array_is_named(tmp_path):
    out = render_set(tmp_path / "set", 8, options=OPTIONS)
    (out / "joints_m.npy").write_bytes(b"nothing")
    with pytest.raises(KnuckleError, match=r"joints_m\.npy"):
        SynthSet(out)
