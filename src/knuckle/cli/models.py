"""What `--model` of `knuckle estimate` names: one model, or all that are installed."""

from knuckle import weights
from knuckle.errors import KnuckleError
from knuckle.inference.auto import AUTO, ONE_HAND, TWO_HANDS, is_installed

ALL = "all"


def chosen_models(model: str) -> list[str]:
    """The names or paths of the models to run: the one named ("auto" is one), or for "all" every installed one.

    Raises KnuckleError for an unknown name (listing the valid ones), damaged weights, and "all" without any.
    """
    installed = list(weights.available())
    if model == AUTO:
        for system in (ONE_HAND, *((TWO_HANDS,) if is_installed(TWO_HANDS) else ())):
            weights.find(system)
        return [AUTO]
    if model == ALL and not installed:
        raise KnuckleError("model: expected installed weights for all of them, got none")
    names = installed if model == ALL else [model]
    for name in names:
        if not (name.endswith(".onnx") or weights.shipped_name(name)):
            raise KnuckleError(f"model: expected one of {_valid(installed)}, got {name!r}")
        weights.find(name)
    return names


def _valid(installed: list[str]) -> str:
    systems = dict.fromkeys(name.rpartition("-")[0] for name in installed)
    short = [system for system in systems if weights.shipped_name(system)]
    return f"{', '.join((AUTO, *short, *installed, ALL))} or a .onnx file"
