"""When a video is searched for hands that are not followed yet."""

from dataclasses import dataclass
from typing import Any

NEWCOMERS_S = 0.5
"""Time between searches while all goes well, ..."""
MISSING_S = 0.1
"""... and while there is no hand, or one was lost within `MISSED_FOR_S`."""
MISSED_FOR_S = 1.0
CLOSELY_S, CLOSELY_MISSING_S, CLOSELY_NONE_S = 1.0, 0.2, 0.5
"""Time between searches that look for small and doubtful hands too: while all goes well, while one of the hands is
missing, and while none is followed, when such a search takes longest."""
LEAST_FRAMES = 2
"""However slow a video is, frames between two searches: a search in every frame would be no tracking."""


@dataclass
class Schedule:
    """Decides frame by frame; frames are counted by `due`."""

    searched_s: float = -1e9
    closely_s: float = -1e9
    frames: int = LEAST_FRAMES
    """Since the last search."""

    def due(self, time_s: float, *, missing: bool) -> bool:
        """Whether this frame is searched; missing: there is no hand, or one was lost a moment ago."""
        self.frames += 1
        wait_s = MISSING_S if missing else NEWCOMERS_S
        # The clock of a video has gaps of a frame: half a millisecond early is in time.
        if self.frames <= LEAST_FRAMES or time_s - self.searched_s < wait_s - 5e-4:
            return False
        self.searched_s, self.frames = time_s, 0
        return True

    def closely(self, time_s: float, *, missing: bool, none: bool = False) -> bool:
        """Whether the search that is due looks for small and doubtful hands too; none: no hand is followed."""
        wait_s = CLOSELY_NONE_S if none else CLOSELY_MISSING_S if missing else CLOSELY_S
        if time_s - self.closely_s < wait_s - 5e-4:
            return False
        self.closely_s = time_s
        return True

    def saved(self) -> dict[str, Any]:
        """As plain numbers."""
        return dict(vars(self))

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> "Schedule":
        """Inverse of `saved`."""
        return cls(**saved)
