"""Hands as OSC messages: what a receiver gets, and targets that are none."""

import socket
import sys

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

CAMERA = Camera(600.0, 600.0, 319.5, 239.5, 640, 480)


def hands_of(identities: tuple[int, ...], *, time_s: float) -> Hands:
    count, rng = len(identities), np.random.default_rng(4)
    joints = rng.normal(0, 0.05, (count, 21, 3)) + np.array([0, 0, 0.5])
    return Hands(
        camera=CAMERA,
        sides=("left", "right")[:count],
        confidence=np.full(count, 0.75),
        boxes_px=np.tile([0.0, 0, 9, 9], (count, 1)),
        joints_px=CAMERA.project(joints) if count else np.zeros((0, 21, 2)),
        joints_m=joints,
        vertices_m=np.zeros((count, 0, 3)),
        pose_rad=rng.normal(size=(count, 16, 3)),
        shape=np.zeros((count, 10)),
        identities=identities,
        time_s=time_s,
    )


@pytest.fixture
def receiver():
    """A socket on loopback, and what came to it as {address: arguments}."""
    osc_bundle = pytest.importorskip("pythonosc.osc_bundle", reason="python-osc (extra osc) is not installed")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(2)

        def received(count: int) -> dict[str, list]:
            found = {}
            for _ in range(count):
                bundle = osc_bundle.OscBundle(listening.recv(65536))
                for message in bundle:
                    found[message.address] = message.params
            return found

        yield listening.getsockname()[1], received


def test_a_receiver_gets_each_hand_and_hears_when_it_is_gone(receiver):
    from knuckle.tracks.osc import OscSender

    port, received = receiver
    both, one = hands_of((4, 9), time_s=0.5), hands_of((4,), time_s=0.6)
    with OscSender(f"127.0.0.1:{port}") as sender:
        sender.send(both)
        first = received(3)
        sender.send(one)
        second = received(3)
    assert first["/knuckle/hand/4/side"] == ["left"] and first["/knuckle/hand/9/side"] == ["right"]
    assert first["/knuckle/hand/9/state"] == ["observed"]
    np.testing.assert_allclose(first["/knuckle/hand/9/joints"], both.joints_m[1].ravel(), atol=1e-6)
    np.testing.assert_allclose(first["/knuckle/hand/4/wrist"], both.joints_m[0, 0], atol=1e-6)
    in_picture = np.reshape(first["/knuckle/hand/4/picture"], (21, 2))
    np.testing.assert_allclose(in_picture * (640, 480) - 0.5, both.joints_px[0], atol=1e-3)
    assert first["/knuckle/frame"] == [0.5, 2]
    assert second["/knuckle/hand/9/gone"] == ["right"]
    assert "/knuckle/hand/9/joints" not in second and second["/knuckle/frame"][1] == 1


def test_nobody_who_listens_is_no_error(receiver):
    from knuckle.tracks.osc import OscSender

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with OscSender(f"127.0.0.1:{port}") as sender:
        for step in range(3):
            sender.send(hands_of((1,), time_s=step))


@pytest.mark.parametrize(
    "target", ["", "9000", "localhost", "localhost:", "localhost:0", "localhost:70000", ":9"]
)
def test_another_form_of_target_is_refused(target):
    from knuckle.tracks.osc import OscSender

    with pytest.raises(KnuckleError, match="HOST:PORT"):
        OscSender(target)


def test_without_the_extra_it_is_named(monkeypatch, run, capsys):
    monkeypatch.setitem(sys.modules, "pythonosc.udp_client", None)
    assert run("live", "clip.mp4", "--osc", "127.0.0.1:9000") == 2
    assert 'pip install "knuckle[osc]"' in capsys.readouterr().err
