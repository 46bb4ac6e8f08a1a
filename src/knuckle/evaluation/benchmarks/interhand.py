"""The test split of InterHand2.6M, or frames chosen of it, as a benchmark of two hands."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float

from knuckle.datasets.interhand import Chosen, Interhand, InterhandFrame, is_dark
from knuckle.datasets.interhand_check import other_version
from knuckle.datasets.interhand_labels import Split, label_file
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.protocols import interhand

EXPAND = 1.25
"""Side of the crop over the longer side of the annotated box."""


def is_interhand(folder: Path, *, split: Split = "test") -> bool:
    """Whether a folder holds the labels of a split."""
    return label_file(folder, split, "data").is_file()


def interhand_benchmark(
    folder: Path, *, chosen: Chosen | None = None, limit: int | None = None
) -> TwoHandBenchmark:
    """All frames of the test split (H+M), or those chosen, scored by `knuckle.evaluation.protocols.interhand`.

    The filtered set is that on which IntagHand, DIR and DFL are compared; its black pictures are passed over. A picture
    that cannot be read ends the evaluation with its name: a figure over the others would not be the
    papers'. Raises KnuckleError as `Interhand`, and for a split without frames.
    """
    chosen = chosen or Chosen()
    frames = chosen.frames(folder, limit=limit)
    words = f"{chosen.split}, {chosen.words}" if chosen.words else chosen.split
    if not len(frames):
        raise KnuckleError(f"{folder}: expected frames of InterHand2.6M {words}, got none")
    notes = ()
    if limit is not None or other_version(frames) is not None:
        notes = (f"{len(frames)} frames, not those of version 1.0 ({words}): not the papers' figure",)
    if chosen.filtered:
        notes += (f"of {len(frames)} frames of the filtered set those with black pictures are left out",)
    return TwoHandBenchmark(
        f"{interhand.NAME} {words}",
        len(frames),
        lambda: _frames(frames, without_dark=chosen.filtered),
        "",
        "",
        notes=notes,
        score=interhand.report,
    )


def _frames(frames: Interhand, *, without_dark: bool) -> Iterator[TwoHandFrame]:
    for frame in frames:
        shown = to_two_hand_frame(frame)
        if not (without_dark and is_dark(shown.picture)):
            yield shown


def to_two_hand_frame(frame: InterhandFrame) -> TwoHandFrame:
    """With its picture read, and the protocol's crop."""
    return TwoHandFrame(
        name=frame.name,
        picture=frame.read(),
        camera=frame.camera,
        is_hand=frame.is_hand,
        joints_px=frame.joints_px,
        joints_m=frame.joints_m,
        window=protocol_window(frame),
        kind=frame.hand_type,
    )


def protocol_window(frame: InterhandFrame) -> Float[np.ndarray, "3"]:
    """Centre u, centre v and side, px, of the crop: the box cut off at the picture, then squared and enlarged.

    Raises KnuckleError for a box that lies beside the picture.
    """
    last = np.array([frame.camera.width, frame.camera.height]) - 1
    low = np.maximum(frame.box_px[:2], 0)
    # A box of w pixels ends at its last one.
    high = np.minimum(low + np.maximum(frame.box_px[2:] - 1, 0), last)
    if (high <= low).any():
        raise KnuckleError(f"{frame.name}: expected a box within the picture, got {frame.box_px.tolist()}")
    centre, side = (low + high) / 2, EXPAND * float((high - low).max())
    return np.array([*centre, side])
