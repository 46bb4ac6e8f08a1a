"""A training recipe: one TOML file that says what is trained, on what, and how long."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from knuckle.errors import KnuckleError
from knuckle.models import SYSTEMS
from knuckle.models.config import check_fields

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Recipe:
    """One training run.

    system, preset, switches: the model. data: folder of a set (`knuckle synth`, `knuckle convert`), or a list of
    them. shares: one number a set, the share of the hands drawn from it; without them the sets are seen as one, every
    hand equally often. validation: how many of the first set's last hands are held out. samples: hands to see in all.
    batch: patches a step over all processes. backbone_rate: of the learning rate, for the backbone's weights.
    processes: how many, each with `threads` threads. schedule: "decay" warms up, holds, then falls to zero along a
    half cosine over the last `decay_fraction`; "step" multiplies by `step_factor` at each share of the run in
    `step_at`. negatives_from: share of the run after which patches without a hand join (`negatives` of each batch)
    and confidence losses count (DaHyF: L_c). ema: decay of the averaged weights that are evaluated and shipped. init:
    weights to start from, of the same system, preset and switches; with `init_parts`, of any system, and only the
    tensors whose names start so are taken. shared: weights of any system that lend the tensors in `shared_parts`
    afterwards, in place of those of init (a backbone that was trained further elsewhere). frozen: modules that keep
    the weights they start with. phase: which of the system's training phases this run is. precision: "no" is float32,
    "bf16" computes convolutions and matrix products in it, "auto" does so where the processor or GPU is faster for it
    (`knuckle.training.precision`); geometry is in float32 in any. checkpoint_seconds: at most this much is lost.
    """

    name: str
    system: str = "dahyf"
    preset: str = "lite"
    switches: dict[str, Any] = field(default_factory=dict)
    data: str | tuple[str, ...] = ""
    shares: tuple[float, ...] = ()
    validation: int = 512
    samples: int = 500_000
    batch: int = 64
    processes: int = 1
    threads: int = 1
    workers: int = 0
    seed: int = 0
    optimiser: Literal["adamw", "adam"] = "adamw"
    lr: float = 1e-3
    backbone_rate: float = 1.0
    weight_decay: float = 0.02
    clip: float = 5.0
    warmup_samples: int = 10_000
    schedule: Literal["decay", "step"] = "decay"
    decay_fraction: float = 0.35
    step_at: tuple[float, ...] = (0.5,)
    step_factor: float = 0.1
    negatives_from: float = 0.8
    negatives: float = 0.08
    ema: float = 0.998
    init: str = ""
    init_parts: tuple[str, ...] = ()
    shared: str = ""
    shared_parts: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    phase: str = "all"
    pretrained: bool = True
    precision: Literal["no", "bf16", "auto"] = "no"
    augment: bool = True
    checkpoint_seconds: float = 120.0
    validate_every: int = 500

    def __post_init__(self) -> None:
        if self.system not in SYSTEMS:
            raise KnuckleError(
                f"recipe {self.name}: system: expected one of {', '.join(SYSTEMS)}, got {self.system!r}"
            )
        check_fields(self, f"recipe {self.name}:")
        lists = {"step_at": (int, float), "shares": (int, float)}
        lists |= dict.fromkeys(("init_parts", "shared_parts", "frozen"), str)
        for name, kind in lists.items():
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or not all(
                isinstance(v, kind) and not isinstance(v, bool) for v in value
            ):
                raise KnuckleError(f"recipe {self.name}: {name}: expected a list, got {value!r}")
            object.__setattr__(self, name, tuple(value))
        self._check_sets()
        if self.init_parts and not self.init:
            raise KnuckleError(f"recipe {self.name}: init_parts: expected init beside it, got none")
        if bool(self.shared) != bool(self.shared_parts):
            raise KnuckleError(
                f"recipe {self.name}: expected shared and shared_parts together, got one of them"
            )
        if self.samples < 1 or self.batch < 1 or self.processes < 1 or self.batch % self.processes:
            raise KnuckleError(
                f"recipe {self.name}: expected samples, batch, processes >= 1 and a batch that divides among "
                f"processes, got {self.samples}, {self.batch}, {self.processes}"
            )

    def _check_sets(self) -> None:
        """A single folder stays a string, several become a tuple."""
        if not isinstance(self.data, str):
            folders: object = self.data
            if (
                not isinstance(folders, list | tuple)
                or not folders
                or not all(isinstance(f, str) and f for f in folders)
            ):
                raise KnuckleError(
                    f"recipe {self.name}: data: expected a folder or a list of folders, got {folders!r}"
                )
            object.__setattr__(self, "data", tuple(folders))
        # What one set holds out must not be trained on under a second mention of it.
        if len({Path(folder) for folder in self.sets}) < len(self.sets):
            raise KnuckleError(
                f"recipe {self.name}: data: expected every set once, got {', '.join(self.sets)}"
            )
        if self.shares and len(self.shares) != len(self.sets):
            raise KnuckleError(
                f"recipe {self.name}: shares: expected one for each set of data, {len(self.sets)}, got "
                f"{len(self.shares)}"
            )
        # Written so that NaN fails too.
        adds_up = abs(sum(self.shares) - 1) <= _SUM_TOLERANCE
        if self.shares and not (adds_up and all(share >= 0 for share in self.shares)):
            raise KnuckleError(
                f"recipe {self.name}: shares: expected numbers from 0 that sum to 1, got {list(self.shares)}"
            )

    @property
    def sets(self) -> tuple[str, ...]:
        """The folders of `data`."""
        return (self.data,) if isinstance(self.data, str) else self.data

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
            return self.lr * warm * self.step_factor ** sum(progress >= share for share in self.step_at)
        into_decay = max(0.0, (progress - (1 - self.decay_fraction)) / max(self.decay_fraction, 1e-9))
        return self.lr * warm * 0.5 * (1 + math.cos(math.pi * min(into_decay, 1.0)))

    def with_negatives(self, step: int) -> bool:
        """Whether patches without a hand have joined at this step."""
        return step >= self.negatives_from * self.steps


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
