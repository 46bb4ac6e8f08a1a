"""The teleoperator as LeRobot knows it."""

import time
from collections.abc import Callable
from typing import Any

from lerobot.teleoperators.teleoperator import Teleoperator

from lerobot_teleoperator_knuckle.config_knuckle import KnuckleTeleopConfig
from lerobot_teleoperator_knuckle.source import CameraSource, Source
from lerobot_teleoperator_knuckle.wrist import NAMES, WristFollower


def _camera(config: KnuckleTeleopConfig) -> Source:
    return CameraSource(config.camera, mirrored=config.mirrored, camera_file=config.camera_file)


class KnuckleTeleop(Teleoperator):
    """A hand before a camera. Nothing to calibrate, no feedback."""

    config_class = KnuckleTeleopConfig
    name = "knuckle"

    def __init__(
        self, config: KnuckleTeleopConfig, *, open_source: Callable[[KnuckleTeleopConfig], Source] = _camera
    ) -> None:
        super().__init__(config)
        self.config = config
        self._open_source = open_source
        self._source: Source | None = None
        self._follower = WristFollower(config.settings())

    @property
    def status(self) -> str:
        """ "waiting", "following", "released" or "lost"."""
        return self._follower.status

    @property
    def action_features(self) -> dict[str, type]:
        return dict.fromkeys(NAMES, float)

    @property
    def feedback_features(self) -> dict[str, type]:
        return {}

    @property
    def is_connected(self) -> bool:
        return self._source is not None

    @property
    def is_calibrated(self) -> bool:
        return True

    def connect(self, calibrate: bool = True) -> None:
        if self._source is not None:
            raise RuntimeError(f"{self}: is connected already")
        self._follower = WristFollower(self.config.settings())
        self._source = self._open_source(self.config)

    def calibrate(self) -> None:
        """Nothing to do: `knuckle calibrate` finds a camera's focal length."""

    def configure(self) -> None:
        """Nothing to do."""

    def get_action(self) -> dict[str, float]:
        if self._source is None:
            raise RuntimeError(f"{self}: is not connected")
        return self._follower(self._source.newest(), time.monotonic())

    def send_feedback(self, feedback: dict[str, Any]) -> None:
        """A hand takes none."""

    def disconnect(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
