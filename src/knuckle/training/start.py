"""The weights a run starts from: none, its own system's, or parts of another's."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from knuckle.models.contract import System
from knuckle.sets.seen import Seen, from_text, joined
from knuckle.training.checkpoint import load_parts, load_start
from knuckle.training.recipe import Recipe


class Before(NamedTuple):
    """What the weights that a run starts from had seen."""

    started_from: str = ""
    """What they started from themselves; of another system's weights, what they are."""
    samples: int = 0
    """Hands seen; 0 where they are another system's."""
    seconds: float = 0.0
    """Of training; 0 where they are another system's."""
    sets: Seen = {}  # noqa: RUF012 - never changed
    """Which rows of which sets, another system's included."""


def load_initial(model: System, recipe: Recipe) -> Before:
    """Fill a model with the weights its recipe starts from (`init`, then `shared`).

    Raises KnuckleError when a file is damaged or its tensors do not fit.
    """
    before = _own(model, recipe)
    if not recipe.shared:
        return before
    metadata = load_parts(Path(recipe.shared), model, recipe.shared_parts)
    origins = before.started_from, _origin(recipe.shared, recipe.shared_parts, metadata)
    sets = joined(before.sets, _sets(metadata))
    return before._replace(started_from="; ".join(filter(None, origins)), sets=sets)


def _own(model: System, recipe: Recipe) -> Before:
    if not recipe.init:
        return Before("ImageNet" if recipe.pretrained else "")
    if recipe.init_parts:
        metadata = load_parts(Path(recipe.init), model, recipe.init_parts)
        model.after_loading_parts(recipe.init_parts)
        if metadata.get("system") != recipe.system:
            return Before(_origin(recipe.init, recipe.init_parts, metadata), sets=_sets(metadata))
    else:
        metadata = load_start(Path(recipe.init), model, recipe)
    samples, seconds = int(metadata.get("samples_seen", 0)), float(metadata.get("train_seconds", 0))
    return Before(metadata.get("started_from", ""), samples, seconds, _sets(metadata))


def _sets(metadata: dict[str, str]) -> Seen:
    return from_text(metadata.get("trained_sets")) or {}


def _origin(path: str, parts: Sequence[str], metadata: dict[str, str]) -> str:
    seen = metadata.get("samples_seen", "unknown")
    return f"{', '.join(parts)} of {Path(path).stem} ({seen} samples seen)"
