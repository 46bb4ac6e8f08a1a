"""The hands of a video as arrays (.npz) and as a table (Parquet), both made from its JSON lines in little memory."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.export.schema import HAND_FIELDS
from knuckle.files import atomic_path
from knuckle.hands import STATES
from knuckle.skeleton import SIDES
from knuckle.tracks.lines import Header, read_header, read_lines

TAILS: dict[str, tuple[int, ...]] = {name: field.shape for name, field in HAND_FIELDS.items()}
"""Numbers of a hand, with the shapes they have."""
_COPIED_BYTES = 1 << 20
_ROWS = 1024
"""Of the table, in memory at a time."""


@dataclass
class Span:
    """When a hand was there."""

    first: int
    last: int
    """Number of the frame's line, from 0."""
    frames: int = 0
    side: str = ""
    """As it was last."""


@dataclass
class Summary:
    """What is in a file of hands."""

    frames: int = 0
    last_s: float = 0.0
    hands: int = 0
    """Over all frames."""
    spans: dict[int, Span] = field(default_factory=dict)
    """By identity."""
    states: dict[str, int] = field(default_factory=dict)
    """How many hands have each state."""
    vertices: int = 0
    """Of a hand's mesh, where the file has meshes."""

    def columns(self) -> dict[int, int]:
        """A column for each identity, its own while it is there: the lowest that no other one has meanwhile."""
        busy_until: list[int] = []
        columns = {}
        for identity, span in sorted(self.spans.items(), key=lambda item: (item[1].first, item[0])):
            column = next((c for c, last in enumerate(busy_until) if last < span.first), len(busy_until))
            busy_until[column : column + 1] = [span.last]
            columns[identity] = column
        return columns


def summarise(lines: Path) -> Summary:
    """Read through a file of hands."""
    summary = Summary()
    for number, frame in enumerate(read_lines(lines)):
        summary.frames += 1
        summary.last_s = frame["time_s"] or 0.0
        for hand in frame["hands"]:
            span = summary.spans.setdefault(hand["identity"], Span(number, number))
            span.last, span.frames, span.side = number, span.frames + 1, hand["side"]
            summary.hands += 1
            summary.states[hand["state"]] = summary.states.get(hand["state"], 0) + 1
            summary.vertices = len(hand.get("vertices_m", ()))
    return summary


def write_npz(lines: Path, path: Path, summary: Summary, *, folder: Path) -> None:
    """Write the arrays of docs/video.md, whole or not at all; raises KnuckleError naming a path that cannot be written.

    Args:
        lines: the file of hands.
        path: to be written.
        summary: of the lines.
        folder: for temporary files, each an array's bytes.
    """
    columns = summary.columns()
    width = max(columns.values(), default=-1) + 1
    tails = TAILS | ({"vertices_m": (summary.vertices, 3)} if summary.vertices else {})
    shapes = {name: ((width, *tail), np.dtype(np.float32)) for name, tail in tails.items()}
    shapes |= {"identity": ((width,), np.dtype(np.int32))}
    shapes |= {name: ((width,), np.dtype(np.int8)) for name in ("side", "state", "model")}
    shapes |= {"frame": ((), np.dtype(np.int32)), "time_s": ((), np.dtype(np.float64))}
    shapes |= {"camera": ((4,), np.dtype(np.float64))}
    header, models = read_header(lines), list[str]()
    with ExitStack() as stack:
        temporary = {name: stack.enter_context(atomic_path(folder / f"{name}.raw")) for name in shapes}
        files = {name: stack.enter_context(raw.open("wb")) for name, raw in temporary.items()}
        for frame in read_lines(lines):
            arrays = {
                name: np.full(shape, np.nan if dtype.kind == "f" else -1, dtype)
                for name, (shape, dtype) in shapes.items()
            }
            arrays["frame"][...], arrays["time_s"][...] = frame["frame"], _number(frame["time_s"])
            lens = frame.get("camera") or vars(header.camera)
            arrays["camera"][:] = [lens[name] for name in ("fx", "fy", "cx", "cy")]
            for hand in frame["hands"]:
                _fill(arrays, columns[hand["identity"]], hand, tails, models)
            for name, array in arrays.items():
                files[name].write(array.tobytes())
        for file in files.values():
            file.flush()
        texts = {"sides": list(SIDES), "states": list(STATES), "models": models}
        with (
            atomic_path(path) as whole,
            zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive,
        ):
            for name, values in {**texts, "header": json.dumps(header.to_dict(), ensure_ascii=False)}.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as entry:
                    np.lib.format.write_array(entry, np.array(values, dtype=np.str_), allow_pickle=False)
            for name, (shape, dtype) in shapes.items():
                _add(archive, name, temporary[name], (summary.frames, *shape), dtype)


def _fill(
    arrays: dict[str, np.ndarray], column: int, hand: dict[str, Any], tails: dict[str, Any], models: list[str]
) -> None:
    for name in tails:
        if name in hand:
            # None, of an error that is not known, becomes NaN.
            arrays[name][column] = np.array(hand[name], dtype=float)
    if hand["model"] not in models:
        models.append(hand["model"])
    arrays["identity"][column] = hand["identity"]
    arrays["side"][column] = SIDES.index(hand["side"])
    arrays["state"][column] = STATES.index(hand["state"])
    arrays["model"][column] = models.index(hand["model"])


def _add(
    archive: zipfile.ZipFile, name: str, raw: Path, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> None:
    """An array of an .npz from its bytes, some at a time."""
    entry = zipfile.ZipInfo(f"{name}.npy")
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as target, raw.open("rb") as source:
        described = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_2_0(target, described)
        while block := source.read(_COPIED_BYTES):
            target.write(block)


def write_parquet(lines: Path, path: Path) -> bool:
    """Write a table with a row a hand a frame (docs/video.md), whole or not at all; False where the extra "parquet"
    is not installed. Raises KnuckleError naming a path that cannot be written."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "pyarrow":
            raise
        return False
    header = read_header(lines)
    schema = _schema(arrow, header)
    with (
        atomic_path(path) as temporary,
        parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for rows in _rows(lines, header):
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
    return True


def _schema(arrow: Any, header: Header) -> Any:
    word = arrow.dictionary(arrow.int8(), arrow.string())
    fields = [("frame", arrow.int32()), ("time_s", arrow.float64()), ("identity", arrow.int32())]
    fields += [("side", word), ("state", word), ("model", word)]
    for name, tail in TAILS.items():
        fields.append((name, arrow.list_(arrow.float32(), int(np.prod(tail))) if tail else arrow.float32()))
    if header.settings.get("mesh"):
        fields.append(("vertices_m", arrow.list_(arrow.float32())))
    about = json.dumps(header.to_dict(), ensure_ascii=False)
    return arrow.schema(fields, metadata={"knuckle": about})


def _rows(lines: Path, header: Header) -> Iterator[list[dict[str, Any]]]:
    """The table's rows, some at a time; lists of numbers one after the other, without inner brackets."""
    names = [name for name, tail in TAILS.items() if tail]
    names += ["vertices_m"] if header.settings.get("mesh") else []
    rows: list[dict[str, Any]] = []
    for frame in read_lines(lines):
        for hand in frame["hands"]:
            row = {"frame": frame["frame"], "time_s": frame["time_s"], **hand}
            for name in names:
                if name in row:
                    row[name] = _flat(row[name])
            rows.append(row)
        if len(rows) >= _ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


def _flat(values: list[Any]) -> list[Any]:
    return [one for value in values for one in _flat(value)] if isinstance(values[0], list) else values


def _number(value: float | None) -> float:
    return np.nan if value is None else value
