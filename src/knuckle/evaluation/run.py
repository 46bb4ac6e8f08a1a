"""Evaluation itself: a model predicts a benchmark's hands, and the benchmark's protocol scores them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from knuckle.datasets.labelled import Patch
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import MESHES, Predictions, Truth, TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.benchmarks.one_hand import Benchmark
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame
from knuckle.evaluation.metrics.silhouettes import LabelledFaces
from knuckle.evaluation.model import EvaluatedModel, FramePredictor, Outputs, PatchPredictor
from knuckle.evaluation.protocols import two_hands
from knuckle.evaluation.protocols.alignment import add_alignment, require_mesh
from knuckle.evaluation.protocols.confidence import add_confidence, add_presence
from knuckle.evaluation.report import Report
from knuckle.evaluation.tips import to_tips
from knuckle.geometry.crop import apply_affine
from knuckle.skeleton import JOINT_COUNT

Progress = Callable[[int], None]
Item = TypeVar("Item", Patch, TwoHandFrame)

_JOINTS = ("joints_px", "joints_m")
_KEPT = (*_JOINTS, "joints_2d_px", "confidence", "pair_confidence", "mesh_joints_m", "rough_joints_m")
_KEPT_OF_TWO = (*_JOINTS, "vertices_m", "mesh_joints_m", "confidence")
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)
"""In place of thousands of pictures, which need not stay in memory."""

_NOT_WRITTEN = "the weights do not say which hands they were trained on: these may be among them"
_HAND_BY_HAND = "every hand that is there cut by its own true box and told its side, left hands mirrored"
_BY_BOXES = "every hand that is there given by its own true box and side, crops as the model cuts them"


def evaluate(
    model: EvaluatedModel,
    benchmark: Benchmark | TwoHandBenchmark,
    *,
    batch: int = 32,
    alignment: Sequence[LabelledFaces] = (),
    progress: Progress = lambda count: None,
) -> Report:
    """Predict a benchmark's hands and score them by its protocol.

    Of a two-hand system on single hands the right one is scored (single hands are shown as right ones), and a left one
    that it sees beside it counts as a ghost partner. A one-hand system on two hands is shown each in a crop of its own.

    Args:
        model: what is evaluated.
        benchmark: what it is evaluated on.
        batch: hands (or frames of two) that are predicted together.
        alignment: the meshes that data and model may have, to compare silhouettes too; none: they are not compared.
        progress: called with the number of hands each batch finished, then, for the silhouettes, with 1 a hand.

    Raises KnuckleError, before anything is predicted, when silhouettes are asked of data without a mesh.
    """
    if alignment:
        require_mesh(benchmark.name, benchmark.vertex_count, alignment)
    unknown = (_NOT_WRITTEN,) if benchmark.hands_from and model.trained_sets is None else ()
    if isinstance(benchmark, TwoHandBenchmark):
        return _evaluate_frames(model, benchmark, batch, progress).with_scores((), notes=unknown)
    predict = model.for_single_hands()
    truth, predictions = run_patches(
        predict,
        benchmark.patches(model.size, model.expand),
        names=benchmark.names,
        batch=batch,
        keep_vertices=benchmark.vertex_count > 0,
        progress=progress,
    )
    predictions, notes = to_tips(predictions, truth.camera, source=model.tips, target=benchmark.tips)
    report = benchmark.score(truth, predictions, model.name).with_scores((), notes=notes + unknown)
    if benchmark.alone and predictions.pair_confidence is not None:
        only_right = np.tile([True, False], (len(truth), 1))
        report = add_presence(report, predictions.pair_confidence, only_right, threshold=model.threshold)
    if alignment:
        report = add_alignment(report, truth, predictions, alignment, progress=progress)
    if benchmark.others is None or predictions.confidence is None:
        return report
    others = benchmark.others(model.size, model.expand)
    _, outputs = _predict(predict, others, ("confidence",), ("confidence",), batch, progress)
    return add_confidence(
        report, predictions.confidence, outputs["confidence"], others_are=benchmark.others_are
    )


def _evaluate_frames(
    model: EvaluatedModel, benchmark: TwoHandBenchmark, batch: int, progress: Progress
) -> Report:
    shown = _HAND_BY_HAND if model.hands == 1 else benchmark.shown
    if model.frames is not None:
        shown = _BY_BOXES
    truth, predictions = run_frames(model.for_frames(), benchmark.frames(), batch=batch, progress=progress)
    if benchmark.score is not None:
        differs = "" if shown == benchmark.shown else f"Here {shown}."
        about = {"model": model.name, "benchmark": benchmark.name, "shown": differs, "notes": benchmark.notes}
        return benchmark.score(truth, predictions, **about)
    return two_hands.report(
        truth,
        predictions,
        model=model.name,
        benchmark=benchmark.name,
        protocol=f"{benchmark.origin}, {shown}.",
        threshold=model.threshold,
        notes=benchmark.notes,
    )


def run_patches(
    predict: PatchPredictor,
    patches: Iterable[Patch],
    *,
    names: Iterable[str] = (),
    batch: int = 32,
    keep_vertices: bool = False,
    progress: Progress = lambda count: None,
) -> tuple[Truth, Predictions]:
    """Predict patches of single right hands and collect their truth beside them.

    Args:
        predict: `for_single_hands` of a model.
        patches: what it is shown, with their labels.
        names: what the hands are called in reports.
        batch: patches that are predicted together.
        keep_vertices: whether the predicted meshes (large) are kept, for protocols that score vertices.
        progress: called with the number of hands each batch finished.

    Raises KnuckleError when there is no patch, an output is missing or not finite.
    """

    def predict_in_frame(chunk: Sequence[Patch], /) -> Outputs:
        outputs = predict(chunk)
        if "joints_patch" not in outputs:
            return outputs
        maps = np.stack([patch.frame_from_patch for patch in chunk])
        in_patch = np.asarray(outputs["joints_patch"], dtype=float)
        return {**outputs, "joints_2d_px": apply_affine(maps, in_patch)}

    kept = _KEPT + (MESHES if keep_vertices else ())
    labels, outputs = _predict(predict_in_frame, patches, _JOINTS, kept, batch, progress)
    return _truth_of_patches(labels, tuple(names)), Predictions(**outputs)


def run_frames(
    predict: FramePredictor,
    frames: Iterable[TwoHandFrame],
    *,
    batch: int = 32,
    progress: Progress = lambda count: None,
) -> tuple[TwoHandTruth, TwoHandPredictions]:
    """Predict frames of two hands and collect their truth beside them.

    Args:
        predict: `for_frames` of a model.
        frames: what it is shown, with their labels.
        batch: frames that are predicted together.
        progress: called with the number of frames each batch finished.

    Raises KnuckleError when there is no frame, an output is missing, or one is not finite or of the wrong shape.
    """
    labels, outputs = _predict(predict, frames, _JOINTS, _KEPT_OF_TWO, batch, progress)
    return _truth_of_frames(labels), TwoHandPredictions(**outputs)


def _predict(
    predict: Callable[[list[Item]], Outputs],
    items: Iterable[Item],
    required: tuple[str, ...],
    kept: tuple[str, ...],
    batch: int,
    progress: Progress,
) -> tuple[list[Item], dict[str, np.ndarray]]:
    """Predict all items (patches or frames); the items without their pictures, and the outputs named in `kept`."""
    labels: list[Item] = []
    parts: list[dict[str, np.ndarray]] = []
    for chunk in _chunks(items, batch):
        outputs = predict(chunk)
        if missing := [name for name in required if name not in outputs]:
            names = " and ".join(required)
            raise KnuckleError(f"evaluation: expected a model that gives {names}, missing {missing}")
        parts.append({name: _as_number(name, outputs[name]) for name in kept if name in outputs})
        labels += [_without_picture(item) for item in chunk]
        progress(len(chunk))
    if not labels:
        raise KnuckleError("evaluation: expected at least one hand, got none")
    return labels, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items in order, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _as_number(name: str, values: np.ndarray) -> np.ndarray:
    # Thousands of meshes: single precision is exact to 0.1 µm and takes half the memory.
    return np.asarray(values, dtype=np.float32 if name in MESHES else float)


def _without_picture(item: Item) -> Item:
    if isinstance(item, Patch):
        return replace(item, pixels=_NO_PICTURE, photo=None)
    return replace(item, picture=_NO_PICTURE)


def _truth_of_patches(labels: list[Patch], names: tuple[str, ...]) -> Truth:
    def rows(name: str, last: int) -> np.ndarray:
        unlabelled = np.full((JOINT_COUNT, last), np.nan)
        values = (getattr(patch, name) for patch in labels)
        return np.stack([unlabelled if value is None else value for value in values])

    scales = [patch.scale_m for patch in labels if patch.scale_m is not None]
    return Truth(
        joints_px=rows("joints_px", 2),
        joints_m=rows("joints_m", 3),
        camera=np.stack([patch.camera for patch in labels]),
        vertices_m=_meshes(labels),
        scale_m=np.array(scales) if len(scales) == len(labels) else None,
        crop=np.stack([patch.crop for patch in labels]),
        names=names[: len(labels)],
    )


def _truth_of_frames(labels: list[TwoHandFrame]) -> TwoHandTruth:
    of_meshes = [frame.mesh_joints_m for frame in labels if frame.mesh_joints_m is not None]
    return TwoHandTruth(
        joints_px=np.stack([frame.joints_px for frame in labels]),
        joints_m=np.stack([frame.joints_m for frame in labels]),
        is_hand=np.stack([frame.is_hand for frame in labels]),
        camera=np.stack([frame.camera.vector for frame in labels]),
        vertices_m=_meshes(labels),
        mesh_joints_m=np.stack(of_meshes) if len(of_meshes) == len(labels) else None,
        names=tuple(frame.name for frame in labels),
        kinds=tuple(frame.kind for frame in labels),
    )


def _meshes(labels: Sequence[Patch] | Sequence[TwoHandFrame]) -> Float[np.ndarray, "N *hands V 3"] | None:
    """The true meshes, where every item has one of the same vertices."""
    meshes = [item.vertices_m for item in labels if item.vertices_m is not None]
    same = len(meshes) == len(labels) and len({mesh.shape for mesh in meshes}) == 1
    return np.stack(meshes).astype(np.float32) if same else None
