"""The ablation tables of the papers as data: rows, columns and figures, and the stages in which a row is trained.

They are read from `benchmarks/training/paper_tables.toml`, which says what its keys mean; nothing of the papers stands
in code.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from knuckle.errors import KnuckleError

TRAINING = Path(__file__).parents[1] / "training"
TABLES, REASONS = TRAINING / "paper_tables.toml", TRAINING / "ablation_reasons.toml"
PLANS = "plans"
SAMPLES = "samples"
"""Of the reasons of a table: what --samples said in the run that they are of."""

Budget = Literal["small", "paper"]


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    """As it is printed, with its unit."""
    score: str
    """The report's score."""
    factor: float = 1.0
    """From the score's unit to the paper's."""


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    name: str
    switches: dict[str, Any] = field(default_factory=dict)
    """That differ from the full system's."""
    paper: tuple[float, ...] = ()
    """The paper's figures, NaN where it has none."""


@dataclass(frozen=True)
class Stage:
    """One training run of a row."""

    recipe: Path
    reads: tuple[str, ...] | None = None
    """The switches that its weights depend on; None: all. Rows that agree in these share its weights."""
    keeps: tuple[str, ...] = ()
    """The beginnings of the names of the tensors that it takes from the stage before."""
    unless: dict[str, Any] = field(default_factory=dict)
    """Rows with these switches have no such stage."""

    def belongs_to(self, row: Row) -> bool:
        """Whether a row has this stage."""
        return not self.unless or any(row.switches.get(name) != value for name, value in self.unless.items())

    def switches_of(self, row: Row) -> dict[str, Any]:
        """Those of a row that this stage depends on."""
        return {name: v for name, v in row.switches.items() if self.reads is None or name in self.reads}


@dataclass(frozen=True)
class PaperTable:
    """One table of a paper."""

    name: str
    title: str
    columns: tuple[Column, ...]
    """The paper's own."""
    also: tuple[Column, ...]
    """Further ones, which the paper does not have."""
    full: str
    """The row of the whole system."""
    rows: tuple[Row, ...]
    stages: tuple[Stage, ...]
    """In their order."""


def table_names(path: Path = TABLES) -> list[str]:
    """The tables that there are."""
    return [name for name in _read(path) if name != PLANS]


def read_table(name: str, *, budget: Budget = "small", path: Path = TABLES) -> PaperTable:
    """A table and the stages of its plan. Raises KnuckleError for an unknown name, and naming the table and what is
    missing or malformed in it."""
    data = _read(path)
    if name == PLANS or name not in data:
        raise KnuckleError(f"table: expected one of {', '.join(n for n in data if n != PLANS)}, got {name!r}")
    given = data[name]
    try:
        columns, also = (
            tuple(Column(*column) for column in given.get(key, ())) for key in ("columns", "also")
        )
        rows = tuple(
            Row(row, values.get("switches", {}), tuple(float(v) for v in values["paper"]))
            for row, values in given["rows"].items()
        )
        stages = tuple(
            Stage(
                Path(stage["recipe"]),
                None if "reads" not in stage else tuple(stage["reads"]),
                tuple(stage.get("keeps", ())),
                stage.get("unless", {}),
            )
            for stage in data[PLANS][given["plan"]][budget]
        )
        table = PaperTable(name, given["title"], columns, also, given["full"], rows, stages)
    except (KeyError, TypeError, ValueError) as error:
        raise KnuckleError(f"{path}: {name}: expected the keys of a table, got {error!r}") from error
    for row in table.rows:
        if len(row.paper) != len(columns):
            raise KnuckleError(
                f"{path}: {name}: {row.name}: expected a figure a column, {len(columns)}, got {len(row.paper)}"
            )
    if table.full not in (row.name for row in table.rows):
        raise KnuckleError(f"{path}: {name}: full: expected one of its rows, got {table.full!r}")
    return table


def read_reasons(name: str, *, samples: int | None, path: Path = REASONS) -> dict[str, str]:
    """Row -> why it came out as it did, of a table; only the rows for which somebody has written it.

    samples: hands that every stage saw, where it was said (None: the recipes' own); reasons of a run of another length
    are left out.
    """
    given = dict(_read(path).get(name, {}))
    if given.pop(SAMPLES, None) != samples:
        return {}
    return {row: str(text) for row, text in given.items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KnuckleError(f"{path}: expected tables of papers (TOML), got {error}") from error
