"""A training recipe: one TOML file that says what is trained, on what, and how long."""

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from knuckle.errors import KnuckleError
from knuckle.models import SYSTEMS
from knuckle.models.config import check_fields
from knuckle.training.augmentation import augmentation_of

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Recipe:
    """One training run."""

    name: str
    """By default the file's name."""

    system: str = "dahyf"
    preset: str = "lite"
    switches: dict[str, Any] = field(default_factory=dict)
    """Fields of the system's configuration that differ from the preset's."""
    phase: str = "all"
    """Which of the system's training phases this run is."""

    data: str | tuple[str, ...] = ""
    """Folder of a set (`knuckle synth`, `knuckle convert`), or a list of them."""
    shares: tuple[float, ...] = ()
    """One number a set: the share of the hands that is drawn from it. Without them every hand of all sets is seen
    equally often."""
    validation: int = 512
    """How many of the first set's last hands are held out."""
    negatives: float = 0.08
    """Share of each batch that patches without a hand make up, once they have joined."""
    negatives_from: float = 0.8
    """Share of the run after which they join, and confidence losses count (DaHyF: L_c)."""
    augment: bool = True
    """Whether crops are augmented."""
    augmentation: dict[str, Any] = field(default_factory=dict)
    """Values of `knuckle.training.augmentation` that differ from the system's own; a table of the file."""

    samples: int = 500_000
    """Hands to see in all."""
    batch: int = 64
    """Patches a step, over all processes."""
    processes: int = 1
    threads: int = 1
    """Of each process, for its computations."""
    workers: int = 0
    """Processes that load batches for each of them; 0: it loads its own."""
    seed: int = 0

    optimiser: Literal["adamw", "adam"] = "adamw"
    lr: float = 1e-3
    backbone_rate: float = 1.0
    """Factor of the learning rate for the backbone's weights."""
    weight_decay: float = 0.02
    clip: float = 5.0
    """Largest norm of the gradient; 0: it is not clipped."""
    warmup_samples: int = 10_000
    """Hands over which the learning rate rises to `lr`."""
    schedule: Literal["decay", "step"] = "decay"
    """ "decay" holds the rate, then lets it fall to zero along a half cosine; "step" multiplies it at some steps."""
    decay_fraction: float = 0.35
    """ "decay": the last share of the run, over which the rate falls."""
    step_at: tuple[float, ...] = (0.5,)
    """ "step": the shares of the run after which the rate is multiplied."""
    step_factor: float = 0.1
    """ "step": by how much."""
    ema: float = 0.998
    """Decay of the averaged weights, which are evaluated and shipped; 0: the weights themselves are."""
    sync_batch_norm: bool = False
    """Whether batch norms count the crops of all processes together, which need a GPU each then."""

    pretrained: bool = True
    """Whether a backbone that starts from no other weights starts from ImageNet's."""
    init: str = ""
    """Weights to start from, of the same system, preset and switches; of any system with `init_parts`."""
    init_parts: tuple[str, ...] = ()
    """Beginnings of the names of the tensors that are taken from `init`, where not all are."""
    shared: str = ""
    """Weights of any system from which `shared_parts` are taken afterwards, in place of those of `init`: a backbone
    that was trained further elsewhere."""
    shared_parts: tuple[str, ...] = ()
    """Beginnings of the names of those tensors."""
    frozen: tuple[str, ...] = ()
    """Modules that keep the weights they start with."""

    precision: Literal["no", "bf16", "auto"] = "no"
    """ "no" is float32, "bf16" computes convolutions and matrix products in it, "auto" does so where the processor or
    GPU is faster for it (`knuckle.training.precision`). Geometry is in float32 in any case."""
    checkpoint_seconds: float = 120.0
    """Time between checkpoints: at most this much work is lost."""
    validate_every: int = 500
    """Steps between two validations."""

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
        self._check_ranges()
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

    def _check_ranges(self) -> None:
        for name, most in (("ema", 1.0), ("negatives", 1.0), ("negatives_from", 1.0), ("clip", math.inf)):
            # Written so that NaN fails too.
            if not 0 <= getattr(self, name) <= most:
                raise KnuckleError(
                    f"recipe {self.name}: {name}: expected 0 to {most:g}, got {getattr(self, name)}"
                )
        try:
            augmentation_of(1, self.augmentation)
        except KnuckleError as error:
            raise KnuckleError(f"recipe {self.name}: {error}") from None

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
    return read_table(path, Recipe)


AnyRecipe = TypeVar("AnyRecipe")


def read_table(path: Path, kind: type[AnyRecipe]) -> AnyRecipe:
    """A recipe of this kind, a dataclass, out of its file, which names it if it has no `name`.

    Raises KnuckleError naming the file and the key that is wrong.
    """
    data = read_keys(path)
    known = {f.name for f in fields(kind)}  # pyright: ignore[reportArgumentType]
    if unknown := sorted(set(data) - known):
        raise KnuckleError(
            f"{path}: expected keys among {', '.join(sorted(known))}, got {', '.join(unknown)}"
        )
    return kind(**{"name": path.stem, **data})


def read_keys(path: Path) -> dict[str, Any]:
    """What a recipe's file says, unchecked; raises KnuckleError if it is no TOML file."""
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise KnuckleError(f"{path}: expected a recipe (TOML), got {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KnuckleError(f"{path}: expected a recipe (TOML), got {error}") from error
