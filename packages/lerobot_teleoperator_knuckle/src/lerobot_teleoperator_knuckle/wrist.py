"""From hands to what an end effector does: steps of the wrist, a pinch as gripper, a clutch. Knows no LeRobot."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.hands import Hand, Hands
from knuckle.rig.rotations import matrix_to_axis_angle
from knuckle.robots.wrist import robot_hand
from knuckle.skeleton import SIDES

NAMES = ("delta_x", "delta_y", "delta_z", "delta_rx", "delta_ry", "delta_rz", "gripper")
Status = Literal["waiting", "following", "released", "lost"]
CLUTCHES = ("always", "other_hand")
FACING = (0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
"""Robot's axes (x forward, y left, z up) of a robot beside the camera that looks where it looks."""
_THUMB_TIP, _INDEX_TIP = 4, 8


@dataclass(frozen=True)
class Settings:
    """How a hand moves an end effector; the package's page explains each."""

    side: str = "right"
    clutch: str = "always"
    scale: float = 1.0
    robot_from_camera: tuple[float, ...] = FACING
    fastest_m_s: float = 0.5
    fastest_rad_s: float = 2.0
    lost_after_s: float = 0.3
    pinch_closed_m: float = 0.02
    pinch_open_m: float = 0.07

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise KnuckleError(f"side: expected {' or '.join(SIDES)}, got {self.side!r}")
        if self.clutch not in CLUTCHES:
            raise KnuckleError(f"clutch: expected {' or '.join(CLUTCHES)}, got {self.clutch!r}")
        turn = np.array(self.robot_from_camera, float)
        if turn.shape != (9,) or not np.allclose(
            turn.reshape(3, 3) @ turn.reshape(3, 3).T, np.eye(3), atol=1e-3
        ):
            raise KnuckleError(
                f"robot_from_camera: expected the nine numbers of a rotation, got {self.robot_from_camera}"
            )
        if not 0 <= self.pinch_closed_m < self.pinch_open_m:
            raise KnuckleError("pinch: expected 0 <= pinch_closed_m < pinch_open_m")


class _Reference(NamedTuple):
    place_m: np.ndarray
    turn: np.ndarray
    time_s: float


class WristFollower:
    """Turns the newest hands into an action, again and again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.status: Status = "waiting"
        self.gripper = 1.0
        """0 closed, 1 open."""
        self._turn = np.array(settings.robot_from_camera, float).reshape(3, 3)
        self._last: _Reference | None = None

    def __call__(self, hands: Hands | None, now_s: float) -> dict[str, float]:
        """The action since the last call: all of `NAMES`. hands: the newest, with `time_s` on the clock of `now_s`."""
        hand = None if hands is None else self._own(hands, now_s)
        if hand is None or hands is None or hands.time_s is None:
            self.status = "waiting" if self.status == "waiting" else "lost"
            self._last = None
            return self._action(np.zeros(6))
        if self.settings.clutch == "other_hand" and not self._held(hands):
            self.status, self._last = "released", None
            return self._action(np.zeros(6))
        self.status = "following"
        self.gripper = self._pinch(hand)
        pose = robot_hand(hand).camera_from_wrist
        seen = _Reference(pose[:3, 3], pose[:3, :3], hands.time_s)
        last, self._last = self._last, seen
        if last is None or seen.time_s <= last.time_s:
            return self._action(np.zeros(6))
        step_s = seen.time_s - last.time_s
        moved = self.settings.scale * self._turn @ (seen.place_m - last.place_m)
        turned = self._turn @ matrix_to_axis_angle(seen.turn @ last.turn.T)
        moved = _at_most(moved, self.settings.fastest_m_s * step_s)
        return self._action(np.concatenate([moved, _at_most(turned, self.settings.fastest_rad_s * step_s)]))

    def _own(self, hands: Hands, now_s: float) -> Hand | None:
        if hands.time_s is None or now_s - hands.time_s > self.settings.lost_after_s:
            return None
        own = [hand for hand in hands if hand.side == self.settings.side and hand.state == "observed"]
        return max(own, key=lambda hand: hand.confidence) if own else None

    def _held(self, hands: Hands) -> bool:
        return any(hand.side != self.settings.side and hand.state == "observed" for hand in hands)

    def _pinch(self, hand: Hand) -> float:
        closed, opened = self.settings.pinch_closed_m, self.settings.pinch_open_m
        apart = float(np.linalg.norm(hand.joints_m[_THUMB_TIP] - hand.joints_m[_INDEX_TIP]))
        return float(np.clip((apart - closed) / (opened - closed), 0, 1))

    def _action(self, steps: np.ndarray) -> dict[str, float]:
        return dict(zip(NAMES, [*steps.tolist(), self.gripper], strict=True))


def _at_most(vector: np.ndarray, length: float) -> np.ndarray:
    return vector * min(1.0, length / max(float(np.linalg.norm(vector)), 1e-12))
