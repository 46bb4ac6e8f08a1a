"""A training recipe: one TOML file that says what is trained, on what, and how long."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from knuckle.errors import KnuckleError


@dataclass(frozen=True)
class Recipe:
    """One training run.

    system, preset, switches: the model. data: folder of a synthetic set (`knuckle synth`). validation: how many of
    its last hands are held out. samples: hands to see in all. batch: patches a step over all processes. processes:
    how many, each with `threads` threads. schedule: "decay" warms up, holds, then falls to zero along a half cosine
    over the last `decay_fraction`; "step" multiplies by 0.1 at `step_at` (the paper: half-way). contrastive_from:
    share of the run after which L_c counts and patches without a hand join (`negatives` of each batch). ema: decay
    of the averaged weights that are evaluated and shipped. init: a checkpoint to start from. precision: "no" or
    "bf16". checkpoint_seconds: at most this much work is lost.
    """

    name: str
    system: Literal["dahyf"] = "dahyf"
    preset: str = "lite"
    switches: dict[str, Any] = field(default_factory=dict)
    data: str = ""
    validation: int = 512
    samples: int = 500_000
    batch: int = 64
    processes: int = 1
    threads: int = 1
    workers: int = 0
    seed: int = 0
    optimiser: Literal["adamw", "adam"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.02
    clip: float = 5.0
    warmup_samples: int = 10_000
    schedule: Literal["decay", "step"] = "decay"
    decay_fraction: float = 0.35
    step_at: float = 0.5
    contrastive_from: float = 0.8
    negatives: float = 0.08
    ema: float = 0.998
    init: str = ""
    pretrained: bool = True
    precision: Literal["no", "bf16"] = "no"
    augment: bool = True
    checkpoint_seconds: float = 120.0
    validate_every: int = 500

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for item in fields(self):
            value, hint = getattr(self, item.name), hints[item.name]
            if get_origin(hint) is Literal:
                if value not in get_args(hint):
                    raise KnuckleError(
                        f"recipe {self.name}: {item.name}: expected one of {', '.join(get_args(hint))}, got {value!r}"
                    )
            elif get_origin(hint) is None and not isinstance(value, (int, float) if hint is float else hint):
                raise KnuckleError(
                    f"recipe {self.name}: {item.name}: expected {hint.__name__}, got {value!r}"
                )
        if self.samples < 1 or self.batch < 1 or self.processes < 1 or self.batch % self.processes:
            raise KnuckleError(
                f"recipe {self.name}: expected samples, batch, processes >= 1 and a batch that divides among "
                f"processes, got {self.samples}, {self.batch}, {self.processes}"
            )

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return -(-self.samples // self.batch)

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step."""
        import math

        progress = step / self.steps
        warm = min(1.0, (step + 1) * self.batch / max(self.warmup_samples, 1))
        if self.schedule == "step":
            return self.lr * warm * (0.1 if progress >= self.step_at else 1.0)
        into_decay = max(0.0, (progress - (1 - self.decay_fraction)) / max(self.decay_fraction, 1e-9))
        return self.lr * warm * 0.5 * (1 + math.cos(math.pi * min(into_decay, 1.0)))

    def contrastive(self, step: int) -> bool:
        """Whether L_c counts at this step."""
        return step >= self.contrastive_from * self.steps


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; raises KnuckleError naming the file and the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise KnuckleError(f"{path}: expected a recipe (TOML), got {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected a recipe (TOML), got {error}") from error
    known = {f.name for f in fields(Recipe)}
    if unknown := sorted(set(data) - known):
        raise KnuckleError(
            f"{path}: expected keys among {', '.join(sorted(known))}, got {', '.join(unknown)}"
        )
    return Recipe(**{"name": path.stem, **data})
