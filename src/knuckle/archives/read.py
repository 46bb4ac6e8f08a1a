"""Tables read back: rows, and the hands of a row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from knuckle.archives.rows import hand_of_row, import_arrow
from knuckle.archives.table import Table
from knuckle.errors import KnuckleError
from knuckle.export.json import camera_to_json
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.tracks.lines import with_mesh


def read_table(folder: str | Path) -> Iterator[dict[str, Any]]:
    """The rows of a table that `knuckle annotate` wrote, clip by clip, segment by segment, in the memory of one.

    Raises KnuckleError where there is no such table.
    """
    table = Table(Path(folder))
    if table.about() is None:
        raise KnuckleError(f"{folder}: expected a table that `knuckle annotate` wrote, got none")
    for part in table.parts():
        yield from rows_of_part(part)


def rows_of_part(part: Path) -> Iterator[dict[str, Any]]:
    """The rows of a clip's file, in the memory of one."""
    import_arrow()
    from pyarrow import parquet

    with parquet.ParquetFile(part) as file:
        for number in range(file.num_row_groups):
            yield from file.read_row_group(number).to_pylist()


def hands_of_row(row: dict[str, Any], *, mesh: bool = False) -> Iterator[Hands]:
    """The hands of a segment, frame by frame.

    row: of `read_table`, or of any reader of Parquet that gives plain values. mesh: with vertices and faces, made from
    pose, shape, side and wrist. Raises KnuckleError for anything else.
    """
    try:
        camera = Camera(**row["camera"], width=row["width"], height=row["height"])
        frames, rig = row["frames"], row["rig"]
    except (KeyError, TypeError) as error:
        raise KnuckleError(f"row: expected one of a table of `knuckle annotate`, got {error!r}") from error
    lens = camera_to_json(camera)
    for frame in frames:
        plain = [{"vertices_m": np.zeros((0, 3)), **hand_of_row(hand)} for hand in frame["hands"]]
        data = {"camera": lens, "time_s": frame["time_s"], "hands": plain}
        hands = Hands.from_dict({"width": camera.width, "height": camera.height, **data})
        yield with_mesh(hands, rig) if mesh else hands
