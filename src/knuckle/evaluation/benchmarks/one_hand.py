"""Benchmarks of single hands, each as the same Benchmark: patches, their number, and the protocol that scores them."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from knuckle.datasets.coco_wholebody import read_coco_wholebody
from knuckle.datasets.egodexter import read_egodexter
from knuckle.datasets.eval_dev import by_source
from knuckle.datasets.freihand import read_freihand
from knuckle.datasets.ho3d import read_ho3d
from knuckle.datasets.labelled import LabelledHand, Patch, to_patch
from knuckle.datasets.negatives import list_negatives, negative_patches
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.benchmarks.rendered import mesh_rigs, set_patches, unseen
from knuckle.evaluation.protocols import coco_wholebody, egodexter, freihand, handgraph, ho3d, synthetic
from knuckle.evaluation.report import Report
from knuckle.sets.reader import SynthSet
from knuckle.sets.seen import Seen

DATA_VARIABLE = "KNUCKLE_DATA"

Patches = Callable[[int, float], Iterator[Patch]]
"""(patch size px, crop side over box side) -> the patches, in order."""


@dataclass(frozen=True)
class Benchmark:
    """Single hands to predict, and how the predictions are scored."""

    name: str
    """What reports call it."""
    names: tuple[str, ...]
    """What reports call each hand."""
    patches: Patches
    """The hands, all as right ones, with their labels."""
    score: Callable[[Truth, Predictions, str], Report]
    """The protocol: truth, predictions and the model's name in, the report out."""
    vertex_count: int = 0
    """Of the true meshes; 0 where there are none."""
    others: Patches | None = None
    """Patches without a hand, where the benchmark measures the confidence too."""
    other_count: int = 0
    """How many of these."""
    others_are: str = ""
    """What they are, for the report."""
    hands_from: str = ""
    """Of a set that models may have been trained on (`knuckle.sets.seen`)."""
    tips: str = ""
    """Whose fingertips the true joints have (`knuckle.rig.tips`); "" where the data does not say."""
    alone: bool = True
    """Whether each hand is alone in its picture as far as the labels say, so that a partner seen there is a ghost."""

    def __len__(self) -> int:
        return len(self.names)


_NO_RIG = "no vertex scores: the set was rendered with another rig than the open one"
_NO_MANO = "no vertex scores: the set's poses are MANO's; name your file by --mano"


def photographed_hands(hands: Sequence[LabelledHand], *, limit: int | None = None) -> list[Benchmark]:
    """A benchmark for each source of photographs; the hand-graph one measures the confidence too, where
    $KNUCKLE_DATA/backgrounds/no_hand is at hand.
    """
    result = []
    for source, of_source in by_source(list(hands)).items():
        chosen = of_source[:limit]
        score = partial(_score_source, source)
        name = "hand-graph" if source == handgraph.SOURCE else source
        alone = len({hand.image for hand in of_source}) == len(of_source)
        benchmark = Benchmark(name, tuple(hand.name for hand in chosen), _cut(chosen), score, alone=alone)
        if source == handgraph.SOURCE:
            benchmark = _with_negatives(benchmark, limit)
        result.append(benchmark)
    return result


def freihand_benchmark(
    folder: Path, *, limit: int | None = None, root: freihand.Root = "predicted"
) -> Benchmark:
    """FreiHAND's evaluation split, truth included (evaluation_xyz.json, evaluation_verts.json)."""
    hands = read_freihand(folder, limit=limit)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return freihand.report(truth, predictions, model=model, root=root)

    return Benchmark(
        "FreiHAND",
        tuple(hand.name for hand in hands),
        _cut(hands),
        score,
        vertex_count=_vertex_count(hands),
        tips="freihand",
    )


def ho3d_benchmark(folder: Path, *, limit: int | None = None) -> Benchmark:
    """HO-3D's evaluation split, truth included."""
    hands = read_ho3d(folder, limit=limit)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return ho3d.report(truth, predictions, model=model)

    return Benchmark(
        "HO-3D",
        tuple(hand.name for hand in hands),
        _cut(hands),
        score,
        vertex_count=_vertex_count(hands),
        tips="ho3d",
    )


