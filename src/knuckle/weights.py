"""Records of the weights that ship: what a file is, how to feed it, what it was trained on and what it scored."""

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from knuckle.errors import KnuckleError

WEIGHTS_FOLDER = Path(__file__).parent / "assets" / "weights"
PRESETS = ("photo", "lite")
"""Which weights a system's bare name stands for, the best on photographs first."""


@dataclass(frozen=True)
class WeightsRecord:
    """What is known about one onnx file; stored beside it as NAME.json.

    size: side of the square input patch, px. expand: crop side over the longer side of the joints' box. hands: how
    many a crop shows, 1 or 2 (a right and a left one). confidence_threshold: which confidence to believe, chosen by
    `knuckle.export.ship.choose_threshold`. samples_seen: hands (crops, for a system of two) that training showed
    it; started_from: what its first weights were. scores: measured figures, each with the command that printed it.
    """

    name: str
    system: str
    preset: str
    rig: str
    file: str
    sha256: str
    size: int
    expand: float
    confidence_threshold: float
    licence: str
    trained_on: str
    recipe: str
    commit: str
    samples_seen: int
    train_seconds: float
    hands: int = 1
    started_from: str = ""
    switches: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read_record(path: Path) -> WeightsRecord:
    """Read a record; raises KnuckleError naming the file and what is wrong with it."""
    try:
        data = json.loads(path.read_text())
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
    if not isinstance(data.get("scores", {}), dict):
        raise KnuckleError(f"{path}: scores: expected an object, got {data['scores']!r}")
    return WeightsRecord(**{k: v for k, v in data.items() if k in known})


def available() -> dict[str, Path]:
    """Names of the shipped models, and the path of each one's record."""
    return {path.stem: path for path in sorted(WEIGHTS_FOLDER.glob("*.json"))}


def shipped_name(model: str) -> str | None:
    """The shipped weights that a name stands for: itself, or a system's best on photographs; None where there are
    none."""
    names = (model, *(f"{model}-{preset}" for preset in PRESETS))
    return next((name for name in names if name in available()), None)


def record_path(model: str) -> Path:
    """The record of a model, named as for `find`; raises KnuckleError for an unknown name (listing the valid ones)."""
    if model.endswith(".onnx"):
        return Path(model).with_suffix(".json")
    shipped = available()
    if name := shipped_name(model):
        return shipped[name]
    raise KnuckleError(
        f"model: expected one of {', '.join(shipped) or '(none installed)'} or a .onnx file, got {model!r}"
    )


def find(model: str) -> tuple[Path, WeightsRecord]:
    """The onnx file and record of a model: "dahyf" (its weights that are best on photographs), "dahyf-lite", or a path
    to an .onnx file.

    Raises KnuckleError for an unknown name (listing the valid ones), a missing file or a wrong checksum.
    """
    path = record_path(model)
    record = read_record(path)
    weights = path.parent / record.file
    checked_bytes(weights, record.sha256)
    return weights, record


def checked_bytes(path: Path, sha256: str) -> bytes:
    """What a file holds; raises KnuckleError naming it when it is missing or not the one of that checksum."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KnuckleError(f"{path}: expected the weights its record names, got {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise KnuckleError(f"{path}: expected sha256 {sha256}, got {digest}: the file is damaged")
    return data
