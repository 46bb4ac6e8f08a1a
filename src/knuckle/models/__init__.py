"""The systems by name."""

from typing import Any

from knuckle.errors import KnuckleError

SYSTEMS = ("dahyf",)


def create_model(system: str, *, preset: str = "lite", pretrained: bool = False, **switches: Any) -> Any:
    """Build a system: `create_model("dahyf", preset="lite", pe=False)`.

    pretrained starts the backbone from ImageNet weights. Raises KnuckleError listing the valid names when the
    system, the preset, a switch or its value is unknown.
    """
    if system == "dahyf":
        from knuckle.models.dahyf.config import make_config
        from knuckle.models.dahyf.model import Dahyf

        return Dahyf(make_config(preset, **switches), pretrained=pretrained)
    raise KnuckleError(f"model: expected one of {', '.join(SYSTEMS)}, got {system!r}")
