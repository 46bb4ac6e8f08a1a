"""A person's hand before a webcam as a LeRobot teleoperator."""

from lerobot_teleoperator_knuckle.config_knuckle import KnuckleTeleopConfig
from lerobot_teleoperator_knuckle.knuckle_teleop import KnuckleTeleop
from lerobot_teleoperator_knuckle.wrist import NAMES, Settings, WristFollower

__all__ = ["NAMES", "KnuckleTeleop", "KnuckleTeleopConfig", "Settings", "WristFollower"]
