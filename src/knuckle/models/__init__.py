"""The systems by name."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from knuckle.errors import KnuckleError, install_command

if TYPE_CHECKING:
    from knuckle.models.contract import System

# Name and class; `models/NAME/` has config.make_config, model.CLASS and losses.CLASSLoss.
_CLASSES = {"dahyf": "Dahyf", "ehpe": "Ehpe", "handar": "Handar", "dfl": "Dfl"}
SYSTEMS = tuple(_CLASSES)


def create_model(system: str, *, preset: str = "lite", pretrained: bool = False, **switches: Any) -> "System":
    """Build a system: `create_model("ehpe", preset="lite", use_fem=False)`.

    pretrained starts the backbone from ImageNet weights. Raises KnuckleError listing the valid names when the system,
    the preset, a switch or its value is unknown, and without torch.
    """
    _check(system)
    config = import_module(f"knuckle.models.{system}.config").make_config(preset, **switches)
    if find_spec("torch") is None:
        raise KnuckleError(f"create_model needs torch: {install_command('train')}")
    model = getattr(import_module(f"knuckle.models.{system}.model"), _CLASSES[system])
    return model(config, pretrained=pretrained)


def create_loss(system: str, config: Any, *, phase: str = "all") -> Any:
    """The training loss of a system built with `config`; phase: one of the system's `PHASES`.

    A module (its parameters are trained too), called as `loss(output, targets, crop, camera, negatives=True)`: what the
    model's `forward` gave, `Targets` (`TwoHandTargets` of two hands), and whether patches without a hand have joined.
    Gives the total and a dictionary of its terms, unweighted, for the log. Labels that are missing (`Targets.valid`) do
    not count; `needs` lists the kinds that some hands of a run must have, and `uses_negatives` false says that patches
    without a hand teach nothing. Raises KnuckleError for an unknown system,
    and for a phase that the system does not have.
    """
    _check(system)
    loss = getattr(import_module(f"knuckle.models.{system}.losses"), f"{_CLASSES[system]}Loss")
    if phase == "all":
        return loss(config)
    phases = getattr(import_module(f"knuckle.models.{system}.model"), _CLASSES[system]).PHASES
    if phase not in phases:
        raise KnuckleError(f"{system} phase: expected one of {', '.join(phases)}, got {phase!r}")
    return loss(config, phase)


def _check(system: str) -> None:
    if system not in _CLASSES:
        raise KnuckleError(f"model: expected one of {', '.join(SYSTEMS)}, got {system!r}")
