"""What the systems' configurations share: checks of their fields, and presets with switches."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from knuckle.errors import KnuckleError

Config = TypeVar("Config")


def check_fields(config: Any, system: str) -> None:
    """Raise KnuckleError when a Literal, bool, int or float field of a dataclass holds something else."""
    hints = get_type_hints(type(config))
    for item in fields(config):
        value, hint = getattr(config, item.name), hints[item.name]
        if get_origin(hint) is Literal:
            if value not in get_args(hint) or (isinstance(value, bool) and True not in get_args(hint)):
                valid = ", ".join(str(v) for v in get_args(hint))
                raise KnuckleError(f"{system} {item.name}: expected one of {valid}, got {value!r}")
        elif hint is bool:
            if not isinstance(value, bool):
                raise KnuckleError(f"{system} {item.name}: expected true or false, got {value!r}")
        elif hint in (int, float):
            allowed = int if hint is int else (int, float)
            if isinstance(value, bool) or not isinstance(value, allowed):
                raise KnuckleError(f"{system} {item.name}: expected {hint.__name__}, got {value!r}")


def check_patch_size(size: int, system: str) -> None:
    """Raise KnuckleError unless every stride up to 32 divides the patch."""
    if size % 32 or size < 32:
        raise KnuckleError(f"{system} patch_size: expected a multiple of 32, got {size}")


def choose(system: str, presets: Mapping[str, Config], preset: str, switches: Mapping[str, Any]) -> Config:
    """A preset with some fields changed; raises KnuckleError listing the valid names."""
    if preset not in presets:
        raise KnuckleError(f"{system} preset: expected one of {', '.join(presets)}, got {preset!r}")
    chosen: Any = presets[preset]
    known = {f.name for f in fields(chosen)}
    if unknown := sorted(set(switches) - known):
        raise KnuckleError(
            f"{system}: expected switches among {', '.join(sorted(known))}, got {', '.join(unknown)}"
        )
    return replace(chosen, **switches)
