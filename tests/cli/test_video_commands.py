"""`knuckle track` and `knuckle live` as a user types them, with short videos and bad ones."""

import sys

import cv2
import numpy as np
import pytest

from knuckle.cli.live import check_windows, parse_size
from knuckle.errors import KnuckleError
from knuckle.tracks.lines import read_tracks

FRAMES = 3


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "grey.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (96, 64))
    for shade in range(FRAMES):
        writer.write(np.full((64, 96, 3), 40 * shade, np.uint8))
    writer.release()
    return path


def test_videos_are_done_one_after_the_other_and_a_bad_one_does_not_stop_the_rest(
    run, capsys, tmp_path, video, fake_model
):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    command = ("track", str(bad), str(video), "--out", str(tmp_path), "--no-video", "--model", fake_model)
    assert run(*command) == 2
    printed = capsys.readouterr()
    assert printed.err.count("error: ") == 1 and "bad.mp4: expected a video" in printed.err
    assert f"{FRAMES} frames" in printed.out and "grey.hands.jsonl" in printed.out
    assert [len(hands) for hands in read_tracks(tmp_path / "grey.hands.jsonl")] == [0] * FRAMES
    with np.load(tmp_path / "grey.hands.npz") as arrays:
        assert arrays["joints_m"].shape == (FRAMES, 0, 21, 3)
    assert run(*command[:1], *command[2:]) == 0
    assert "was done already" in capsys.readouterr().out
    assert run(*command[:1], *command[2:], "--mesh") == 2
    assert "--mesh: no, got yes" in capsys.readouterr().err


def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(
    run, capsys, tmp_path, video, fake_model, monkeypatch
):
    import signal

    from knuckle.tracks.lines import LinesWriter

    written = LinesWriter.write

    def interrupted(self, *arguments, **options):
        written(self, *arguments, **options)
        signal.raise_signal(signal.SIGINT)

    command = ("track", str(video), "--out", str(tmp_path), "--no-video", "--model", fake_model)
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(LinesWriter, "write", interrupted)
        assert run(*command) == 130
    assert signal.getsignal(signal.SIGINT) is before
    assert "stopped after 1 frames" in capsys.readouterr().err
    assert len(list(read_tracks(tmp_path / "grey.hands.jsonl"))) == 1
    assert run(*command) == 0
    assert len(list(read_tracks(tmp_path / "grey.hands.jsonl"))) == FRAMES


def test_another_runtime_opens_the_networks_and_does_not_go_on_what_the_first_began(
    run, capsys, tmp_path, video, fake_model, monkeypatch
):
    from knuckle.inference import onnx_model, openvino_session

    opened = []

    class Session:
        """onnxruntime's, by the other one's name."""

        def __new__(cls, model, *, threads):
            opened.append(model)
            monkeypatch.setattr(onnx_model, "_chosen", "onnxruntime")
            session = onnx_model.open_session(model, threads=threads)
            monkeypatch.setattr(onnx_model, "_chosen", "openvino")
            return session

    monkeypatch.setattr(onnx_model, "_chosen", "onnxruntime")
    command = ("track", str(video), "--out", str(tmp_path), "--no-video", "--model", fake_model)
    monkeypatch.setattr(onnx_model, "find_spec", lambda _: None)
    assert run(*command, "--runtime", "openvino") == 2
    assert 'got none: pip install "knuckle[openvino]"' in capsys.readouterr().err
    monkeypatch.setattr(onnx_model, "find_spec", lambda _: object())
    monkeypatch.setattr(openvino_session, "OpenVinoSession", Session)
    assert run(*command, "--runtime", "openvino") == 0 and opened
    assert run(*command, "--runtime", "onnxruntime") == 2
    assert "--runtime: openvino, got onnxruntime" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["track", "live"])
def test_options_that_cannot_be_are_named(run, capsys, tmp_path, video, command):
    for options, sentence in (
        (("--camera", "500,500"), "--camera: expected FX,FY,CX,CY"),
        (("--model", "none"), "model: expected one of"),
        (("--runtime", "tensorrt"), "runtime: expected one of auto, onnxruntime, openvino, got 'tensorrt'"),
    ):
        out = ("--out", str(tmp_path))
        assert run(command, str(video), *options, *out) == 2
        assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_window_needs_an_opencv_that_has_them(monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    with pytest.raises(KnuckleError, match="--window: expected an OpenCV with windows"):
        check_windows()
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(KnuckleError, match="expected a display"):
        check_windows()
    monkeypatch.setenv("DISPLAY", ":0")
    check_windows()


def test_sizes_are_two_numbers():
    assert (parse_size("1280x720"), parse_size(None)) == ((1280, 720), None)
    for text in ("1280", "0x5", "axb", "1x2x3"):
        with pytest.raises(KnuckleError, match="--size: expected WIDTHxHEIGHT"):
            parse_size(text)


def test_without_what_writes_videos_track_says_how_to_do_without(run, capsys, tmp_path, video, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert run("track", str(video), "--out", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert 'pip install "knuckle[video]"' in error and "--no-video" in error
    assert not list(tmp_path.iterdir())
