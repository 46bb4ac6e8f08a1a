"""One hand through a video: who it is, where it was, which side it is of."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from knuckle.live.motion import Motion
from knuckle.skeleton import Side

MOST_ODDS = 10.0
"""Of a side: however long a hand was a right one, this much of the opposite makes it a left one."""
MOST_TOLD = 1.5
"""What one look can say of a side; looks at one hand err alike, ..."""
TOLD_SHARE = 0.25
"""... so each counts this little."""
TURNS_AT = 2.0
"""A hand becomes one of the other side where the odds for that reach this: then it is not undecided, it was wrong."""


@dataclass(frozen=True, eq=False)
class Track:
    """A hand that is followed, or was within the last second."""

    identity: int
    motion: Motion
    """Of its last sighting."""
    side_odds: float
    """Logit of a right hand by all that was said of it."""
    is_right: bool
    """As it is shown: turns only where the odds are clearly against it, before a crop is cut."""
    born_s: float
    sightings: int = 1
    presence: float = 1.0
    """That there was a hand when it was last looked for."""
    lost_s: float | None = None
    """Since when it has not been seen."""

    @property
    def side(self) -> Side:
        return "right" if self.is_right else "left"

    def told(self, right_logit: float) -> "Track":
        """With what another look says of its side."""
        told = TOLD_SHARE * float(np.clip(right_logit, -MOST_TOLD / TOLD_SHARE, MOST_TOLD / TOLD_SHARE))
        odds = float(np.clip(self.side_odds + told, -MOST_ODDS, MOST_ODDS))
        is_right = self.is_right if abs(odds) < TURNS_AT else odds > 0
        return replace(self, side_odds=odds, is_right=is_right)

    def saved(self) -> dict[str, Any]:
        """As plain numbers."""
        return vars(self) | {"motion": self.motion.saved()}

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> "Track":
        """Inverse of `saved`."""
        return cls(**saved | {"motion": Motion.restored(saved["motion"])})
