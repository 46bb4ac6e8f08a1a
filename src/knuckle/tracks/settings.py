"""What is asked of a video, and the tracker that does it."""

from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from knuckle.geometry.camera import Camera
from knuckle.inference.onnx_model import RuntimeName, check_runtime, set_runtime
from knuckle.live.tracker import Tracker
from knuckle.video.frame import VideoInfo
from knuckle.weights import AUTO, ONE_HAND, TWO_HANDS, read_record, record_path, shipped_name

OPTIONS = {
    "camera": "--camera",
    "model": "--model",
    "mirrored": "--mirrored",
    "hand_length_m": "--hand-length",
    "gate": "--no-gate",
    "smooth": "--no-smooth",
    "offline": "--offline",
    "mesh": "--mesh",
    "overlay": "--no-video",
    "runtime": "--runtime",
}
"""As the command line calls the fields of `Settings`."""
_BEFORE = {"runtime": "onnxruntime"}
"""Fields that results of before do not tell, and what they were."""


@dataclass(frozen=True)
class Settings:
    """All that the results of a video depend on, beside the video."""

    camera: Camera | tuple[float, float, float, float] | None = None
    """A camera, or fx, fy, cx, cy px; without it the video's metadata's, or a focal length is assumed."""
    model: str = AUTO
    """As of `estimate`."""
    mirrored: bool = False
    """The frames are mirror images."""
    hand_length_m: float | None = None
    """Of all hands, from the wrist to the tip of the middle finger; None learns each one's."""
    gate: bool = True
    """Whether frames of little confidence get the pose of the last confident one."""
    smooth: bool = True
    """Whether poses are filtered over time."""
    offline: bool = False
    """Whether hands are smoothed by what comes after them too; then gate and filter have no part."""
    mesh: bool = False
    """Whether the lines have the vertices."""
    overlay: bool = True
    """Whether a video with the hands drawn over it is written."""
    runtime: RuntimeName = "auto"
    """What runs the networks; their answers differ in the last digits."""

    def open_tracker(self, info: VideoInfo) -> Tracker:
        """The tracker of a video, whose networks are opened by the runtime. Raises KnuckleError for a camera, model or
        runtime that cannot be used."""
        set_runtime(self.runtime)
        return Tracker(
            camera=self.camera_of(info),
            model=self.model,
            mirrored=self.mirrored,
            hand_length_m=self.hand_length_m,
            gate=self.gate and not self.offline,
            smooth=self.smooth and not self.offline,
        )

    def camera_of(self, info: VideoInfo) -> Camera | tuple[float, float, float, float] | None:
        """The camera that a tracker is given: the user's, else the video's own."""
        return info.camera if self.camera is None else self.camera

    def to_dict(self) -> dict[str, Any]:
        """Plain values; equal settings give equal ones, also once they were JSON."""
        values = asdict(self)
        return values | {
            "camera": list(self.camera) if isinstance(self.camera, tuple) else values["camera"],
            "runtime": check_runtime(self.runtime),
        }


def difference(own: dict[str, Any], earlier: dict[str, Any]) -> str | None:
    """How settings (`Settings.to_dict`) differ from earlier ones, for a sentence; None where they do not."""
    for name, value in own.items():
        before = earlier.get(name, _BEFORE.get(name))
        if before != value:
            return f"{OPTIONS[name]}: {_text(name, before)}, got {_text(name, value)}"
    return None


def _text(name: str, value: Any) -> str:
    if OPTIONS[name].startswith("--no-"):
        value = not value
    if isinstance(value, dict):
        value = [value.get(key) for key in ("fx", "fy", "cx", "cy")]
    if isinstance(value, list):
        return ",".join(f"{number:g}" for number in value)
    if isinstance(value, bool) or value is None:
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def rig_of(model: str) -> str:
    """Whose mesh, pose and shape a model's hands have. Raises KnuckleError for an unknown model."""
    return _records(model)[0].rig


def weights_of(model: str) -> dict[str, str]:
    """The networks behind a model's name, each with its file's checksum. Raises KnuckleError for an unknown model."""
    return {record.name: record.sha256 for record in _records(model)}


def version_here() -> str:
    """Of knuckle."""
    try:
        return version("knuckle")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _records(model: str) -> list[Any]:
    names = [model] if model != AUTO else [name for name in (ONE_HAND, TWO_HANDS) if shipped_name(name)]
    return [read_record(record_path(name, also=(AUTO,))) for name in names]
