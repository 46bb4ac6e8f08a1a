"""Short clips, and a tracker that costs nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "tracks"))
sys.path.insert(0, str(Path(__file__).parent))

from counting_tracker import CountingTracker
from made_clips import write_clip
from moved import moved_frames

from knuckle.geometry.camera import Camera
from knuckle.tracks import settings


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: one clip of 24 frames, and below it one of 12, at 10 frames/s; 320 px."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "long.avi", moved_frames(24))
    (folder / "below").mkdir()
    write_clip(folder / "below" / "short.avi", moved_frames(12)[::-1])
    return folder


def count_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings open `CountingTracker`."""

    def opened(self: settings.Settings, info: object) -> CountingTracker:
        return CountingTracker(Camera.from_size(320, 320))

    monkeypatch.setattr(settings.Settings, "open_tracker", opened)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    count_only(monkeypatch)


@pytest.fixture(scope="module")
def counting_all_along() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        count_only(monkeypatch)
        yield
