"""Where a hand will be in the next frame: its place, size and turn in the picture go on as they went."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.geometry.crop import hand_roll, turn_of_px

FOLLOWS_S = 0.02
"""Time constant of the velocity: of frames 33 ms apart, the last step counts four fifths."""
STEADY_S, FADES_S = 0.04, 0.05
"""So long a hand goes on as it went; one that is not seen in that time goes on ever slower, by a factor of e in the
second time. A shaking hand turns back before that."""
FASTEST_GROWTH = 6.0
"""Of the size's logarithm and of the turn, per second; what is faster was a mistake."""
_LEAST_PX = 1.0


@dataclass(frozen=True, eq=False)
class Motion:
    """A hand's last joints in the picture, and how its place (px/s), the logarithm of its size and its turn (1/s)
    change."""

    joints_px: Float[np.ndarray, "21 2"]
    time_s: float
    velocity: Float[np.ndarray, "4"] = field(default_factory=lambda: np.zeros(4))

    def seen(self, joints_px: Float[np.ndarray, "21 2"], time_s: float) -> "Motion":
        """The motion once the hand was seen again, at a later time."""
        elapsed_s = max(time_s - self.time_s, 1e-3)
        step = _state(joints_px) - _state(self.joints_px)
        step[3] = (step[3] + np.pi) % (2 * np.pi) - np.pi
        measured = step / elapsed_s
        measured[2:] = np.clip(measured[2:], -FASTEST_GROWTH, FASTEST_GROWTH)
        share = 1 - np.exp(-elapsed_s / FOLLOWS_S)
        return Motion(joints_px, time_s, self.velocity + share * (measured - self.velocity))

    def predicted(self, time_s: float, *, only_moved: bool = False) -> Float[np.ndarray, "21 2"]:
        """Joints at a later time: the last ones moved, grown and turned; only_moved: as large and turned as they were.
        What a hand did in the frame before it was lost is often a mistake already."""
        elapsed_s = max(time_s - self.time_s, 0.0)
        late_s = max(elapsed_s - STEADY_S, 0.0)
        going_s = min(elapsed_s, STEADY_S) + FADES_S * (1 - np.exp(-late_s / FADES_S))
        du, dv, growth, turn = self.velocity * going_s
        if only_moved:
            growth = turn = 0.0
        middle = self.joints_px.mean(0)
        return (self.joints_px - middle) @ turn_of_px(turn).T * np.exp(growth) + middle + (du, dv)

    def saved(self) -> dict[str, Any]:
        """As plain numbers."""
        return {
            "joints_px": self.joints_px.tolist(),
            "time_s": self.time_s,
            "velocity": self.velocity.tolist(),
        }

    @classmethod
    def restored(cls, saved: dict[str, Any]) -> "Motion":
        """Inverse of `saved`."""
        return cls(np.array(saved["joints_px"]), float(saved["time_s"]), np.array(saved["velocity"]))


def _state(joints_px: Float[np.ndarray, "21 2"]) -> Float[np.ndarray, "4"]:
    """Middle, logarithm of the size, turn."""
    middle = joints_px.mean(0)
    size = max(float(np.sqrt(((joints_px - middle) ** 2).sum(1).mean())), _LEAST_PX)
    return np.array([*middle, np.log(size), float(hand_roll(joints_px))])
