"""Benchmarks of two hands: rendered crops, and the few photographs with both hands labelled."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from knuckle.datasets.labelled import LabelledHand
from knuckle.evaluation.benchmarks.frames import (
    TwoHandFrame,
    mesh_rigs,
    photo_frames,
    photo_pairs,
    rendered_frames,
)
from knuckle.evaluation.protocols import two_hands
from knuckle.evaluation.report import Report, file_name
from knuckle.evaluation.run import PatchPredictor, Progress
from knuckle.evaluation.run_two_hands import FramePredictor, hand_by_hand, run_frames, whole_frames
from knuckle.sets.reader import SynthSet

PHOTOS = "two-hand photos"

_HAND_BY_HAND = "every hand that is there cut by its own true box and told its side, left hands mirrored"
_BY_BOXES = "every hand that is there given by its own true box and side, crops as the model cuts them"


@dataclass(frozen=True)
class TwoHandBenchmark:
    """Frames of two hands: their number and how to go through them. origin: what they are, and shown: how a two-hand
    system sees them, together one sentence. notes: what a reader must know to judge the figures.
    """

    name: str
    count: int
    frames: Callable[[], Iterator[TwoHandFrame]]
    origin: str
    shown: str
    notes: tuple[str, ...] = ()

    vertex_count = 0
    """No silhouettes are compared."""
    other_count = 0

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return file_name(self.name)

    def __len__(self) -> int:
        return self.count


def evaluate_frames(
    predictor: PatchPredictor,
    benchmark: TwoHandBenchmark,
    *,
    hands: int,
    size: int,
    expand: float,
    model: str,
    threshold: float = 0.5,
    frames: FramePredictor | None = None,
    batch: int = 32,
    progress: Progress = lambda count: None,
) -> Report:
    """Predict a benchmark's frames and score them.

    hands: a two-hand system sees the crop of both; a one-hand system each hand that is there in a crop of its own,
    with the true side. size, expand: of the crops (stored windows of both hands keep theirs). threshold: the
    confidence from which on a hand counts as seen. frames: where given, is asked instead of `predictor`, by boxes.
    """
    if frames is None:
        show, shown = (whole_frames, benchmark.shown) if hands == 2 else (hand_by_hand, _HAND_BY_HAND)
        frames = show(predictor, size=size, expand=expand)
    else:
        shown = _BY_BOXES
    truth, predictions = run_frames(frames, benchmark.frames(), batch=batch, progress=progress)
    return two_hands.report(
        truth,
        predictions,
        model=model,
        benchmark=benchmark.name,
        protocol=f"{benchmark.origin}, {shown}.",
        threshold=threshold,
        notes=benchmark.notes,
    )


def rendered_pairs(rendered: SynthSet, *, name: str, limit: int | None = None) -> TwoHandBenchmark:
    """A rendered two-hand set: its crops with a hand or two."""
    there = np.asarray(rendered.labels["is_hand"], dtype=bool).any(axis=1)
    shown = np.flatnonzero(there)[:limit]
    rigs = mesh_rigs(rendered)
    empty = int((~there).sum())
    notes = (f"{empty} crops without a hand are left out",) if empty else ()
    return TwoHandBenchmark(
        name,
        len(shown),
        lambda: rendered_frames(rendered, shown, rigs=rigs),
        "Rendered crops of one or two hands",
        "as stored",
        notes,
    )


def photographed_pairs(hands: Sequence[LabelledHand], *, limit: int | None = None) -> TwoHandBenchmark | None:
    """Photographs with one right and one left labelled hand, of all sources together; None where there is none."""
    pairs = photo_pairs(hands)[:limit]
    if not pairs:
        return None
    few = f"{len(pairs)} photograph{'' if len(pairs) == 1 else 's'}: a smoke test, not a claim"
    return TwoHandBenchmark(
        PHOTOS,
        len(pairs),
        lambda: photo_frames(pairs),
        "Photographs with both hands labelled",
        "cut by the true box round both",
        (few,),
    )
