"""From a hand to a robot hand's joints, by dex-retargeting (extra "robots", Python below 3.13)."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float

from knuckle.errors import KnuckleError, install_command
from knuckle.hands import Hand
from knuckle.robots.hold import Command, Holder
from knuckle.robots.wrist import robot_hand
from knuckle.skeleton import FINGERS

Kind = Literal["vector", "dexpilot", "position"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_TOO_NEW = (3, 13)
_DEXPILOT_TOLERANCE = 1e-5
"""Where it ends: the library's own 1e-6 takes half as long again, and brings fingertips no nearer."""


@dataclass(frozen=True, eq=False)
class RobotModel:
    """A robot hand: its URDF is the user's own, since each has its own licence."""

    urdf: Path
    wrist_link: str
    tips: Mapping[str, str]
    """The link at the tip of each finger that the robot has: thumb, index, middle, ring, pinky."""
    scale: float = 1.0
    """The robot's size, of the hand's."""
    robot_from_wrist: Float[np.ndarray, "4 4"] = field(default_factory=lambda: np.eye(4))
    """From the wrist's frame (`RobotHand`) to that of the robot's wrist link; metres of the robot."""


class Retargeter:
    """Turns hands into joint positions of a robot, and holds them while there is no hand.

    Args:
        robot: the robot hand.
        kind: "vector" (directions and lengths from the wrist to the tips: for teleoperation), "dexpilot" (that, and
            fingers that close on each other), "position" (the tips' places: for recordings).
        joints: names of the robot's joints in the order that its driver wants; by default the URDF's.
        fastest: of any joint, radians a second.
        start: where the joints are now, in that order.
        doubtful: follow hands whose state is "doubtful" too; others than "observed" are held otherwise.

    Raises KnuckleError where dex-retargeting is not installed, the robot's file cannot be read, or lacks a name.
    """

    def __init__(
        self,
        robot: RobotModel,
        *,
        kind: Kind = "vector",
        joints: Sequence[str] | None = None,
        fastest: float = 3.0,
        start: Float[np.ndarray, "n"] | None = None,
        doubtful: bool = False,
    ) -> None:
        self.robot = robot
        self.kind = kind
        self._solver = _solver(robot, kind)
        names = list(self._solver.joint_names)
        self.joint_names = tuple(joints or names)
        if missing := [name for name in self.joint_names if name not in names]:
            raise KnuckleError(f"{robot.urdf}: expected a joint {missing[0]}, got {', '.join(names)}")
        self._order = [names.index(name) for name in self.joint_names]
        self._trusted = ("observed", "doubtful") if doubtful else ("observed",)
        self._hold = Holder(fastest, start)
        self.tip_error_m = np.nan
        """Of the last hand followed: how far the robot's tips, seen from its wrist, could not be brought to the
        hand's, on average. The robot may be on its way there."""

    def __call__(self, hand: Hand | None, time_s: float) -> Command:
        """What to tell the robot, its joints in the order of `joint_names`."""
        if hand is None or hand.state not in self._trusted:
            return self._hold(None, time_s)
        return self._hold(self.solve(hand), time_s)

    def solve(self, hand: Hand) -> Float[np.ndarray, "n"]:
        """The joint positions that are nearest to a hand's, however far from the last ones."""
        turn = self.robot.robot_from_wrist
        joints = robot_hand(hand).joints_m * self.robot.scale
        joints = joints @ turn[:3, :3].T + turn[:3, 3]
        indices = np.asarray(self._solver.optimizer.target_link_human_indices)
        # Lengths are the robot's already.
        target = joints[indices] if self.kind == "position" else joints[indices[1]] - joints[indices[0]]
        whole = self._solver.retarget(target)
        self.tip_error_m = self._error(whole, joints)
        return np.asarray(whole, float)[self._order]

    def _error(self, positions: Float[np.ndarray, "d"], joints: Float[np.ndarray, "21 3"]) -> float:
        robot = self._solver.optimizer.robot
        robot.compute_forward_kinematics(positions)
        places = {link: robot.get_link_pose(robot.get_link_index(link))[:3, 3] for link in self._links}
        origin = places[self.robot.wrist_link]
        wanted = {link: joints[4 + 4 * FINGERS.index(finger)] for finger, link in self.robot.tips.items()}
        return float(
            np.mean([np.linalg.norm(places[link] - origin - wanted[link] + joints[0]) for link in wanted])
        )

    @property
    def _links(self) -> tuple[str, ...]:
        return (self.robot.wrist_link, *self.robot.tips.values())


