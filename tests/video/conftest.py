"""A clip of variable rate, written once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pictures import numbered

COUNT = 24
GAPS_S = (0.02, 0.05, 0.11)


@pytest.fixture(scope="session")
def clip_times() -> list[float]:
    """Seconds of the clip's frames."""
    return [sum(GAPS_S[index % 3] for index in range(frame)) for frame in range(COUNT)]


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, clip_times: list[float]) -> Path:
    """A VP9 file whose frames show their numbers."""
    pytest.importorskip("av", reason="av (extra video) is not installed")
    from knuckle.video.writer import VideoWriter

    path = tmp_path_factory.mktemp("clip") / "variable.webm"
    with VideoWriter(path, size=(64, 48), rate=20) as writer:
        for index, time_s in enumerate(clip_times):
            writer.write(numbered(index), time_s)
    return path
