"""From a segment to a row of a table, and the table's columns.

A hand has the columns of daft-physical-ai's `track_hands` (handedness, confidence, kp2d, kp3d) under their names and in
their types, and beside them what `knuckle track` says of it, under the names of `knuckle.export.schema`.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from knuckle.archives.segments import Segment
from knuckle.errors import KnuckleError, install_command
from knuckle.export.json import camera_to_json
from knuckle.export.schema import HAND_FIELDS

if TYPE_CHECKING:
    import pyarrow

RENAMED = {"side": "handedness", "joints_px": "kp2d", "joints_m": "kp3d"}
"""Fields of a hand that daft-physical-ai calls otherwise."""
WORDS = ("side", "state", "model")
ROOT = "root_m"
"""The wrist, of which files of `knuckle track` know as the first joint."""


def import_arrow() -> Any:
    """pyarrow. Raises KnuckleError naming the extra where it is not installed."""
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise KnuckleError(
            f"tables need pyarrow, which is not installed: {install_command('archives')}"
        ) from error
    return pyarrow


def hand_type() -> "pyarrow.DataType":
    """Of one hand."""
    arrow = import_arrow()
    numbers = arrow.list_(arrow.float32())
    points = {"joints_px", "joints_m"}
    fields = [("handedness", arrow.string())]
    # First the four of daft-physical-ai, in its order.
    for name in sorted(HAND_FIELDS, key=lambda name: name != "confidence" and name not in points):
        field = HAND_FIELDS[name]
        kind = arrow.list_(numbers) if name in points else numbers if field.shape else arrow.float32()
        fields.append((RENAMED.get(name, name), kind))
    fields[4:4] = [("identity", arrow.int32()), ("state", arrow.string()), ("model", arrow.string())]
    fields.append((ROOT, numbers))
    return arrow.struct(fields)


def row_type() -> "pyarrow.DataType":
    """Of a row: a segment of a clip."""
    arrow = import_arrow()
    camera = [(name, arrow.float64()) for name in ("fx", "fy", "cx", "cy")]
    camera += [("assumed", arrow.bool_()), ("picture_mirrored", arrow.bool_()), ("source", arrow.string())]
    frame = [("frame", arrow.int64()), ("time_s", arrow.float64()), ("hands", arrow.list_(hand_type()))]
    return arrow.struct(
        [
            ("clip", arrow.string()),
            ("segment", arrow.int32()),
            ("start_s", arrow.float64()),
            ("end_s", arrow.float64()),
            ("rate", arrow.float64()),
            ("width", arrow.int32()),
            ("height", arrow.int32()),
            ("camera", arrow.struct(camera)),
            ("rig", arrow.string()),
            ("frames", arrow.list_(arrow.struct(frame))),
            ("error", arrow.string()),
        ]
    )


def schema(about: dict[str, Any] | None = None) -> "pyarrow.Schema":
    """The table's; about: kept with it, as the value of "knuckle" of its metadata."""
    arrow = import_arrow()
    text = {} if about is None else {"knuckle": json.dumps(about, ensure_ascii=False, sort_keys=True)}
    return arrow.schema(list(row_type()), metadata=text or None)


def parquet_options() -> dict[str, Any]:
    """How files are packed: a third smaller than by pyarrow's own ways, which keep a dictionary of every number."""
    hand = "frames.list.element.hands.list.element"
    deep = {"kp2d": 2, "kp3d": 2, **{name: 1 for name, field in HAND_FIELDS.items() if field.shape}, ROOT: 1}
    names = [RENAMED.get(name, name) for name in HAND_FIELDS] + [ROOT]
    return {
        "compression": "zstd",
        "use_dictionary": ["clip", "rig", "error", *(f"{hand}.{RENAMED.get(name, name)}" for name in WORDS)],
        "use_byte_stream_split": [f"{hand}.{name}" + ".list.element" * deep.get(name, 0) for name in names],
    }


def row_of(segment: Segment, *, clip: str, rate: float | None, rig: str) -> dict[str, Any]:
    """A segment's row, as plain values."""
    return {
        "clip": clip,
        "segment": segment.number,
        "start_s": segment.frames[0]["time_s"],
        "end_s": segment.frames[-1]["time_s"],
        "rate": rate,
        "width": segment.camera.width,
        "height": segment.camera.height,
        "camera": camera_to_json(segment.camera),
        "rig": rig,
        "frames": [{**frame, "hands": [_hand(hand) for hand in frame["hands"]]} for frame in segment.frames],
        "error": None,
    }


def row_of_error(clip: str, error: str) -> dict[str, Any]:
    """The row of a clip that could not be done."""
    return {"clip": clip, "segment": 0, "frames": [], "error": error}


def table_of(rows: Sequence[dict[str, Any]], about: dict[str, Any] | None = None) -> "pyarrow.Table":
    """A table with these rows."""
    return import_arrow().Table.from_pylist(list(rows), schema=schema(about))


def hand_of_row(hand: dict[str, Any]) -> dict[str, Any]:
    """Of a row's hand, what `knuckle.hands.Hands.from_dict` takes."""
    back = {own: hand[other] for own, other in RENAMED.items()}
    back |= {name: hand[name] for name in ("identity", "state", "model")}
    for name, field in HAND_FIELDS.items():
        value = hand[RENAMED.get(name, name)]
        if value is not None:
            # None, of an error that is not known, becomes NaN.
            back[name] = np.array(value, dtype=float).reshape(field.shape)
    return back


def _hand(hand: dict[str, Any]) -> dict[str, Any]:
    row = {RENAMED.get(name, name): hand[name] for name in (*WORDS, "joints_px", "joints_m")}
    row["identity"] = hand["identity"]
    for name, field in HAND_FIELDS.items():
        if name not in RENAMED:
            value = hand.get(name)
            row[name] = _flat(value) if len(field.shape) > 1 and value is not None else value
    row[ROOT] = hand["joints_m"][0]
    return row


def _flat(values: list[list[float]]) -> list[float]:
    return [number for row in values for number in row]
