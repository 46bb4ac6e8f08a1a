"""Video files: every frame once with its own time, upright, and one sentence for what is no video."""

import struct
import sys
import wave
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import FakeCapture, number_of, numbered

from knuckle.errors import KnuckleError
from knuckle.video import file_source, metadata, open_video
from knuckle.video.file_source import FileSource


def write_mp4(path: Path, *, count: int = 6, shape: Fraction = Fraction(1)) -> Path:
    av = pytest.importorskip("av", reason="av (extra video) is not installed")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libvpx-vp9", rate=30, options={"deadline": "realtime", "cpu-used": "8"}
        )
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = shape
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_avi(path: Path, count: int, size: tuple[int, int] = (64, 48)) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    for index in range(count):
        writer.write(numbered(index, *size)[..., ::-1])
    writer.release()
    return path


def error_of(path: Path) -> str:
    with pytest.raises(KnuckleError) as caught:
        open_video(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected")
    return message


def test_every_frame_comes_once_with_its_own_time(clip, clip_times):
    with open_video(clip) as video:
        frames = list(video)
        assert (video.info.width, video.info.height, video.info.live) == (64, 48, False)
    assert [frame.index for frame in frames] == list(range(24))
    assert [number_of(frame.image) for frame in frames] == list(range(24))
    assert [frame.time_s for frame in frames] == pytest.approx(clip_times, abs=6e-4)
    assert frames[0].image[4, 4] == pytest.approx([255, 0, 0], abs=12)


def test_what_follows_skipped_frames_is_as_if_they_were_read(clip):
    with open_video(clip) as video:
        frames = list(video)
    for count in (0, 1, 7):
        with open_video(clip) as video:
            video.skip(count)
            rest = list(video)
        assert [frame.time_s for frame in rest] == [frame.time_s for frame in frames[count:]]
        assert all(np.array_equal(a.image, b.image) for a, b in zip(rest, frames[count:], strict=True))
    with open_video(clip) as video, pytest.raises(KnuckleError, match="more than 25 frames, got 24"):
        video.skip(25)


def test_a_file_turned_by_its_metadata_comes_upright(tmp_path):
    data = write_mp4(tmp_path / "turned.mp4").read_bytes()
    # The track header's matrix: after 4 bytes of name, 4 of version and flags, 20 of times, 16 of layer and volume.
    place = data.index(b"tkhd") + 44
    quarter = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path = tmp_path / "turned.mp4"
    path.write_bytes(data[:place] + quarter + data[place + 36 :])
    with open_video(path) as video:
        frames = list(video)
        assert (video.info.width, video.info.height) == (48, 64)
    for index, frame in enumerate(frames):
        assert number_of(np.rot90(frame.image)) == index


def test_frames_get_square_pixels(tmp_path):
    with open_video(write_mp4(tmp_path / "wide.mp4", shape=Fraction(3, 2))) as video:
        frame = next(video)
        assert (video.info.width, video.info.height) == (96, 48) == frame.image.shape[1::-1]
    assert number_of(frame.image) == 0


def test_a_file_that_was_cut_off_gives_what_is_there_and_warns(clip, tmp_path, clip_times):
    path = tmp_path / "cut.webm"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    notes: list[str] = []
    with open_video(path, warn=notes.append) as video:
        frames = list(video)
    assert 3 < len(frames) < 24
    assert [frame.time_s for frame in frames] == pytest.approx(clip_times[: len(frames)], abs=6e-4)
    assert len(notes) == 1 and notes[0].startswith(f"{path}: ends after") and "cut off" in notes[0]
    with open_video(clip, warn=notes.append) as video:
        list(video)
    assert len(notes) == 1
    with open_video(path) as video, pytest.warns(UserWarning, match=r"cut\.webm: ends after"):
        list(video)


def test_what_is_no_video_is_refused_with_its_name(tmp_path):
    assert "got a folder" in error_of(tmp_path)
    assert "No such file" in error_of(tmp_path / "nowhere.mp4")
    (tmp_path / "empty.mp4").touch()
    assert "an empty file" in error_of(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("not a video " * 100)
    assert "OpenCV finds none" in error_of(tmp_path / "text.mp4")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    assert "sound alone" in error_of(tmp_path / "sound.wav")
    assert "got 8x8" in error_of(write_avi(tmp_path / "small.avi", 3, (8, 8)))
    error_of(write_avi(tmp_path / "none.avi", 0))
    with pytest.raises(KnuckleError, match="UTF-8"):
        open_video(tmp_path / "caf\udce9.mp4")


def test_an_mp4_without_its_end_or_its_pictures_says_so(tmp_path):
    data = write_mp4(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: data.index(b"moov")])
    assert "recording had been cut off" in error_of(tmp_path / "cut.mp4")
    (tmp_path / "sound.mp4").write_bytes(data.replace(b"vide", b"soun"))
    assert "sound alone" in error_of(tmp_path / "sound.mp4")


def test_a_focal_length_in_the_metadata_becomes_intrinsics(tmp_path):
    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + name + content

    path = write_mp4(tmp_path / "phone.mp4")
    assert metadata.camera_of(path, 64, 48) is None
    keys = box(
        b"keys", struct.pack(">II", 0, 2) + box(b"mdta", b"other") + box(b"mdta", metadata.FOCAL_LENGTH)
    )
    value = box(b"data", struct.pack(">IIi", 21, 0, 26))
    table = box(b"meta", keys + box(b"ilst", box(struct.pack(">I", 2), value)))
    data = path.read_bytes()
    place = data.index(b"moov") - 4
    (length,) = struct.unpack(">I", data[place : place + 4])
    assert place + length == len(data)
    path.write_bytes(data[:place] + struct.pack(">I", length + len(table)) + data[place + 4 :] + table)
    with open_video(path) as video:
        camera = video.info.camera
    assert camera is not None and not camera.assumed
    # 26 mm on the 43.3 mm diagonal of 35 mm film; the picture's diagonal has 80 px.
    assert camera.fx == camera.fy == pytest.approx(26 / 43.267 * 80, rel=1e-4)
    assert (camera.cx, camera.cy) == (31.5, 23.5)


def test_time_that_runs_backwards_leaves_frames_out_and_says_so(tmp_path, monkeypatch):
    pictures = [numbered(index) for index in range(6)]
    capture = FakeCapture(pictures, times_ms=[0, 40, 20, 40, 80, 120])
    capture.properties |= {cv2.CAP_PROP_FRAME_WIDTH: 64, cv2.CAP_PROP_FRAME_HEIGHT: 48}
    capture.properties |= {cv2.CAP_PROP_FRAME_COUNT: 6, cv2.CAP_PROP_FPS: 25}
    monkeypatch.setattr(file_source, "open_capture", lambda *_: capture)
    (tmp_path / "back.avi").write_bytes(b"RIFF")
    notes: list[str] = []
    with open_video(tmp_path / "back.avi", warn=notes.append) as video:
        assert [(frame.index, frame.time_s) for frame in video] == [(0, 0), (1, 0.04), (4, 0.08), (5, 0.12)]
        assert video.backwards == 2
    assert capture.released
    assert len(notes) == 1 and "back.avi: left out 2 frames" in notes[0]


@pytest.mark.parametrize("size", [(32, 24), (48, 64), (20_000, 20_000)])
def test_a_size_that_changes_or_is_absurd(tmp_path, monkeypatch, size):
    first = (64, 48) if max(size) < 1000 else size
    capture = FakeCapture([numbered(1), numbered(2, *np.minimum(size, 64))], times_ms=[0, 40])
    capture.properties |= {cv2.CAP_PROP_FRAME_WIDTH: first[0], cv2.CAP_PROP_FRAME_HEIGHT: first[1]}
    monkeypatch.setattr(file_source, "open_capture", lambda *_: capture)
    (tmp_path / "call.webm").write_bytes(b"x")
    if first == size:
        assert "got 20000x20000" in error_of(tmp_path / "call.webm")
        return
    with open_video(tmp_path / "call.webm") as video:
        next(video)
        if size == (32, 24):
            second = next(video).image
            assert second.shape == (48, 64, 3) and number_of(second) == 2
        else:
            with pytest.raises(KnuckleError, match="of one shape, got 64x48 px and, from frame 1 on, 48x64"):
                next(video)


def test_what_opencv_cannot_decode_is_read_by_the_extra(clip, monkeypatch):
    with open_video(clip) as video:
        wanted = list(video)
    blind = FakeCapture([])
    blind.properties |= {cv2.CAP_PROP_FRAME_WIDTH: 64, cv2.CAP_PROP_FRAME_HEIGHT: 48}
    blind.properties[cv2.CAP_PROP_FOURCC] = cv2.VideoWriter.fourcc(*"AV01")
    monkeypatch.setattr(file_source, "open_capture", lambda *_: blind)
    with FileSource(clip, warn=pytest.fail) as video:
        frames = list(video)
    assert blind.released
    assert [frame.time_s for frame in frames] == pytest.approx([frame.time_s for frame in wanted])
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, wanted, strict=True))
    monkeypatch.setitem(sys.modules, "av", None)
    assert 'AV1; that is read after pip install "knuckle[video]"' in error_of(clip)
