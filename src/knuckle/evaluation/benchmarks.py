"""What can be evaluated on, each as the same Benchmark: patches, their number, and the protocol that scores
them.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from knuckle.datasets.eval_dev import INDEX, by_source, read_eval_dev
from knuckle.datasets.freihand import read_freihand
from knuckle.datasets.ho3d import read_ho3d
from knuckle.datasets.labelled import LabelledHand, Patch, to_patch
from knuckle.datasets.negatives import list_negatives, negative_patches
from knuckle.datasets.photos import read_json
from knuckle.errors import KnuckleError
from knuckle.evaluation.data import Predictions, Truth
from knuckle.evaluation.protocols import freihand, handgraph, ho3d, synthetic
from knuckle.evaluation.protocols.alignment import add_alignment, require_mesh
from knuckle.evaluation.protocols.confidence import add_confidence
from knuckle.evaluation.protocols.freihand import MANO_VERTICES
from knuckle.evaluation.report import Report
from knuckle.evaluation.runner import PatchPredictor, Progress, confidences, run
from knuckle.evaluation.silhouettes import LabelledFaces
from knuckle.synth.dataset import SynthSet

DATA_VARIABLE = "KNUCKLE_DATA"
NAMES = ("synthetic", "eval-dev")

Patches = Callable[[int, float], Iterator[Patch]]
"""(patch size px, crop side over box side) -> the patches, in order."""


@dataclass(frozen=True)
class Benchmark:
    """Hands to predict and how their predictions are scored. names: one a hand. vertex_count: of the true mesh, 0
    where there is none. others: patches without a hand, their number and what they are, where the benchmark measures
    the confidence too.
    """

    name: str
    names: tuple[str, ...]
    patches: Patches
    score: Callable[[Truth, Predictions, str], Report]
    vertex_count: int = 0
    others: Patches | None = None
    other_count: int = 0
    others_are: str = ""

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def __len__(self) -> int:
        return len(self.names)


def evaluate(
    predictor: PatchPredictor,
    benchmark: Benchmark,
    *,
    size: int,
    expand: float,
    model: str,
    batch: int = 32,
    alignment: Sequence[LabelledFaces] = (),
    progress: Progress = lambda count: None,
) -> Report:
    """Predict a benchmark's hands and score them by its protocol.

    size: side of the predictor's patch, px. expand: crop side over the longer side of the box (stored crops
    keep theirs). model: what the report calls it. alignment: where given, silhouettes are compared too; the meshes
    that data and model may have. progress gets the number of patches each batch finished, then, for the silhouettes,
    1 a hand. Raises KnuckleError, before anything is predicted, when silhouettes are asked of data without a mesh.
    """
    if alignment:
        require_mesh(benchmark.name, benchmark.vertex_count, alignment)
    truth, predictions = run(
        predictor,
        benchmark.patches(size, expand),
        names=benchmark.names,
        batch=batch,
        keep_vertices=benchmark.vertex_count > 0,
        progress=progress,
    )
    report = benchmark.score(truth, predictions, model)
    if alignment:
        report = add_alignment(report, truth, predictions, alignment, progress=progress)
    if benchmark.others is None or predictions.confidence is None:
        return report
    others = confidences(predictor, benchmark.others(size, expand), batch=batch, progress=progress)
    return add_confidence(report, predictions.confidence, others, others_are=benchmark.others_are)


def open_benchmarks(
    data: str, *, limit: int | None = None, root: freihand.Root = "predicted"
) -> list[Benchmark]:
    """The benchmarks behind a name or folder.

    "synthetic": the frozen rendered benchmark. "eval-dev": the real photographs under $KNUCKLE_DATA/eval-dev,
    a benchmark a source. A folder: an index of photographs, FreiHAND, HO-3D or a rendered set, told by its
    files. limit: only the first so many hands of each. Raises KnuckleError for anything else, or for what is
    missing.
    """
    if limit is not None and limit < 1:
        raise KnuckleError(f"limit: expected at least 1 hand, got {limit}")
    if data == "synthetic":
        from knuckle.synth.benchmark import load_benchmark

        return [
            rendered_benchmark(load_benchmark(progress=sys.stderr.isatty()), name="synthetic", limit=limit)
        ]
    if data == "eval-dev":
        return photo_benchmarks(_data_folder() / "eval-dev", limit=limit)
    folder = Path(data)
    if not folder.is_dir():
        raise KnuckleError(f"data: expected {', '.join(NAMES)} or the folder of a dataset, got {data!r}")
    if (folder / "evaluation_K.json").is_file():
        return [freihand_benchmark(folder, limit=limit, root=root)]
    if (folder / "evaluation.txt").is_file():
        return [ho3d_benchmark(folder, limit=limit)]
    if (folder / INDEX).is_file():
        if isinstance(read_json(folder / INDEX, kind=object), dict):
            return [rendered_benchmark(SynthSet(folder), name=folder.name, limit=limit)]
        return photo_benchmarks(folder, limit=limit)
    raise KnuckleError(
        f"{folder}: expected {INDEX} (photographs or a rendered set), evaluation_K.json (FreiHAND) or"
        " evaluation.txt (HO-3D) in it, got none of them"
    )


def photo_benchmarks(folder: Path, *, limit: int | None = None) -> list[Benchmark]:
    """A benchmark for each source of an index of photographs; the hand-graph one measures the confidence too,
    where $KNUCKLE_DATA/backgrounds/no_hand is at hand.
    """
    result = []
    for source, hands in by_source(read_eval_dev(folder)).items():
        hands = hands[:limit]
        score = partial(_score_source, source)
        name = "hand-graph" if source == handgraph.SOURCE else source
        benchmark = Benchmark(name, tuple(hand.name for hand in hands), _cut(hands), score)
        if source == handgraph.SOURCE:
            benchmark = _with_negatives(benchmark, limit)
        result.append(benchmark)
    if not result:
        raise KnuckleError(f"{folder}: expected hands of known side, got none")
    return result


def freihand_benchmark(
    folder: Path, *, limit: int | None = None, root: freihand.Root = "predicted"
) -> Benchmark:
    """FreiHAND's evaluation split, truth included (evaluation_xyz.json, evaluation_verts.json)."""
    hands = read_freihand(folder, limit=limit)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return freihand.report(truth, predictions, model=model, root=root)

    return Benchmark(
        "FreiHAND", tuple(hand.name for hand in hands), _cut(hands), score, vertex_count=MANO_VERTICES
    )


