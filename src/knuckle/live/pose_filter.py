"""The One-Euro filter of a whole hand: rotations, shape and place, each with its own cut-offs.

Place is filtered as the direction to the middle of the joints, hardly, and as its distance in lengths of the palm,
strongly: the picture shows both well, neither changes when the estimate of the hand's shape does, and rotations that
come late turn the hand about its middle. The shape, which is the hand's own, is a slow average; the distance in metres
follows from it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError
from knuckle.live.hand_pose import NEAREST_M, HandPose, palm_length_m, place_joints
from knuckle.live.one_euro import Cutoffs, OneEuro, RotationOneEuro, share_of_new
from knuckle.rig.hand_rig import HandRig
from knuckle.rig.quaternions import axis_angle_to_quaternion, quaternion_to_axis_angle
from knuckle.skeleton import MIDDLE_MCP, WRIST


@dataclass(frozen=True)
class PoseCutoffs:
    """Cut-offs of a hand's parts (`benchmarks/live/smoothing.py` shows how they were chosen)."""

    across: Cutoffs = field(default_factory=lambda: Cutoffs(2.0, 60.0, speed_hz=15.0, trend=1.0))
    """Of the direction; speed is metres a second at the hand's distance."""
    along: Cutoffs = field(default_factory=lambda: Cutoffs(0.6, 4.2, speed_hz=1.1, trend=0.7))
    """Of the distance; speed is metres a second."""
    wrist: Cutoffs = field(default_factory=lambda: Cutoffs(0.8, 2.9, speed_hz=0.7, trend=0.6))
    """Of the hand's own rotation; rad/s."""
    fingers: Cutoffs = field(default_factory=lambda: Cutoffs(1.2, 1.6, speed_hz=2.2, trend=0.8))
    """Of the fingers' joints, relative to their parents; rad/s."""
    shape_hz: float = 0.2
    """Of the shape, once so much time has passed; until then it is the mean of what was seen."""


def palm_middle_m(rig: HandRig) -> Float[np.ndarray, "3"]:
    """From the wrist to the middle of the palm of the mean hand, in the hand's own axes, metres."""
    rest = rig.joints_rest_m.astype(float)
    return (rest[MIDDLE_MCP] - rest[WRIST]) / 2


class _SlowMean(OneEuro):
    """A low-pass that begins as the mean of all values."""

    def reset(self) -> None:
        super().reset()
        self._count = 1

    def _mix(self, value: np.ndarray, step_s: float, unit: float) -> None:
        self._count += 1
        share = max(1 / self._count, float(share_of_new(step_s, self.cutoffs.rest_hz)))
        self._value = self._value + share * (value - self._value)

    def saved(self) -> dict[str, Any]:
        return super().saved() | {"count": self._count}

    def restore(self, data: dict[str, Any]) -> None:
        super().restore(data)
        self._count = int(data.get("count", 1))


class PoseFilter:
    """A filter of one hand's poses, one after the other.

    Args:
        rig: of the hand's side.
        cutoffs: the settings.
        restart_s: after a longer time without a pose it starts anew (the shape is kept).
    """

    def __init__(self, rig: HandRig, *, cutoffs: PoseCutoffs | None = None, restart_s: float = 0.5) -> None:
        settings = cutoffs or PoseCutoffs()
        self._rig = rig
        hand, fingers = settings.wrist, settings.fingers
        joints = Cutoffs(
            *(
                np.array([getattr(hand, name)] + [getattr(fingers, name)] * 15)
                for name in ("rest_hz", "beta", "speed_hz", "trend")
            )
        )
        self._parts: dict[str, OneEuro] = {
            "across": OneEuro(settings.across, restart_s=restart_s),
            "along": OneEuro(settings.along, restart_s=restart_s),
            "rotations": RotationOneEuro(joints, restart_s=restart_s),
            "shape": _SlowMean(Cutoffs(settings.shape_hz, 0.0), restart_s=np.inf),
        }

    def reset(self) -> None:
        """Forget the hand."""
        for part in self._parts.values():
            part.reset()

    def push(self, time_s: float, pose: HandPose) -> HandPose:
        """The filtered pose at that time. Raises KnuckleError for a time before the last."""
        middle = place_joints(self._rig, pose).mean(0)
        distance = middle[2]
        if distance < NEAREST_M:
            return pose
        shape = self._parts["shape"].push(time_s, pose.shape)
        length, own_length = palm_length_m(self._rig, np.stack([shape, pose.shape]))
        ray = self._parts["across"].push(time_s, middle[:2] / distance, unit=distance)
        lengths = self._parts["along"].push(time_s, np.log([distance / own_length]), unit=distance)
        rotations = axis_angle_to_quaternion(np.asarray(pose.pose_rad, dtype=float))
        smooth = quaternion_to_axis_angle(self._parts["rotations"].push(time_s, rotations))
        still = HandPose(np.zeros(3), smooth, shape)
        from_wrist = place_joints(self._rig, still).mean(0)
        return still._replace(root_m=np.append(ray, 1.0) * np.exp(lengths[0]) * length - from_wrist)

    @property
    def velocity(self) -> Float[np.ndarray, "3"]:
        """How fast the direction (x / z, y / z) and the logarithm of the distance change, a second; 0 before two
        poses."""
        parts = [self._parts[name].speed for name in ("across", "along")]
        return np.concatenate(parts) if all(part.size for part in parts) else np.zeros(3)

    def saved(self) -> dict[str, Any]:
        """What it knows, as plain numbers and lists."""
        return {name: part.saved() for name, part in self._parts.items()}

    def restore(self, data: dict[str, Any]) -> None:
        """Go on from what `saved` gave. Raises KnuckleError for anything else."""
        if not isinstance(data, dict) or set(data) != set(self._parts):
            raise KnuckleError(f"state of a filter: expected the keys {', '.join(self._parts)}")
        for name, part in self._parts.items():
            part.restore(data[name])
