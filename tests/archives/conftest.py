"""Short clips, and a tracker that costs nothing."""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tracks"))

from counting_tracker import CountingTracker
from moved import moved_frames

from knuckle.geometry.camera import Camera
from knuckle.tracks import settings


def write_clip(path: Path, frames: list[np.ndarray], *, rate: float = 10.0) -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), rate, (width, height))
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: one clip of 24 frames, and below it one of 12, at 10 frames/s; 320 px."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "long.avi", moved_frames(24))
    (folder / "below").mkdir()
    write_clip(folder / "below" / "short.avi", moved_frames(12)[::-1])
    return folder


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings open `CountingTracker`."""

    def opened(self: settings.Settings, info: object) -> Callable:
        return CountingTracker(Camera.from_size(320, 320))

    monkeypatch.setattr(settings.Settings, "open_tracker", opened)
