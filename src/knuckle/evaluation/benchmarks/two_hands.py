"""Benchmarks of two hands: rendered crops, and the few photographs with both hands labelled."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from knuckle.datasets.labelled import LabelledHand
from knuckle.evaluation.benchmarks.rendered import mesh_rigs, set_frames, unseen
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.report import Report
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import Seen
from knuckle.skeleton import HAND_SIDES, JOINT_COUNT

PHOTOS = "two-hand photos"

LabelledPair = tuple[LabelledHand, LabelledHand]
"""The right and the left hand of one photograph."""


@dataclass(frozen=True)
class TwoHandBenchmark:
    """Frames of two hands to predict; `knuckle.evaluation.protocols.two_hands` scores the predictions unless `score`
    says otherwise."""

    name: str
    """What reports call it."""
    count: int
    """How many frames."""
    frames: Callable[[], Iterator[TwoHandFrame]]
    """The frames, with their labels."""
    origin: str
    """What the frames are: the beginning of a sentence in the report."""
    shown: str
    """How a two-hand system is shown them: the end of that sentence."""
    notes: tuple[str, ...] = ()
    """What a reader must know to judge the figures."""
    hands_from: str = ""
    """Of a set that models may have been trained on (`knuckle.sets.seen`)."""
    score: Callable[..., Report] | None = None
    """Another protocol, called as `knuckle.evaluation.protocols.interhand.report`."""

    vertex_count = 0
    """No silhouettes are compared."""
    other_count = 0
    """There are no frames without a hand."""

    def __len__(self) -> int:
        return self.count


def rendered_pairs(
    rendered: SynthSet, *, name: str, limit: int | None = None, seen: Seen | None = None
) -> TwoHandBenchmark:
    """A rendered two-hand set: its crops with a hand or two. seen: what models were trained on, which is left out."""
    there, empty, of_seen = unseen(rendered, seen or {})
    shown, rigs = there[:limit], mesh_rigs(rendered)
    notes = of_seen + ((f"{len(empty)} crops without a hand are left out",) if len(empty) else ())
    return TwoHandBenchmark(
        name,
        len(shown),
        lambda: set_frames(rendered, shown, rigs=rigs),
        "Rendered crops of one or two hands",
        "as stored",
        hands_from="" if seen is None else rendered.origin,
        notes=notes,
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


def photo_pairs(hands: Sequence[LabelledHand]) -> list[LabelledPair]:
    """Photographs with exactly one right and one left labelled hand: the two, the right one first."""
    by_photo: dict[str, list[LabelledHand]] = {}
    for hand in hands:
        if hand.joints_px is not None:
            by_photo.setdefault(str(hand.image), []).append(hand)
    pairs = []
    for found in by_photo.values():
        right, left = ([hand for hand in found if hand.side == side] for side in HAND_SIDES)
        if len(right) == len(left) == 1:
            pairs.append((right[0], left[0]))
    return pairs


def photo_frames(pairs: Sequence[LabelledPair]) -> Iterator[TwoHandFrame]:
    """Photographs with both hands labelled; each picture is read when its turn comes."""
    for pair in pairs:
        yield TwoHandFrame(
            name=pair[0].image.stem,
            picture=pair[0].read(),
            camera=pair[0].camera,
            is_hand=np.ones(2, dtype=bool),
            joints_px=np.stack([_labels(hand.joints_px, 2) for hand in pair]),
            joints_m=np.stack([_labels(hand.joints_m, 3) for hand in pair]),
            kind=pair[0].source,
        )


def _labels(points: np.ndarray | None, last: int) -> Float[np.ndarray, "21 last"]:
    return np.full((JOINT_COUNT, last), np.nan) if points is None else points
