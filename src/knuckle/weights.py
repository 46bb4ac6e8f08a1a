"""Weights: from a model's name to its onnx file and record, checked once.

A record says what a file is, how to feed it, what it was trained on and what it scored.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple

from knuckle.errors import KnuckleError
from knuckle.files import parse_json

WEIGHTS_FOLDER = Path(__file__).parent / "assets" / "weights"
INT8_FOLDER = WEIGHTS_FOLDER.with_name("int8")
"""The same networks with convolutions of 8-bit integers, for video (tools/int8)."""
PRESETS = ("photo", "lite")
"""Which weights a system's bare name stands for, the best on photographs first."""
AUTO, ALL = "auto", "all"
"""What `model` may name beside one model: the default, and every installed model."""
ONE_HAND, TWO_HANDS = "dahyf", "dfl"
"""The systems behind "auto"."""


@dataclass(frozen=True)
class WeightsRecord:
    """What is known about one onnx file; stored beside it as NAME.json."""

    name: str
    system: str
    preset: str
    rig: str
    file: str
    sha256: str
    size: int
    """Side of the square input patch, px."""
    expand: float
    """Crop side over the longer side of the joints' box."""
    confidence_threshold: float
    """The confidence from which on a hand counts as seen (`knuckle.export.ship.choose_threshold`)."""
    licence: str
    trained_on: str
    recipe: str
    commit: str
    samples_seen: int
    """Hands (crops, for a system of two) that training showed it."""
    train_seconds: float
    hands: int = 1
    """How many hands a crop shows: 1, or 2 (a right and a left one)."""
    tips: str = "open"
    """Whose fingertips the joints have (`knuckle.rig.tips`)."""
    trained_sets: dict[str, Any] | None = None
    """Which rows of which sets trained it (`knuckle.sets.seen`); None where nobody wrote it down."""
    mesh: Literal["rig", "network"] = "rig"
    """Whose mesh hands have unless the caller says so: the one that lies better on true silhouettes
    (`benchmarks/accuracy/meshes.py`)."""
    started_from: str = ""
    """What its first weights were."""
    switches: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    """Measured figures, each with the command that printed it."""

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


MOST_SIZE = 4096
"""Px of a patch's side: no network here takes a tenth of it, and more would only fill the memory."""
_KINDS: dict[Any, tuple[str, ...]] = {
    str: ("name", "system", "preset", "rig", "file", "sha256"),
    int: ("size",),
    int | float: ("expand", "confidence_threshold"),
}
"""Of the values that decide how a network is run."""


def read_record(path: Path) -> WeightsRecord:
    """Read a record; raises KnuckleError naming the file and what is wrong with it."""
    try:
        data = parse_json(path.read_text())
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{path}: expected the record of a weights file (JSON), got {error}") from error
    known = {f.name for f in fields(WeightsRecord)}
    # A record from before a field was added has its default.
    needed = {f.name for f in fields(WeightsRecord) if f.default is MISSING and f.default_factory is MISSING}
    missing = sorted(needed - data.keys()) if isinstance(data, dict) else sorted(known)
    if missing:
        raise KnuckleError(f"{path}: expected a weights record, missing {', '.join(missing)}")
    if data.get("hands", 1) not in (1, 2):
        raise KnuckleError(f"{path}: hands: expected 1 or 2, got {data['hands']!r}")
    if data.get("mesh", "rig") not in ("rig", "network"):
        raise KnuckleError(f"{path}: mesh: expected rig or network, got {data['mesh']!r}")
    if not isinstance(data.get("scores", {}), dict):
        raise KnuckleError(f"{path}: scores: expected an object, got {data['scores']!r}")
    for kind, names in _KINDS.items():
        for name in names:
            if not isinstance(data[name], kind) or isinstance(data[name], bool):
                expected = "a text" if kind is str else "a number"
                raise KnuckleError(f"{path}: {name}: expected {expected}, got {str(data[name])[:60]!r}")
    if not 1 <= data["size"] <= MOST_SIZE or not 0 < data["expand"] < MOST_SIZE:
        raise KnuckleError(
            f"{path}: expected a size of 1 to {MOST_SIZE} px and an expand above 0,"
            f" got {str(data['size'])[:20]} and {str(data['expand'])[:20]}"
        )
    given = {k: v for k, v in data.items() if k in known}
    if isinstance(given.get("trained_sets"), dict):
        if not all(isinstance(rows, list) for rows in given["trained_sets"].values()):
            raise KnuckleError(f"{path}: trained_sets: expected lists of rows, got something else")
        given["trained_sets"] = {origin: tuple(rows) for origin, rows in given["trained_sets"].items()}
    return WeightsRecord(**given)


def available() -> dict[str, Path]:
    """Names of the shipped models, and the path of each one's record."""
    return {path.stem: path for path in sorted(WEIGHTS_FOLDER.glob("*.json"))}


class Weights(NamedTuple):
    """One model's weights, found and checked."""

    path: Path
    """The onnx file."""
    record: WeightsRecord


def shipped_name(model: str) -> str | None:
    """The shipped weights that a name stands for: itself, or a system's best on photographs. None if there are none."""
    shipped = available()
    names = (model, *(f"{model}-{preset}" for preset in PRESETS))
    return next((name for name in names if name in shipped), None)


def record_path(model: str, *, also: Sequence[str] = ()) -> Path:
    """The record of a model, named as for `resolve`.

    also: other words that the caller takes. Raises KnuckleError for an unknown name (listing the valid ones).
    """
    if model.endswith(".onnx"):
        return Path(model).with_suffix(".json")
    if name := shipped_name(model):
        return available()[name]
    valid = ", ".join((*valid_names(), *also)) or "(none installed)"
    raise KnuckleError(f"model: expected one of {valid} or a .onnx file, got {model!r}")


def valid_names() -> tuple[str, ...]:
    """The names `resolve` takes: systems, for their best weights, then all installed weights."""
    shipped = available()
    systems = dict.fromkeys(name.rpartition("-")[0] for name in shipped)
    return (*(system for system in systems if shipped_name(system)), *shipped)


def resolve(model: str | Weights, *, also: Sequence[str] = (), int8: bool = False) -> Weights:
    """The onnx file and record of a model: "dahyf" (its weights that are best on photographs), "dahyf-lite", or a path
    to an .onnx file.

    The file is read and its checksum compared; pass the result on, which is returned as it is, instead of resolving
    the name again. also: other words that the caller takes, for the error. int8: take the quicker file of shipped
    weights where there is one. Raises KnuckleError for an unknown name (listing the valid ones), a missing file or a
    wrong checksum.
    """
    if isinstance(model, Weights):
        return model
    path = record_path(model, also=also)
    quick = INT8_FOLDER / path.name
    if int8 and path.parent == WEIGHTS_FOLDER and quick.exists():
        path = quick
    record = read_record(path)
    weights = path.parent / record.file
    checked_bytes(weights, record.sha256)
    return Weights(weights, record)


def checked_bytes(path: Path, sha256: str) -> bytes:
    """What a file holds; raises KnuckleError naming it when it is missing or not the one of that checksum."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error  # a name with a null byte is a ValueError
        raise KnuckleError(f"{path}: expected the weights its record names, got {reason}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise KnuckleError(f"{path}: expected sha256 {sha256}, got {digest}: the file is damaged")
    return data
