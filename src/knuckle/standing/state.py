"""The record of a standing run, standing.json: its stretches, curves and scorings."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path, parse_json

STATE = "standing.json"
FORMAT = 1
HELD_OUT_SEED = 99_999
FIRST_SEED = 100_000
"""Above all seeds of recipes and of the frozen benchmarks."""


@dataclass
class Stretch:
    """One rendered set and the training on it."""

    seed: int
    """Of the rendering."""
    render: dict[str, Any]
    """"count" and "options" of the rendering."""
    commit: str = ""
    """Of the code."""
    render_seconds: float = 0.0
    samples_before: int | None = None
    """Hands that this folder had trained on when the stretch began."""
    samples_after: int | None = None
    """The same when it ended; None before."""
    train_seconds: float = 0.0


@dataclass
class State:
    """The record of a run's folder."""

    recipe: str
    """Name of the recipe."""
    model: dict[str, Any]
    """`StandingRecipe.model`."""
    start: dict[str, Any] = field(default_factory=dict)
    """The weights the run began with: "weights", the file's name in the recipe, and "samples", the hands they saw."""
    stretches: list[Stretch] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    """Scores on the held-out hands, {"samples", "scores", "cooled"}. Samples include those before this run."""
    scorings: list[dict[str, Any]] = field(default_factory=list)
    """Made by `knuckle.standing.score`."""
    earlier: dict[str, list[Any]] = field(default_factory=dict)
    """The same three lists of the runs before."""
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write the folder's standing.json, whole or not at all."""
        text = json.dumps(asdict(self), indent=1)
        with atomic_path(folder / STATE) as temporary:
            temporary.write_text(text + "\n")

    def note(self, samples: int, scores: dict[str, float], *, cooled: bool = False) -> None:
        """Add a point to the curve. It replaces the same point: a run that was killed reaches some points twice."""
        point = {"samples": samples, "scores": scores, "cooled": cooled}
        others = [p for p in self.curve if (p["samples"], p["cooled"]) != (samples, cooled)]
        self.curve = sorted([*others, point], key=lambda p: (p["samples"], p["cooled"]))

    def new_seed(self, first: int | None) -> int:
        """The first seed from `first` on that no stretch has used, in this run or earlier ones."""
        used = set(self._seeds()) | {HELD_OUT_SEED}
        seed = max([FIRST_SEED - 1, *used]) + 1 if first is None else first
        while seed in used:
            seed += 1
        return seed

    def _seeds(self) -> Iterator[int]:
        yield from (stretch.seed for stretch in self.stretches)
        yield from (stretch["seed"] for stretch in self.earlier.get("stretches", []))


def read_state(path: Path) -> State:
    """Read a standing.json; raises KnuckleError naming the file and what is wrong."""
    try:
        data = parse_json(path.read_text())
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{path}: expected the record of a standing run (JSON), got {error}") from error
    known = {item.name for item in fields(State)}
    if not isinstance(data, dict) or set(data) != known or data["format"] != FORMAT:
        raise KnuckleError(
            f"{path}: expected the record of a standing run of format {FORMAT}, got another file"
        )
    try:
        return State(**{**data, "stretches": [Stretch(**stretch) for stretch in data["stretches"]]})
    except TypeError as error:
        raise KnuckleError(
            f"{path}: expected the record of a standing run, its stretches do not fit"
        ) from error


def read_earlier_runs(record: Path) -> dict[str, list[Any]]:
    """What a new run keeps of the runs before it: stretches, curve and scorings; {} without a record."""
    if not record.is_file():
        return {}
    before = asdict(read_state(record))
    return {
        name: [*before["earlier"].get(name, []), *before[name]] for name in ("stretches", "curve", "scorings")
    }