def ho3d_benchmark(folder: Path, *, limit: int | None = None) -> Benchmark:
    """HO-3D's evaluation split, truth included."""
    hands = read_ho3d(folder, limit=limit)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return ho3d.report(truth, predictions, model=model)

    return Benchmark(
        "HO-3D", tuple(hand.name for hand in hands), _cut(hands), score, vertex_count=MANO_VERTICES
    )


def rendered_benchmark(rendered: SynthSet, *, name: str, limit: int | None = None) -> Benchmark:
    """A rendered set: its hands, with their meshes if the rig is still the set's, and its crops without one for the
    confidence.
    """
    hands, others = (indices[:limit] for indices in synthetic.split(rendered))
    rig = synthetic.mesh_rig(rendered, hands)
    notes = () if rig else ("no vertex scores: the set was rendered with another rig than the open one",)

    def score(truth: Truth, predictions: Predictions, model: str) -> Report:
        return synthetic.report(truth, predictions, model=model, name=name, notes=notes)

    return Benchmark(
        name,
        tuple(str(i) for i in hands),
        lambda size, expand: synthetic.set_patches(rendered, hands, size=size, rig=rig),
        score,
        vertex_count=len(rig.vertices) if rig else 0,
        others=(lambda size, expand: synthetic.set_patches(rendered, others, size=size))
        if len(others)
        else None,
        other_count=len(others),
        others_are="rendered crops without a hand",
    )


def _cut(hands: list[LabelledHand]) -> Patches:
    return lambda size, expand: (to_patch(hand, size=size, expand=expand) for hand in hands)


def _score_source(source: str, truth: Truth, predictions: Predictions, model: str) -> Report:
    return handgraph.source_report(truth, predictions, source=source, model=model)


def _with_negatives(benchmark: Benchmark, limit: int | None) -> Benchmark:
    folder = Path(os.environ.get(DATA_VARIABLE, "")) / "backgrounds" / "no_hand"
    if not folder.is_dir():
        return benchmark
    pictures = list_negatives(folder)[:limit]
    return Benchmark(
        benchmark.name,
        benchmark.names,
        benchmark.patches,
        benchmark.score,
        others=lambda size, expand: negative_patches(pictures, size=size),
        other_count=len(pictures),
        others_are="photo patches without a hand, of other photographs than the hands",
    )


def _data_folder() -> Path:
    value = os.environ.get(DATA_VARIABLE)
    if not value or not Path(value).is_dir():
        raise KnuckleError(
            f"eval-dev: expected {DATA_VARIABLE} to name the folder of the data, got {value!r}"
        )
    return Path(value)
