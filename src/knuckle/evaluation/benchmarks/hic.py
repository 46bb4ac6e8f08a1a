"""HIC as a benchmark of two hands."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from knuckle.datasets.hic import CAMERA, IMAGES, LIST, HicFrame, HicRow, read_frame, read_rows, top_folder
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame, tight_box
from knuckle.evaluation.protocols import hic

EXPAND = 1.25
"""Side of the crop over the longer side of the meshes' box."""


def hic_benchmark(folder: Path, *, limit: int | None = None) -> TwoHandBenchmark:
    """The pictures of HIC.json with a mesh or two, scored by `knuckle.evaluation.protocols.hic`.

    A picture or label that cannot be read ends the evaluation with its name. Raises KnuckleError where there is none.
    """
    rows = [row for row in read_rows(folder) if any(row.meshes)][:limit]
    if not rows:
        raise KnuckleError(f"{folder}: expected pictures of HIC with meshes, got none")
    notes: tuple[str, ...] = ()
    if not (top_folder(folder) / LIST).is_file():
        notes = (f"no {LIST}: every picture with a fit is scored, not the papers' list",)
    elif limit is not None or len(rows) != IMAGES:
        notes = (f"{len(rows)} pictures; DFL scores {IMAGES}",)
    return TwoHandBenchmark(hic.NAME, len(rows), lambda: _frames(rows), "", "", notes=notes, score=hic.report)


def _frames(rows: list[HicRow]) -> Iterator[TwoHandFrame]:
    for row in rows:
        yield to_two_hand_frame(read_frame(row))


def to_two_hand_frame(frame: HicFrame) -> TwoHandFrame:
    """With its picture read, and the protocol's crop: the box of the projected meshes, squared and enlarged."""
    x, y, w, h = tight_box(CAMERA.project(frame.vertices_m[frame.is_hand]).reshape(-1, 1, 2))
    return TwoHandFrame(
        name=frame.name,
        picture=frame.read(),
        camera=CAMERA,
        is_hand=frame.is_hand,
        joints_px=CAMERA.project(frame.joints_m),
        joints_m=frame.joints_m,
        window=np.array([x + w / 2, y + h / 2, EXPAND * max(w, h)]),
        vertices_m=frame.vertices_m,
        kind=frame.hand_type,
    )
