"""The pictures of a calibration: photos as they are, frames of videos as every other command sees them."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from knuckle.calibration.pictures import FRAMES, read_pictures
from knuckle.errors import KnuckleError


def write_video(path: Path, count: int) -> Path:
    """Frames that grow brighter, their left half red."""
    kind = "mp4v" if path.suffix == ".mp4" else "MJPG"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*kind), 25, (64, 48))
    for number in range(count):
        frame = np.full((48, 64, 3), 2 * number, np.uint8)
        frame[:, :32] = 0, 0, 255
        writer.write(frame)
    writer.release()
    return path


def test_frames_are_spread_over_a_video(tmp_path):
    path = write_video(tmp_path / "a.avi", 3 * FRAMES)
    seen = list(read_pictures([path]))
    assert [one.name for one in seen] == [f"{path} frame {3 * number + 1}" for number in range(FRAMES)]
    for number, one in enumerate(seen):
        assert one.size == (64, 48)
        assert one.pixels[24, 16, 0] > 200 and one.pixels[24, 16, 2] < 60
        assert abs(float(one.pixels[24, 48].mean()) - 2 * (3 * number + 1)) < 8


def test_a_short_video_and_a_photo_give_all_they_have(tmp_path):
    cv2.imwrite(str(tmp_path / "b.png"), np.full((50, 40, 3), 90, np.uint8))
    seen = list(read_pictures([write_video(tmp_path / "a.avi", 5), tmp_path / "b.png"]))
    assert len(seen) == 6 and seen[-1].size == (40, 50)


def test_a_video_turned_by_its_metadata_comes_upright(tmp_path):
    path = write_video(tmp_path / "a.mp4", 30)
    data = path.read_bytes()
    # The track header's matrix: after 4 bytes of name, 4 of version and flags, 20 of times, 16 of layer and volume.
    place = data.index(b"tkhd") + 44
    path.write_bytes(
        data[:place] + struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30) + data[place + 36 :]
    )
    first = next(read_pictures([path]))
    assert first.size == (48, 64) and first.pixels.shape == (64, 48, 3)
    # What was on the left is above.
    assert first.pixels[10, 24, 0] > 150 and first.pixels[50, 24, 0] < 100


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(KnuckleError, match=r"a\.mp4: expected"):
        list(read_pictures([tmp_path / "a.mp4"]))
    with pytest.raises(KnuckleError, match=r"b\.mp4: expected"):
        list(read_pictures([tmp_path / "b.mp4"]))
