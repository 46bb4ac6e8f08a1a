"""Alignment of mesh and picture (HandAR, Sec. 4.2): silhouettes of the true and the predicted mesh compared."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, UInt8

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics.alignment import confusion, hausdorff_px, mean_iou, occupied
from knuckle.evaluation.metrics.silhouettes import REGIONS, LabelledFaces, region_map
from knuckle.evaluation.protocols.common import PERCENT, ROUGH
from knuckle.evaluation.report import Report, Score

SIZE = 224
"""Side of the drawn crops, px: FreiHAND's; Hausdorff distances are in these."""


def add_alignment(
    report: Report,
    truth: Truth,
    predictions: Predictions,
    meshes: Sequence[LabelledFaces],
    *,
    progress: Callable[[int], None] = lambda count: None,
) -> Report:
    """mIoU over the data set and mean Hausdorff distance, of whole hands and of palm and fingers; of a rough mesh too.

    Args:
        report: of the same hands, to which the scores are added.
        truth: with meshes and the crops that the model saw.
        predictions: with meshes.
        meshes: the topologies that these may have, each with another number of vertices.
        progress: called with 1 a hand.

    Raises KnuckleError where the truth or the model has no mesh, or one of another topology.
    """
    true, ours = truth.vertices_m, predictions.vertices_m
    if true is None or truth.crop is None:
        raise KnuckleError(f"alignment: expected data with a mesh a hand, {report.benchmark} has none")
    if ours is None:
        raise KnuckleError(f"alignment: expected a model that gives a mesh, {report.model} gives none")
    tallies = {"": (_Tally(), ours)}
    if predictions.rough_vertices_m is not None:
        tallies[ROUGH] = (_Tally(), predictions.rough_vertices_m)
    for i in range(len(truth)):
        seen = _draw(true[i], meshes, truth.crop[i], truth.camera[i])
        for tally, vertices in tallies.values():
            tally.add(seen, _draw(vertices[i], meshes, truth.crop[i], truth.camera[i]))
        progress(1)
    note = f"alignment: both meshes alone, drawn into the crop the model saw with {SIZE}x{SIZE} px"
    report = report.with_scores((), notes=(note,))
    for prefix, (tally, _) in tallies.items():
        report = report.with_scores(tally.scores(prefix), notes=tally.notes(prefix))
    return report


def require_mesh(benchmark: str, vertex_count: int, meshes: Sequence[LabelledFaces]) -> None:
    """Raise KnuckleError for data without a mesh (vertex_count 0), or with one whose triangles are not known."""
    if not vertex_count:
        raise KnuckleError(f"alignment: expected data with a mesh a hand, {benchmark} has none")
    if vertex_count not in (mesh.vertex_count for mesh in meshes):
        raise KnuckleError(
            f"alignment: {benchmark} has meshes of {vertex_count} vertices, whose triangles are not known;"
            " name your MANO_RIGHT.pkl by --mano"
        )


class _Tally:
    """Confusion of the pixels and Hausdorff distances, over the hands added."""

    def __init__(self) -> None:
        self.table = np.zeros((len(REGIONS), len(REGIONS)), np.int64)
        self.whole: list[float] = []
        self.regions: list[list[float]] = []

    def add(self, truth: UInt8[np.ndarray, "S S"], predicted: UInt8[np.ndarray, "S S"]) -> None:
        self.table += confusion(truth, predicted, len(REGIONS))
        window = occupied((truth > 0) | (predicted > 0))
        truth, predicted = truth[window], predicted[window]
        self.whole.append(hausdorff_px(truth > 0, predicted > 0))
        self.regions.append([hausdorff_px(truth == r, predicted == r) for r in range(1, len(REGIONS))])

    def scores(self, prefix: str) -> tuple[Score, ...]:
        of_region = np.array(self.regions)
        per_hand = np.array(
            [row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.nan for row in of_region]
        )
        return (
            Score(f"{prefix}mIoU hand", mean_iou(_two_classes(self.table)) * PERCENT, "%", "higher"),
            Score(f"{prefix}mIoU fingers", mean_iou(self.table) * PERCENT, "%", "higher"),
            _distance(f"{prefix}Hausdorff hand", np.array(self.whole)),
            _distance(f"{prefix}Hausdorff fingers", per_hand),
        )

    def notes(self, prefix: str) -> tuple[str, ...]:
        """How many distances do not exist."""
        lost = int(np.isnan(self.whole).sum())
        missing, total = int(np.isnan(self.regions).sum()), np.size(self.regions)
        if not missing:
            return ()
        return (
            f"{prefix}no Hausdorff distance for {lost} of {len(self.whole)} hands and {missing} of {total} palms and"
            " fingers: out of sight in the true or the predicted picture",
        )


def _distance(name: str, distances: Float[np.ndarray, "N"]) -> Score:
    """Mean and median over the hands that have one."""
    found = distances[np.isfinite(distances)]
    if not len(found):
        return Score(name, float("nan"), "px", "lower")
    return Score(name, float(found.mean()), "px", "lower", float(np.median(found)))


def _two_classes(table: np.ndarray) -> np.ndarray:
    """The confusion of background and hand."""
    rows = np.stack([table[0], table[1:].sum(axis=0)])
    return np.column_stack([rows[:, 0], rows[:, 1:].sum(axis=1)])


def _draw(
    vertices_m: np.ndarray, meshes: Sequence[LabelledFaces], crop: np.ndarray, camera: np.ndarray
) -> UInt8[np.ndarray, "S S"]:
    for mesh in meshes:
        if mesh.vertex_count == len(vertices_m):
            return region_map(vertices_m, mesh, crop, camera, size=SIZE)
    known = ", ".join(str(mesh.vertex_count) for mesh in meshes)
    raise KnuckleError(
        f"alignment: expected meshes of {known} vertices, whose triangles are known, got {len(vertices_m)}"
    )