def _solver(robot: RobotModel, kind: Kind) -> Any:
    if kind not in KINDS:
        raise KnuckleError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    if unknown := [finger for finger in robot.tips if finger not in FINGERS]:
        raise KnuckleError(f"tips: expected some of {', '.join(FINGERS)}, got {unknown[0]!r}")
    fingers = [finger for finger in FINGERS if finger in robot.tips]
    if not fingers or (kind == "dexpilot" and (len(fingers) < 2 or fingers[0] != "thumb")):
        raise KnuckleError(f"tips: expected the thumb and at least one finger more, got {fingers}")
    if not Path(robot.urdf).is_file():
        raise KnuckleError(f"{robot.urdf}: cannot be read (no such file)")
    config = _config_class()
    links = [robot.tips[finger] for finger in fingers]
    tips = np.array([4 + 4 * FINGERS.index(finger) for finger in fingers])
    # Speed is limited by `Holder`; a low pass of the library's would only be late.
    values: dict[str, Any] = {
        "type": kind,
        "urdf_path": str(Path(robot.urdf).resolve()),
        "low_pass_alpha": 1.0,
    }
    if kind == "position":
        values |= {"target_link_names": links, "target_link_human_indices": tips}
    elif kind == "vector":
        values |= {
            "target_origin_link_names": [robot.wrist_link] * len(links),
            "target_task_link_names": links,
            "target_link_human_indices": np.stack([np.zeros_like(tips), tips]),
        }
    else:
        origins, tasks = _dexpilot_pairs(len(links))
        indices = np.concatenate([[0], tips])
        values |= {
            "finger_tip_link_names": links,
            "wrist_link_name": robot.wrist_link,
            "target_link_human_indices": np.stack([indices[origins], indices[tasks]]),
        }
    try:
        # It prints that indices are rarely given; a robot without a ring finger needs them.
        with redirect_stdout(StringIO()):
            solver = config(**values).build()
    except Exception as error:
        raise KnuckleError(
            f"{robot.urdf}: expected a robot hand with the links named, got {error}"
        ) from error
    if kind == "dexpilot":
        solver.optimizer.opt.set_ftol_abs(_DEXPILOT_TOLERANCE)
    return solver


def _dexpilot_pairs(fingers: int) -> tuple[list[int], list[int]]:
    """DexPilot's vectors between tips (each pair once, from the later to the earlier), then from the wrist to each;
    0 is the wrist. The order is that of dex-retargeting."""
    pairs = [(later, earlier) for earlier in range(1, fingers) for later in range(earlier + 1, fingers + 1)]
    pairs += [(0, tip) for tip in range(1, fingers + 1)]
    origins, tasks = zip(*pairs, strict=True)
    return list(origins), list(tasks)


def _config_class() -> Any:
    try:
        from dex_retargeting.retargeting_config import RetargetingConfig
    except ImportError as error:
        if sys.version_info >= _TOO_NEW:
            raise KnuckleError(
                "retargeting: expected Python below 3.13, for which alone dex-retargeting is made, got"
                f" {sys.version_info.major}.{sys.version_info.minor}"
            ) from error
        raise KnuckleError(
            f"retargeting: needs dex-retargeting, with torch, pin and six ({error}): {install_command('robots')}"
        ) from error
    return RetargetingConfig
