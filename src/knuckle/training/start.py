"""The weights a run starts from: none, its own system's, or parts of another's."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import nn

from knuckle.training.checkpoint import load_parts, load_start
from knuckle.training.recipe import Recipe


class Before(NamedTuple):
    """What the weights a run starts from had seen; of another system's weights only what they are."""

    started_from: str = ""
    samples: int = 0
    seconds: float = 0.0


def load_initial(model: nn.Module, recipe: Recipe) -> Before:
    """Fill a model with the weights its recipe starts from (`init`, then `shared`).

    Raises KnuckleError when a file is damaged or its tensors do not fit.
    """
    before = _own(model, recipe)
    if not recipe.shared:
        return before
    lent = load_parts(Path(recipe.shared), model, recipe.shared_parts)
    origins = before.started_from, _origin(recipe.shared, recipe.shared_parts, lent)
    return before._replace(started_from="; ".join(filter(None, origins)))


def _own(model: nn.Module, recipe: Recipe) -> Before:
    if not recipe.init:
        return Before("ImageNet" if recipe.pretrained else "")
    if recipe.init_parts:
        metadata = load_parts(Path(recipe.init), model, recipe.init_parts)
        after_loading = getattr(model, "after_loading_parts", None)
        if after_loading is not None:
            after_loading(recipe.init_parts)
        if metadata.get("system") != recipe.system:
            return Before(_origin(recipe.init, recipe.init_parts, metadata))
    else:
        metadata = load_start(Path(recipe.init), model, recipe)
    samples, seconds = int(metadata.get("samples_seen", 0)), float(metadata.get("train_seconds", 0))
    return Before(metadata.get("started_from", ""), samples, seconds)


def _origin(path: str, parts: Sequence[str], metadata: dict[str, str]) -> str:
    seen = metadata.get("samples_seen", "unknown")
    return f"{', '.join(parts)} of {Path(path).stem} ({seen} samples seen)"
