"""One hand through a video: who it is, where it was, which side it is of, what it was like."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.one_hand import Joints
from knuckle.inference.tracked import Memory
from knuckle.live.gate import Gate
from knuckle.live.hand_size import HandSize
from knuckle.live.motion import Motion
from knuckle.rig.fit.joints import FitStart
from knuckle.rig.load import load_rig
from knuckle.skeleton import Side

MOST_ODDS = 10.0
"""Of a side: however long a hand was a right one, this much of the opposite makes it a left one."""
MOST_TOLD = 1.5
"""What one look can say of a side at most; looks at one hand err alike, ..."""
TOLD_SHARE = 0.25
"""... so each counts this little."""
SURE_SIDE, LONG_ENOUGH = 0.9, 10
"""A newcomer whose side is not sure by that much is not reported before so many sightings: often it is a hand that
comes in over the border, and what shows of it first is told wrong."""
TURNS_AT = 2.0
"""A hand becomes one of the other side where the odds for that reach this: then it is not undecided, it was wrong."""


@dataclass(eq=False)
class Track:
    """A hand that is followed, or was within the last second."""

    identity: int
    rig: str
    """As `load_rig` takes it."""
    motion: Motion
    """Of its last sighting."""
    side_odds: float
    """Logit of a right hand by all that was said of it."""
    partner_odds: float
    """What its partner adds: hands near each other are rather a left and a right one."""
    is_right: bool
    """As it is shown to networks: turns only where the odds are clearly against it."""
    gate: Gate
    """Of the hand's side; what it was and how it moved in space."""
    start: FitStart
    """One row: pose and shape of its last sighting; NaN before there is one."""
    memory: Memory
    """One row: what was said of it then."""
    born_s: float
    size: HandSize
    """What is known of its length."""
    smooth: bool
    """Whether what passes the gate is filtered."""
    sightings: int = 0
    told: bool = False
    """Whether it has been reported before."""
    lost_s: float | None = None
    """Since when it has not been seen."""
    model: str = ""
    """What gave its last sighting, ..."""
    confidence: float = 0.0
    """... and how sure it was."""

    @classmethod
    def new(
        cls,
        identity: int,
        joints_px: Float[np.ndarray, "21 2"],
        time_s: float,
        *,
        side_odds: float,
        partner_odds: float,
        rig: str,
        size: HandSize,
        smooth: bool,
    ) -> "Track":
        """Of a hand that was just found there; side_odds: logit of a right one, partner_odds: what its partner adds."""
        odds, is_right = float(np.clip(side_odds, -MOST_ODDS, MOST_ODDS)), side_odds + partner_odds >= 0
        gate, start, memory = _fresh(rig, is_right, smooth=smooth)
        motion = Motion(joints_px, time_s)
        return cls(
            identity, rig, motion, odds, partner_odds, is_right, gate, start, memory, time_s, size, smooth
        )

    @property
    def side(self) -> Side:
        return "right" if self.is_right else "left"

    @property
    def side_confidence(self) -> float:
        """That it is of that side."""
        odds = self.side_odds + self.partner_odds
        return float(1 / (1 + np.exp(-odds if self.is_right else odds)))

    def reported(self, after: int) -> bool:
        """Whether it has been seen so often, and its side is known well enough, that it is to be told of."""
        sure = self.side_confidence >= SURE_SIDE or self.sightings > LONG_ENOUGH
        return self.sightings > after and (self.told or sure)

    def hear(self, right_logit: float) -> None:
        """Count what another look says of its side."""
        told = float(np.clip(TOLD_SHARE * right_logit, -MOST_TOLD, MOST_TOLD))
        self.side_odds = float(np.clip(self.side_odds + told, -MOST_ODDS, MOST_ODDS))

    def decide(self, partner_odds: float) -> None:
        """Say of which side it is from now on, with what its partner adds. Where that turns it is another hand. Before
        anybody was told, the likelier side is the one."""
        self.partner_odds = partner_odds
        odds = self.side_odds + partner_odds
        if self.is_right != (odds > 0) and (abs(odds) >= TURNS_AT or not self.told):
            self.is_right = not self.is_right
            self.gate, self.start, self.memory = _fresh(self.rig, self.is_right, smooth=self.smooth)

    def found_again(self, joints_px: Float[np.ndarray, "21 2"], time_s: float) -> None:
        """Go on from where it was found after it was lost."""
        self.motion, self.lost_s = Motion(joints_px, time_s), None
        self.memory = Memory.none(1)

    def saved(self) -> dict[str, Any]:
        """As plain numbers and lists; NaN is None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {
            "motion": self.motion.saved(),
            "gate": self.gate.saved(),
            "size": self.size.saved(),
            "start": [_plain(value) for value in (self.start.pose, self.start.shape)],
            "memory": {
                "evidence": [_plain(value) for value in vars(self.memory.evidence).values()],
                "own": [_plain(value) for value in self.memory.own],
            },
        }

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> "Track":
        """Inverse of `saved`. Raises KeyError, TypeError or ValueError for anything else."""
        gate, _, _ = _fresh(saved["rig"], saved["is_right"], smooth=saved["smooth"])
        gate.restore(saved["gate"])
        memory = saved["memory"]
        restored = {
            "motion": Motion.restored(saved["motion"]),
            "gate": gate,
            "size": HandSize.restored(saved["size"]),
            "start": FitStart(*map(_array, saved["start"])),
            "memory": Memory(Evidence(*map(_array, memory["evidence"])), Joints(*map(_array, memory["own"]))),
        }
        return cls(**saved | restored)


def _fresh(rig: str, is_right: bool, *, smooth: bool) -> tuple[Gate, FitStart, Memory]:
    """Of a hand of that side of which nothing is known."""
    start = FitStart(np.full((1, 16, 3), np.nan), np.full((1, 10), np.nan))
    gate = Gate(load_rig(rig, side="right" if is_right else "left"), filtered=smooth)
    return gate, start, Memory.none(1)


def _plain(values: np.ndarray) -> Any:
    return np.where(np.isnan(values), None, values.astype(object)).tolist()  # pyright: ignore


def _array(values: Any) -> np.ndarray:
    return np.array(values, dtype=float)