def egodexter_benchmark(folder: Path, *, limit: int | None = None) -> Benchmark:
    """EgoDexter's pictures with a tip or more; whether another hand is in one its labels do not say."""
    hands = read_egodexter(folder, limit=limit)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return egodexter.report(truth, predictions, model=model)

    return Benchmark("EgoDexter", tuple(hand.name for hand in hands), _cut(hands), score, alone=False)


def coco_wholebody_benchmark(folder: Path, *, limit: int | None = None) -> Benchmark:
    """The validation split's valid hands; other hands may be in a picture, labelled or not. Hands whose labels cannot
    be used are counted in the report. Raises KnuckleError where no hand is left."""
    read = read_coco_wholebody(folder, "val", limit=limit)
    if not read.hands:
        why = f": {read.faults[0]}" if read.faults else ""
        raise KnuckleError(f"{folder}: expected hands of COCO-WholeBody, got none{why}")
    notes: tuple[str, ...] = ()
    if read.faults:
        notes = (f"{len(read.faults)} hands cannot be used and do not count, the first: {read.faults[0]}",)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return coco_wholebody.report(truth, predictions, model=model, notes=notes)

    names = tuple(hand.name for hand in read.hands)
    return Benchmark(coco_wholebody.NAME, names, _cut(read.hands), score, alone=False)


def rendered_benchmark(
    rendered: SynthSet,
    *,
    name: str,
    limit: int | None = None,
    mano: Path | None = None,
    seen: Seen | None = None,
) -> Benchmark:
    """A set: its hands, with their meshes if the rig is at hand, and its crops without one for the confidence.

    mano: the file of a set of MANO's poses. seen: what the models were trained on, which is left out.
    """
    kept, empty, notes = unseen(rendered, seen or {})
    hands, others = kept[:limit], empty[:limit]
    rigs = mesh_rigs(rendered, mano=mano)
    rig = rigs[0] if rigs else None
    if rig is None:
        notes += (_NO_RIG if rendered.rig_name == "open" else _NO_MANO,)
    elif rendered.residual_mm is not None:
        notes += (
            f"the true meshes are a rig's, {rendered.residual_mm} mm from the dataset's joints on average",
        )

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return synthetic.report(truth, predictions, model=model, name=name, notes=notes)

    return Benchmark(
        name,
        tuple(str(i) for i in hands),
        lambda size, expand: set_patches(rendered, hands, size=size, rig=rig),
        score,
        vertex_count=len(rig.vertices) if rig else 0,
        hands_from="" if seen is None else rendered.origin,
        tips=rendered.tips,
        others=(lambda size, expand: set_patches(rendered, others, size=size)) if len(others) else None,
        other_count=len(others),
        others_are="rendered crops without a hand",
    )


def _vertex_count(hands: list[LabelledHand]) -> int:
    """Of the first hand's true mesh; 0 where there is none."""
    return len(hands[0].vertices_m) if hands and hands[0].vertices_m is not None else 0


def _cut(hands: list[LabelledHand]) -> Patches:
    return lambda size, expand: (to_patch(hand, size=size, expand=expand) for hand in hands)


def _score_source(source: str, truth: Truth, predictions: Predictions, model: str) -> Report:
    return handgraph.source_report(truth, predictions, source=source, model=model)


def _with_negatives(benchmark: Benchmark, limit: int | None) -> Benchmark:
    folder = Path(os.environ.get(DATA_VARIABLE, "")) / "backgrounds" / "no_hand"
    if not folder.is_dir():
        return benchmark
    pictures = list_negatives(folder)[:limit]
    return replace(
        benchmark,
        others=lambda size, expand: negative_patches(pictures, size=size),
        other_count=len(pictures),
        others_are="photo patches without a hand, of other photographs than the hands",
    )
