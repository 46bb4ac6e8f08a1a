"""A standing recipe: what each stretch renders, how it trains, which weights it starts from, and how it is scored."""

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from knuckle.errors import KnuckleError
from knuckle.models.config import check_fields
from knuckle.synth.options import SynthOptions
from knuckle.training.recipe import Recipe

_SET_HERE = frozenset(
    (
        *("name", "data", "shares", "samples", "seed", "init", "processes", "schedule", "decay_fraction"),
        *("init_parts", "step_at", "step_factor", "negatives_from", "checkpoint_seconds"),
    )
)
"""Keys of a training recipe that the standing run sets itself, as it has no planned end and makes its own sets."""


@dataclass(frozen=True)
class Render:
    """What is rendered for each stretch."""

    count: int = 12_000
    """Crops."""
    passes: float = 3.0
    """How often training sees each crop."""
    workers: int = 1
    """Processes."""
    held_out: int = 512
    """Hands to score on while training. They are rendered once, with a seed that no stretch uses."""
    options: SynthOptions = field(default_factory=SynthOptions)
    """Options of `knuckle synth`."""

    def __post_init__(self) -> None:
        check_fields(self, "render")
        for name in ("count", "workers", "held_out"):
            _check_at_least(f"render {name}", getattr(self, name), 1)
        if not 0.01 <= self.passes <= 1000:
            raise KnuckleError(f"render passes: expected 0.01 to 1000, got {self.passes:g}")
        if self.options.hands != "one" or self.options.labels != "joints":
            raise KnuckleError('render: expected hands "one" and labels "joints", which the training reads')


@dataclass(frozen=True)
class Photos:
    """Photographs that a teacher labelled, mixed with the rendered hands."""

    folder: str = "train-photos"
    """Under $KNUCKLE_DATA, in the layout of `knuckle convert teacher`."""
    share: float = 0.0
    """Share of photographs among the hands that training sees."""
    depths: str = ""
    """A one-hand model whose depths are averaged with the teacher's; "" for the teacher's alone."""

    def __post_init__(self) -> None:
        check_fields(self, "photos")
        if not 0 <= self.share < 1:
            raise KnuckleError(f"photos share: expected 0 or more and less than 1, got {self.share:g}")


@dataclass(frozen=True)
class Start:
    """What a new run starts from."""

    weights: str = ""
    """A file of weights; "" for the preset's own initial weights."""
    record: str = ""
    """The standing.json of earlier runs, if there is one. Its seeds are not used again; its curves are drawn too."""


@dataclass(frozen=True)
class Schedule:
    """The learning rate is constant, so a run needs no end. If the time of a command is limited, the rate falls to zero
    over its last part; the next command resumes at the constant rate, where the fall began."""

    cool_down: float = 0.15
    """Share of the time over which the rate falls."""
    training_minutes: float = 0.0
    """Limit to the time in training, without rendering; 0 for none."""
    priority: Literal["idle", "low", "normal"] = "idle"
    """Of the process: "idle" runs only when the processor is free, "low" gets the smallest share of it."""
    checkpoint_seconds: float = 120.0
    """Time between checkpoints: at most this much training is lost."""

    def __post_init__(self) -> None:
        check_fields(self, "schedule")
        if not 0 <= self.cool_down <= 1:
            raise KnuckleError(f"schedule cool_down: expected a share from 0 to 1, got {self.cool_down:g}")
        for name in ("training_minutes", "checkpoint_seconds"):
            _check_at_least(f"schedule {name}", getattr(self, name), 0)


@dataclass(frozen=True)
class Scoring:
    """How weights are scored. A score counts as better or worse if it differs by more than its margin
    (`knuckle.standing.verdict`)."""

    against: str = "dahyf"
    """The model that is shipped today."""
    limit: int = 0
    """Use only the first hands of each benchmark, this many; 0 for all."""
    photographs_mm: float = 0.1
    """Margin of PA-MPJPE on photographs, mm."""
    photographs_percent: float = 0.05
    """Margin of the 2D error on photographs, % of the box."""
    rendered_mm: float = 0.1
    """Margin of PA-MPJPE on rendered hands, mm."""
    rendered_percent: float = 0.05
    """Margin of the 2D error on rendered hands, % of the box."""

    def __post_init__(self) -> None:
        check_fields(self, "score")
        for item in fields(self):
            if item.name != "against":
                _check_at_least(f"score {item.name}", getattr(self, item.name), 0)


