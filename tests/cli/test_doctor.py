"""`knuckle doctor`: says what there is, whatever is missing, and always ends well."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

import knuckle.video
from knuckle.cli import doctor
from knuckle.errors import KnuckleError


@pytest.fixture
def cameras(monkeypatch):
    """Camera 2 gives pictures, the others do not open."""

    def opened(number: int, **_: object):
        if number != 2:
            raise KnuckleError(f"camera {number}: expected a camera, got none")
        return nullcontext(
            SimpleNamespace(info=SimpleNamespace(name="camera 2", width=1280, height=720, rate=30.0))
        )

    monkeypatch.setattr(knuckle.video, "open_video", opened)


@pytest.mark.parametrize(("listed", "told"), [(None, []), ([0, 2], [0]), ([], None)])
def test_a_camera_that_gives_pictures_is_told_and_chosen(run, capsys, monkeypatch, cameras, listed, told):
    monkeypatch.setattr(doctor, "_listed_cameras", lambda: listed)
    assert run("doctor", "--no-speed") == 0
    output = capsys.readouterr().out
    if told is None:
        assert "none found" in output and "  camera: none; give a video" in output
        return
    assert "camera 2: 1280x720, 30 frames/s" in output and "  camera: 2\n" in output
    # Numbers that are only tried are no news.
    assert [n for n in range(9) if f"camera {n}: expected a camera" in output] == told


def test_networks_are_timed_and_what_is_missing_is_named(run, capsys, monkeypatch, installed):
    monkeypatch.setattr(doctor, "RUNS", 1)
    monkeypatch.setattr(doctor, "_threads", lambda: [1])
    version = doctor._version
    monkeypatch.setattr(
        doctor, "_version", lambda name: None if name in ("av", "openvino") else version(name)
    )
    (installed / "dfl-lite.json").unlink()
    assert run("doctor", "--no-cameras") == 0
    output = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1] for line in output.splitlines() if len(line.split()) == 2}
    for name in ("hand_boxes", "palm_detection_full", "hand_landmark_full", "fake"):
        assert float(rows[name]) > 0
    assert "dfl" in output and "unusable" in output
    assert 'recording: none; pip install "knuckle[video]"' in output and "openvino is not installed" in output


def test_writing_is_tried(run, capsys, monkeypatch):
    pytest.importorskip("av", reason="av, which writes videos, is not installed")
    assert run("doctor", "--no-cameras", "--no-speed") == 0
    assert "VP9 is written and read" in capsys.readouterr().out

    def broken(*_: object, **__: object):
        raise KnuckleError("try.webm: cannot be written (no encoder)")

    monkeypatch.setattr("knuckle.video.writer.VideoWriter", broken)
    assert run("doctor", "--no-cameras", "--no-speed") == 0
    assert "VP9 fails (try.webm: cannot be written (no encoder))" in capsys.readouterr().out
