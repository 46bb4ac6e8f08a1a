"""How onnxruntime is opened, and that what is opened may be used from any number of threads."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import knuckle
from knuckle.errors import KnuckleError
from knuckle.inference import onnx_model as sessions
from knuckle.inference.detection.landmarks import open_network, read_network
from knuckle.inference.onnx_model import MOST_THREADS, available_cores, open_session
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO


@pytest.mark.parametrize(("cores", "threads", "spins"), [(1, 1, "0"), (2, 2, "1"), (64, MOST_THREADS, "1")])
def test_threads_follow_the_cores_and_wait_asleep_between_runs(cores, threads, spins, monkeypatch):
    monkeypatch.setattr(sessions, "available_cores", lambda: cores)
    options = open_network("palm_detection_full").get_session_options()
    assert options.intra_op_num_threads == threads
    assert options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == spins
    assert options.get_session_config_entry("session.inter_op.allow_spinning") == "0"
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_threads_asked_for_are_taken(fake_model, monkeypatch):
    monkeypatch.setattr(sessions, "available_cores", lambda: 1)
    assert (
        open_session(read_network("palm_detection_full"), threads=3)
        .get_session_options()
        .intra_op_num_threads
        == 3
    )


@pytest.mark.skipif(not hasattr(__import__("os"), "sched_setaffinity"), reason="no affinity on this system")
def test_cores_are_those_the_process_may_use():
    code = (
        "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from knuckle.inference.onnx_model import available_cores\nprint(available_cores())\n"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "1"
    assert available_cores() >= 1


@pytest.mark.parametrize("content", [b"", b"not a network"])
def test_what_is_no_network_is_named(content, tmp_path):
    path = tmp_path / "odd.onnx"
    path.write_bytes(content)
    with pytest.raises(KnuckleError, match=r"^[^\n]*odd\.onnx: expected an onnx network, got a file[^\n]*$"):
        open_session(path)
    with pytest.raises(KnuckleError, match=r"^given: expected an onnx network"):
        open_session(content, name="given")


def test_any_number_of_threads_get_the_same_answer(fake_model):
    image = np.ascontiguousarray(read_image(SAMPLE_PHOTO)[::3, ::3])
    alone = knuckle.estimate(image, model=fake_model)
    assert len(alone) >= 1

    def ask(_: int) -> np.ndarray:
        return knuckle.estimate(image, model=fake_model).joints_px

    with ThreadPoolExecutor(8) as pool:
        for joints in pool.map(ask, range(32)):
            np.testing.assert_allclose(joints, alone.joints_px, atol=1e-3)


OFFLINE = """
import socket, subprocess, sys
def refuse(*_, **__):
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refuse
subprocess.Popen.__init__ = refuse
import knuckle
hands = knuckle.estimate(sys.argv[1], model=sys.argv[2])
print(len(hands), *hands.sides)
"""


def test_finding_hands_needs_no_network_and_no_other_program(fake_model, tmp_path):
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", OFFLINE, str(SAMPLE_PHOTO), fake_model]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["2", "right"]
    assert list(tmp_path.iterdir()) == []
