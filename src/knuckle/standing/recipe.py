"""A standing recipe: what is rendered for each stretch, how it is trained on, from what, and by what it is scored."""

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
"""Keys of a training recipe that a standing run decides: it has no end to plan for, and sets of its own."""


@dataclass(frozen=True)
class Render:
    """What is rendered for each stretch.

    count: crops. passes: how often training sees each of them. workers: processes. held_out: hands rendered once, by a
    seed no stretch has, to score on while training. options: as `knuckle synth` takes them.
    """

    count: int = 12_000
    passes: float = 3.0
    workers: int = 1
    held_out: int = 512
    options: SynthOptions = field(default_factory=SynthOptions)

    def __post_init__(self) -> None:
        check_fields(self, "render")
        for name in ("count", "workers", "held_out"):
            _at_least(f"render {name}", getattr(self, name), 1)
        if not 0.01 <= self.passes <= 1000:
            raise KnuckleError(f"render passes: expected 0.01 to 1000, got {self.passes:g}")
        if self.options.hands != "one" or self.options.labels != "joints":
            raise KnuckleError("render: expected one hand a crop and labels of joints, which training takes")


@dataclass(frozen=True)
class Photos:
    """Photographs that a teacher labelled, among the rendered hands.

    folder: theirs under $KNUCKLE_DATA, in the layout of `knuckle convert teacher`. share: of the hands that training
    sees. depths: a one-hand model whose depths count as much as the teacher's; "" for the teacher's alone.
    """

    folder: str = "train-photos"
    share: float = 0.0
    depths: str = ""

    def __post_init__(self) -> None:
        check_fields(self, "photos")
        if not 0 <= self.share < 1:
            raise KnuckleError(f"photos share: expected 0 or more and less than 1, got {self.share:g}")


@dataclass(frozen=True)
class Start:
    """weights: the file a new run goes on from; "" for the preset's own beginning. record: the standing.json of the
    runs before, where there is one: its seeds are not used again and its curves stand in the picture.
    """

    weights: str = ""
    record: str = ""


@dataclass(frozen=True)
class Schedule:
    """The rate is constant, so that a run may go on for ever; where its time is limited, it falls to zero over the
    last `cool_down` of the time, and the next run goes on from where the fall began.

    training_minutes: a limit to the time spent in training, rendering not counted; 0 for none. priority: "idle" runs
    only where nobody else wants the processor, "low" has the least share of it, "normal" any. checkpoint_seconds: at
    most this much is lost.
    """

    cool_down: float = 0.15
    training_minutes: float = 0.0
    priority: Literal["idle", "low", "normal"] = "idle"
    checkpoint_seconds: float = 120.0

    def __post_init__(self) -> None:
        check_fields(self, "schedule")
        if not 0 <= self.cool_down <= 1:
            raise KnuckleError(f"schedule cool_down: expected a share from 0 to 1, got {self.cool_down:g}")
        for name in ("training_minutes", "checkpoint_seconds"):
            _at_least(f"schedule {name}", getattr(self, name), 0)


@dataclass(frozen=True)
class Scoring:
    """against: the model that ships today. limit: only the first so many hands of each benchmark; 0 for all.

    The margins say from what difference on a score counts as better or worse (`knuckle.standing.verdict`).
    """

    against: str = "dahyf"
    limit: int = 0
    photographs_mm: float = 0.1
    photographs_percent: float = 0.05
    rendered_mm: float = 0.1
    rendered_percent: float = 0.05

    def __post_init__(self) -> None:
        check_fields(self, "score")
        for item in fields(self):
            if item.name != "against":
                _at_least(f"score {item.name}", getattr(self, item.name), 0)


@dataclass(frozen=True)
class StandingRecipe:
    """One standing run; `run` is a training recipe without sets, length or seed."""

    name: str
    run: Recipe
    render: Render
    photos: Photos
    start: Start
    schedule: Schedule
    score: Scoring

    @property
    def model(self) -> dict[str, Any]:
        """What a folder's weights are of; a folder goes on only with the same."""
        return {
            "system": self.run.system,
            "preset": self.run.preset,
            "switches": self.run.switches,
            "size": self.render.options.size,
        }


_TABLES = {"photos": Photos, "start": Start, "schedule": Schedule, "score": Scoring}


def read_standing(path: Path) -> StandingRecipe:
    """Read a standing recipe; raises KnuckleError naming the file, the table and the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise KnuckleError(f"{path}: expected a standing recipe (TOML), got {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
        _Typed(**{k: v for k, v in chosen.items() if k in ("size", "negatives", "partners")}), "render"
    )
    extras = chosen.get("extras", [])
    if not isinstance(extras, list) or not all(isinstance(extra, str) for extra in extras):
        raise KnuckleError(f"render extras: expected a list of names, got {extras!r}")
    options = SynthOptions(**{**chosen, "extras": tuple(extras)})
    return Render(**{name: table[name] for name in own & table.keys()}, options=options)


@dataclass(frozen=True)
class _Typed:
    """Numbers of SynthOptions, to tell their types."""

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


def _at_least(name: str, value: float, low: float) -> None:
    # Written so that NaN fails too.
    if not (value >= low and math.isfinite(value)):
        raise KnuckleError(f"{name}: expected {low} or more, got {value}")
