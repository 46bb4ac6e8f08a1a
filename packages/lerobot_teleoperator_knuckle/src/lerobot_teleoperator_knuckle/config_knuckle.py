"""What `--teleop.type=knuckle` takes."""

from dataclasses import dataclass, field

from lerobot.teleoperators.config import TeleoperatorConfig

from lerobot_teleoperator_knuckle.wrist import FACING, Settings


@TeleoperatorConfig.register_subclass("knuckle")
@dataclass(kw_only=True)
class KnuckleTeleopConfig(TeleoperatorConfig):
    """The package's page explains each."""

    camera: str = "0"
    mirrored: bool = False
    camera_file: str | None = None
    side: str = "right"
    clutch: str = "always"
    scale: float = 1.0
    robot_from_camera: list[float] = field(default_factory=lambda: list(FACING))
    fastest_m_s: float = 0.5
    fastest_rad_s: float = 2.0
    lost_after_s: float = 0.3

    def settings(self) -> Settings:
        """Those of the follower."""
        return Settings(
            side=self.side,
            clutch=self.clutch,
            scale=self.scale,
            robot_from_camera=tuple(self.robot_from_camera),
            fastest_m_s=self.fastest_m_s,
            fastest_rad_s=self.fastest_rad_s,
            lost_after_s=self.lost_after_s,
        )
