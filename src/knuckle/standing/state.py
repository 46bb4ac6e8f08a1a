"""What a standing run remembers beside its weights: standing.json, from which the picture is drawn too."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path

STATE = "standing.json"
FORMAT = 1
HELD_OUT_SEED = 99_999
FIRST_SEED = 100_000
"""Above every seed that recipes and the frozen benchmarks name."""


@dataclass
class Stretch:
    """One set and the training on it. render: what it is rendered from (count, options). samples: hands seen in this
    folder when the training on it began, and ended; None while it goes on."""

    seed: int
    render: dict[str, Any]
    commit: str = ""
    render_seconds: float = 0.0
    samples_before: int | None = None
    samples_after: int | None = None
    train_seconds: float = 0.0


@dataclass
class State:
    """A folder's record.

    model: what the weights are of. start: samples_seen of the weights the run began with, and their file as the recipe
    names it. curve: scores on the held-out hands, {"samples", "scores", "cooled"}, samples counted from the model's
    first hand on. scorings: as `knuckle.standing.score` makes them. earlier: the same lists of the runs before.
    """

    recipe: str
    model: dict[str, Any]
    start: dict[str, Any] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    scorings: list[dict[str, Any]] = field(default_factory=list)
    earlier: dict[str, list[Any]] = field(default_factory=dict)
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write the folder's standing.json, whole or not at all."""
        text = json.dumps(asdict(self), indent=1)
        with atomic_path(folder / STATE) as temporary:
            temporary.write_text(text + "\n")

    def note(self, samples: int, scores: dict[str, float], *, cooled: bool = False) -> None:
        """Add a point to the curve; a run that was killed may come to one a second time."""
        point = {"samples": samples, "scores": scores, "cooled": cooled}
        others = [p for p in self.curve if (p["samples"], p["cooled"]) != (samples, cooled)]
        self.curve = sorted([*others, point], key=lambda p: (p["samples"], p["cooled"]))

    def new_seed(self, first: int | None) -> int:
        """The first seed from `first` on that no stretch had, here or in the runs before."""
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
        data = json.loads(path.read_text())
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


def earlier_of(record: Path) -> dict[str, list[Any]]:
    """What a new run keeps of the run before it and of those before that; nothing where there is no record yet."""
    if not record.is_file():
        return {}
    before = asdict(read_state(record))
    return {
        name: [*before["earlier"].get(name, []), *before[name]] for name in ("stretches", "curve", "scorings")
    }
