"""A short video, and a tracker that costs nothing."""

import sys
from pathlib import Path

import cv2
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from counting_tracker import CountingTracker
from moved import FRAMES, RATE, moved_frames

from knuckle.geometry.camera import Camera
from knuckle.tracks import overlay, passes, run, settings
from knuckle.tracks.settings import Settings


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's sample photo moved about: 12 frames of 320 px."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (320, 320))
    for frame in moved_frames(FRAMES):
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch):
    """Settings open `CountingTracker`, and a state is kept every 5 frames."""

    def opened(self: Settings, info: object) -> CountingTracker:
        return CountingTracker(Camera.from_size(320, 320))

    monkeypatch.setattr(settings.Settings, "open_tracker", opened)
    for module in (run, overlay, passes):
        monkeypatch.setattr(module, "EVERY", 5)
