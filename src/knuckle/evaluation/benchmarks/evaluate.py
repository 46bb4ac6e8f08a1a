"""What can be evaluated on, and the evaluation itself."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knuckle.datasets.eval_dev import INDEX, read_eval_dev
from knuckle.datasets.photos import read_json
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.one_hand import (
    DATA_VARIABLE,
    Benchmark,
    freihand_benchmark,
    ho3d_benchmark,
    photographed_hands,
    rendered_benchmark,
)
from knuckle.evaluation.benchmarks.two_hands import (
    TwoHandBenchmark,
    evaluate_frames,
    photographed_pairs,
    rendered_pairs,
)
from knuckle.evaluation.metrics.silhouettes import LabelledFaces
from knuckle.evaluation.protocols import freihand
from knuckle.evaluation.protocols.alignment import add_alignment, require_mesh
from knuckle.evaluation.protocols.confidence import add_confidence
from knuckle.evaluation.protocols.presence import add_presence
from knuckle.evaluation.report import Report
from knuckle.evaluation.run import PatchPredictor, Progress, confidences, run
from knuckle.evaluation.run_two_hands import FramePredictor, RightOfTwo
from knuckle.sets.reader import SynthSet

NAMES = ("synthetic", "synthetic-two", "eval-dev")


def evaluate(
    predictor: PatchPredictor,
    benchmark: Benchmark | TwoHandBenchmark,
    *,
    size: int,
    expand: float,
    model: str,
    hands: int = 1,
    threshold: float = 0.5,
    frames: FramePredictor | None = None,
    batch: int = 32,
    alignment: Sequence[LabelledFaces] = (),
    progress: Progress = lambda count: None,
) -> Report:
    """Predict a benchmark's hands and score them by its protocol.

    size: side of the predictor's patch, px. expand: crop side over the longer side of the box (stored crops
    keep theirs). model: what the report calls it. hands: 2 for a system of a right and a left hand, whose right one
    then answers for a single hand (shown as a right one), and whose confidence in the other, against `threshold`, is a
    ghost partner. frames: where given, what two-hand benchmarks ask instead ("auto"). alignment: where given,
    silhouettes are compared too; the meshes that data and model may have. progress gets the number of
    patches each batch finished, then, for the silhouettes, 1 a hand. Raises KnuckleError, before anything is predicted,
    when silhouettes are asked of data without a mesh.
    """
    if alignment:
        require_mesh(benchmark.name, benchmark.vertex_count, alignment)
    if isinstance(benchmark, TwoHandBenchmark):
        return evaluate_frames(
            predictor,
            benchmark,
            hands=hands,
            size=size,
            expand=expand,
            model=model,
            threshold=threshold,
            frames=frames,
            batch=batch,
            progress=progress,
        )
    predictor = RightOfTwo(predictor) if hands == 2 else predictor
    truth, predictions = run(
        predictor,
        benchmark.patches(size, expand),
        names=benchmark.names,
        batch=batch,
        keep_vertices=benchmark.vertex_count > 0,
        progress=progress,
    )
    report = benchmark.score(truth, predictions, model)
    if benchmark.alone and predictions.pair_confidence is not None:
        only_right = np.tile([True, False], (len(truth), 1))
        report = add_presence(report, predictions.pair_confidence, only_right, threshold=threshold)
    if alignment:
        report = add_alignment(report, truth, predictions, alignment, progress=progress)
    if benchmark.others is None or predictions.confidence is None:
        return report
    others = confidences(predictor, benchmark.others(size, expand), batch=batch, progress=progress)
    return add_confidence(report, predictions.confidence, others, others_are=benchmark.others_are)


def open_benchmarks(
    data: str, *, limit: int | None = None, root: freihand.Root = "predicted"
) -> list[Benchmark | TwoHandBenchmark]:
    """The benchmarks behind a name or folder.

    "synthetic", "synthetic-two": the frozen rendered benchmarks of one and of two hands. "eval-dev": the real
    photographs under $KNUCKLE_DATA/eval-dev, a benchmark a source. A folder: an index of photographs, FreiHAND, HO-3D
    or a rendered set, told by its files. limit: only the first so many hands (or crops of two) of each.
    Raises KnuckleError for anything else, or for what is missing.
    """
    if limit is not None and limit < 1:
        raise KnuckleError(f"limit: expected at least 1 hand, got {limit}")
    if data == "synthetic":
        from knuckle.synth.benchmark import load_benchmark

        return [
            rendered_benchmark(load_benchmark(progress=sys.stderr.isatty()), name="synthetic", limit=limit)
        ]
    if data == "synthetic-two":
        from knuckle.synth.benchmark import load_two_hand_benchmark

        return [rendered_pairs(load_two_hand_benchmark(progress=sys.stderr.isatty()), name=data, limit=limit)]
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
            rendered = SynthSet(folder)
            open_set = rendered_pairs if rendered.hands == 2 else rendered_benchmark
            return [open_set(rendered, name=folder.name, limit=limit)]
        return photo_benchmarks(folder, limit=limit)
    raise KnuckleError(
        f"{folder}: expected {INDEX} (photographs or a rendered set), evaluation_K.json (FreiHAND) or"
        " evaluation.txt (HO-3D) in it, got none of them"
    )


def photo_benchmarks(folder: Path, *, limit: int | None = None) -> list[Benchmark | TwoHandBenchmark]:
    """A benchmark for each source of an index of photographs, and one of those with both hands labelled."""
    hands = read_eval_dev(folder)
    if not hands:
        raise KnuckleError(f"{folder}: expected hands of known side, got none")
    pairs = photographed_pairs(hands, limit=limit)
    return [*photographed_hands(hands, limit=limit), *([] if pairs is None else [pairs])]


def _data_folder() -> Path:
    value = os.environ.get(DATA_VARIABLE)
    if not value or not Path(value).is_dir():
        raise KnuckleError(
            f"eval-dev: expected {DATA_VARIABLE} to name the folder of the data, got {value!r}"
        )
    return Path(value)
