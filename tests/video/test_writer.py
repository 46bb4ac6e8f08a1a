"""Written videos: their times, parts that do not depend on a kill, and ends that stay readable."""

import sys

import numpy as np
import pytest
from pictures import number_of, numbered

from knuckle.errors import KnuckleError
from knuckle.video import open_video
from knuckle.video.writer import PartsWriter, VideoWriter, join_parts, part_path

pytest.importorskip("av", reason="av (extra video) is not installed")
SIZE = {"size": (64, 48), "rate": 20.0}


def read(path):
    with open_video(path) as video:
        return [(frame.time_s, frame.image) for frame in video]


def numbers(path):
    return [number_of(image) for _, image in read(path)]


def write_parts(folder, times, *, first=0, until=None):
    with PartsWriter(folder, frames=5, first=first, **SIZE) as writer:
        for index in range(5 * first, len(times) if until is None else until):
            writer.write(numbered(index), times[index])
    return sorted(folder.glob("part-*.webm"))


def test_parts_of_a_killed_run_are_those_of_an_uninterrupted_one(tmp_path, clip_times):
    whole = write_parts(tmp_path / "whole", clip_times)
    assert [path.name for path in whole] == [f"part-{number:04d}.webm" for number in range(5)]
    killed = PartsWriter(tmp_path / "killed", frames=5, **SIZE)
    done = [killed.write(numbered(index), clip_times[index]) for index in range(13)]
    assert done == [False] * 4 + [True] + [False] * 4 + [True] + [False] * 3
    # Killed: the part at hand has no name yet, and the two before are complete.
    assert not part_path(tmp_path / "killed", 2).exists() and len(list((tmp_path / "killed").iterdir())) == 3
    parts = write_parts(tmp_path / "killed", clip_times, first=2)
    assert [path.read_bytes() for path in parts] == [path.read_bytes() for path in whole]
    assert len(list((tmp_path / "killed").iterdir())) == 5
    assert numbers(parts[1]) == [5, 6, 7, 8, 9]
    killed._part = None


def test_joined_parts_have_their_frames_and_times(tmp_path, clip_times):
    parts = write_parts(tmp_path, clip_times)
    join_parts(parts, tmp_path / "joined.webm")
    joined, frames = read(tmp_path / "joined.webm"), [image for part in parts for _, image in read(part)]
    assert all(np.array_equal(image, one) for (_, image), one in zip(joined, frames, strict=True))
    assert [time_s for time_s, _ in joined] == pytest.approx(clip_times, abs=6e-4)
    parts[1].write_bytes(b"damaged")
    with pytest.raises(KnuckleError, match=r"part-0001\.webm: cannot be joined"):
        join_parts(parts, tmp_path / "again.webm")
    assert not (tmp_path / "again.webm").exists()


def test_an_interrupted_file_is_readable_to_its_last_frame(tmp_path):
    path = tmp_path / "deep" / "out.webm"
    with pytest.raises(KeyboardInterrupt), VideoWriter(path, **SIZE) as writer:
        for index in range(7):
            writer.write(numbered(index), index / 20)
        assert not path.exists()
        raise KeyboardInterrupt
    assert numbers(path) == list(range(7))
    assert [one.name for one in path.parent.iterdir()] == ["out.webm"]


def test_a_full_disk_is_told_and_leaves_what_was_written(tmp_path, monkeypatch):
    path = tmp_path / "out.webm"
    with (
        pytest.raises(KnuckleError, match=r"out\.webm: cannot be written \(No space left"),
        VideoWriter(path, **SIZE) as writer,
    ):
        real = writer._mux
        for index in range(9):
            if index == 6:
                monkeypatch.setattr(
                    writer, "_mux", lambda _: (_ for _ in ()).throw(OSError(28, "No space left"))
                )
            writer.write(numbered(index), index / 20)
    assert real and numbers(path) == list(range(6))
    assert [one.name for one in tmp_path.iterdir()] == ["out.webm"]


def test_what_a_writer_refuses(tmp_path, monkeypatch):
    with pytest.raises(KnuckleError, match=r"ends in \.webm, got '\.mp4'"):
        VideoWriter(tmp_path / "out.mp4", **SIZE)
    (tmp_path / "file").touch()
    with pytest.raises(KnuckleError, match="cannot be written"):
        VideoWriter(tmp_path / "file" / "out.webm", **SIZE)
    with VideoWriter(tmp_path / "out.webm", **SIZE) as writer:
        writer.write(numbered(0), 5.0)
        writer.write(numbered(1), 5.05)
        for time_s in (5.05, 5.0):
            with pytest.raises(KnuckleError, match="expected a frame more than 50 ms after the start"):
                writer.write(numbered(2), time_s)
        with pytest.raises(KnuckleError, match=r"frames of 64x48 px in bytes, got \(30, 20, 3\)"):
            writer.write(numbered(2, 20, 30), 6.0)
    assert numbers(tmp_path / "out.webm") == [0, 1]
    with pytest.raises(KnuckleError, match=r"wide\.webm: cannot be written"):  # noqa: SIM117
        with VideoWriter(tmp_path / "wide.webm", size=(70_000, 16), rate=20) as writer:
            writer.write(numbered(0, 70_000, 16), 0.0)
    with VideoWriter(tmp_path / "none.webm", **SIZE):
        pass
    assert not (tmp_path / "wide.webm").exists()
    assert not (tmp_path / "none.webm").exists()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(KnuckleError, match=r'pip install "knuckle\[video\]"'):
        VideoWriter(tmp_path / "other.webm", **SIZE)