@dataclass(frozen=True)
class StandingRecipe:
    """The recipe of a standing run: one field for each table of its file."""

    name: str
    """Of the file."""
    run: Recipe
    """A training recipe without sets, length or seed."""
    render: Render
    photos: Photos
    start: Start
    schedule: Schedule
    score: Scoring

    @property
    def model(self) -> dict[str, Any]:
        """Which network a folder trains; it can be resumed only with the same."""
        return {
            "system": self.run.system,
            "preset": self.run.preset,
            "switches": self.run.switches,
            "size": self.render.options.size,
        }


_TABLES = {"photos": Photos, "start": Start, "schedule": Schedule, "score": Scoring}


def read_standing(path: Path) -> StandingRecipe:
    """Read a standing recipe; raises KnuckleError naming the file, the table and the wrong key."""
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise KnuckleError(f"{path}: expected a standing recipe (TOML), got {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KnuckleError(f"{path}: expected a standing recipe (TOML), got {error}") from error
    known = ("run", "render", *_TABLES)
    _check_names(path, "tables", data, known)
    for name, table in data.items():
        if not isinstance(table, dict):
            raise KnuckleError(f"{path}: {name}: expected a table, got {table!r}")
    if "render" not in data:
        raise KnuckleError(f"{path}: expected a table [render], got {', '.join(data) or 'none'}")
    try:
        return StandingRecipe(
            name=path.stem,
            run=_run(path, data.get("run", {})),
            render=_render(path, data["render"]),
            **{name: _table(path, name, kind, data.get(name, {})) for name, kind in _TABLES.items()},
        )
    except KnuckleError as error:
        message = str(error)
        raise KnuckleError(message if message.startswith(f"{path}:") else f"{path}: {message}") from error


def _run(path: Path, table: dict[str, Any]) -> Recipe:
    known = {item.name for item in fields(Recipe)}
    _check_names(path, "keys of [run]", table, known - _SET_HERE)
    return Recipe(name=path.stem, negatives_from=0.0, **table)


def _render(path: Path, table: dict[str, Any]) -> Render:
    own = {item.name for item in fields(Render)} - {"options"}
    known = own | {item.name for item in fields(SynthOptions)}
    _check_names(path, "keys of [render]", table, known)
    chosen = {name: value for name, value in table.items() if name not in own}
    check_fields(
        _Numbers(**{k: v for k, v in chosen.items() if k in ("size", "negatives", "partners")}), "render"
    )
    extras = chosen.get("extras", [])
    if not isinstance(extras, list) or not all(isinstance(extra, str) for extra in extras):
        raise KnuckleError(f"render extras: expected a list of names, got {extras!r}")
    options = SynthOptions(**{**chosen, "extras": tuple(extras)})
    return Render(**{name: table[name] for name in own & table.keys()}, options=options)


@dataclass(frozen=True)
class _Numbers:
    """The numbers among SynthOptions, to check their types."""

    size: int = 128
    negatives: float = 0.0
    partners: float = 0.0


def _table(path: Path, name: str, kind: Any, table: dict[str, Any]) -> Any:
    known = {item.name: item.type for item in fields(kind)}
    _check_names(path, f"keys of [{name}]", table, known)
    for key, value in table.items():
        if known[key] is str and not isinstance(value, str):
            raise KnuckleError(f"{name} {key}: expected a string, got {value!r}")
    return kind(**table)


def _check_names(path: Path, what: str, found: Any, known: Any) -> None:
    if unknown := sorted(set(found) - set(known)):
        raise KnuckleError(
            f"{path}: expected {what} among {', '.join(sorted(known))}, got {', '.join(unknown)}"
        )


def _check_at_least(name: str, value: float, low: float) -> None:
    # Written so that NaN fails too.
    if not (value >= low and math.isfinite(value)):
        raise KnuckleError(f"{name}: expected {low} or more, got {value}")
