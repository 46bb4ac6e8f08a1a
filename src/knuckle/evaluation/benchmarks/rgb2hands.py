"""RGB2Hands' benchmark of two hands, in the picture alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from knuckle.datasets.rgb2hands import ORDER, Rgb2HandsFrame, read_order, read_rgb2hands
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.protocols import rgb2hands


def rgb2hands_benchmark(folder: Path, *, limit: int | None = None) -> TwoHandBenchmark:
    """The pictures with a labelled hand, scored by `knuckle.evaluation.protocols.rgb2hands`. Raises KnuckleError where
    there is none."""
    frames = read_rgb2hands(folder, limit=limit)
    if not frames:
        raise KnuckleError(f"{folder}: expected pictures of RGB2Hands with labelled hands, got none")
    notes = (f"no {ORDER}: which joint a label is of is assumed",) if read_order(folder)[1] else ()
    return TwoHandBenchmark(
        rgb2hands.NAME, len(frames), lambda: _frames(frames), "", "", notes=notes, score=rgb2hands.report
    )


def _frames(frames: list[Rgb2HandsFrame]) -> Iterator[TwoHandFrame]:
    for frame in frames:
        yield TwoHandFrame(
            name=frame.name,
            picture=frame.read(),
            camera=frame.camera,
            is_hand=frame.is_hand,
            joints_px=frame.joints_px,
            joints_m=np.full((2, 21, 3), np.nan),
            kind=frame.name.partition("/")[0],
        )
