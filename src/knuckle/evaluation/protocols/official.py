"""What the official scripts of FreiHAND and HO-3D print, of points alone: neither pictures nor cameras are needed.

Every figure is the mean over hands of each point, then over points, but F, which is the mean over hands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.metrics.joints import (
    absolute_errors,
    class_means,
    keypoint_mean,
    procrustes_errors,
    root_relative_errors,
    sample_means,
    scale_translation_errors,
)
from knuckle.evaluation.metrics.meshes import f_scores
from knuckle.evaluation.metrics.procrustes import align_similarity
from knuckle.evaluation.protocols.common import (
    AUC,
    MM,
    PA,
    PA_RIGID,
    error_score,
    pck_3d,
    share_score,
)
from knuckle.evaluation.protocols.mesh import AUC_VERTICES, PA_VERTICES
from knuckle.evaluation.report import Curve, Report, Score
from knuckle.skeleton import MIDDLE_MCP, WRIST

CAMERA_SPACE = "camera space"
SCALED = "scale-translation aligned"
_CM = 1e2
_CHUNK = 256
"""Hands at a time: the alignment of thousands of meshes would take gigabytes."""


@dataclass(frozen=True, eq=False)
class Points:
    """Hands as a benchmark's file holds them, in our frame and order."""

    joints_m: Float[np.ndarray, "N 21 3"]
    """Camera frame, metres, common order."""
    vertices_m: Float[np.ndarray, "N V 3"] | None = None
    """Of MANO's mesh; None where there are none."""

    def __len__(self) -> int:
        return len(self.joints_m)


class ZeroPrediction(NamedTuple):
    """What a file of zeros scores, cm: the figure that FreiHAND's authors publish to check a copy by."""

    joints_cm: float
    joints_aligned_cm: float
    vertices_cm: float
    vertices_aligned_cm: float


def point_report(
    truth: Points,
    predicted: Points,
    *,
    benchmark: str,
    protocol: str,
    model: str,
    scaled: bool = False,
    names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    progress: Callable[[int], None] = lambda count: None,
) -> Report:
    """The figures of an official script, and MPJPE with the wrists laid together, which papers print beside them.

    Args:
        truth: of N hands.
        predicted: for the same hands.
        benchmark: what the report calls the benchmark.
        protocol: what it says of how is scored.
        model: what it calls the model.
        scaled: HO-3D's alignment by scale and translation too.
        names: what it calls the hands.
        notes: what a reader must know to judge the figures.
        progress: called with the number of hands whose meshes are compared.

    Raises KnuckleError for predictions that are not finite.
    """
    errors = {
        f"MPJPE {CAMERA_SPACE}": (
            f"AUC 0-50 mm {CAMERA_SPACE}",
            absolute_errors(truth.joints_m, predicted.joints_m),
        ),
        PA: (AUC, procrustes_errors(truth.joints_m, predicted.joints_m)),
        "MPJPE": ("AUC 0-50 mm root-relative", root_relative_errors(truth.joints_m, predicted.joints_m)),
    }
    if scaled:
        errors[f"MJE {SCALED}"] = (
            f"AUC 0-50 mm {SCALED}",
            server_scale_errors(truth.joints_m, predicted.joints_m),
        )
    scores: list[Score] = []
    curves: dict[str, Curve] = {}
    for name, (area, values) in errors.items():
        curves[f"PCK 3D, {name}"] = curve = pck_3d(values)
        scores += [error_score(name, values, "mm", MM), share_score(area, curve.area)]
        if name == PA:
            rigid = procrustes_errors(truth.joints_m, predicted.joints_m, reflection="forbidden")
            scores.append(error_score(PA_RIGID, rigid, "mm", MM))
    aligned = errors[PA][1]
    result = Report(
        benchmark, protocol, model, len(truth), tuple(scores), curves=curves, names=names, notes=notes
    )
    result.by_class[f"{PA} (mm)"] = {name: value * MM for name, value in class_means(aligned).items()}
    result.samples["pa_mpjpe_mm"] = (sample_means(aligned) * MM).tolist()
    return _add_vertices(result, truth.vertices_m, predicted.vertices_m, progress)


def server_scale_errors(
    truth_m: Float[np.ndarray, "N 21 3"], predicted_m: Float[np.ndarray, "N 21 3"]
) -> Float[np.ndarray, "N 21"]:
    """`scale_translation_errors`, and for hands whose predicted palm has no length what HO-3D's script gives: it then
    multiplies by the true length without having divided.
    """
    palm = np.linalg.norm(predicted_m[:, MIDDLE_MCP] - predicted_m[:, WRIST], axis=-1)
    true = np.linalg.norm(truth_m[:, MIDDLE_MCP] - truth_m[:, WRIST], axis=-1)
    errors = root_relative_errors(truth_m, predicted_m * true[:, None, None])
    there = palm > 0
    errors[there] = scale_translation_errors(truth_m[there], predicted_m[there])
    return errors


def zero_prediction(truth: Points) -> ZeroPrediction:
    """What a file of zeros scores against this truth; NaN for vertices where it has none."""
    found: list[float] = []
    for points in (truth.joints_m, truth.vertices_m):
        if points is None:
            found += [float("nan")] * 2
            continue
        # Aligned, all points lie on the centroid of the truth.
        distances = (points, points - points.mean(axis=1, keepdims=True))
        found += [keypoint_mean(np.linalg.norm(d, axis=-1)) * _CM for d in distances]
    return ZeroPrediction(*found)


def _add_vertices(
    result: Report,
    truth_m: np.ndarray | None,
    predicted_m: np.ndarray | None,
    progress: Callable[[int], None],
) -> Report:
    if truth_m is None or predicted_m is None:
        whose = "the truth here" if truth_m is None else "the file"
        return result.with_scores((), notes=(f"no vertex scores: {whose} has no vertices",))
    count = len(truth_m)
    errors = {False: np.zeros(truth_m.shape[:2]), True: np.zeros(truth_m.shape[:2])}
    near = {False: np.zeros((count, 2)), True: np.zeros((count, 2))}
    for start in range(0, count, _CHUNK):
        rows = slice(start, start + _CHUNK)
        true, found = truth_m[rows].astype(float), predicted_m[rows].astype(float)
        for aligned, points in ((False, found), (True, align_similarity(true, found))):
            errors[aligned][rows] = np.linalg.norm(points - true, axis=-1)
            near[aligned][rows] = f_scores(true, points)
        progress(len(true))
    scores: list[Score] = []
    curves: dict[str, Curve] = {}
    for aligned, name, area in (
        (False, f"MPVPE {CAMERA_SPACE}", f"AUC 0-50 mm vertices {CAMERA_SPACE}"),
        (True, PA_VERTICES, AUC_VERTICES),
    ):
        curves[f"PCK, {name}"] = curve = pck_3d(errors[aligned])
        scores += [error_score(name, errors[aligned], "mm", MM), share_score(area, curve.area)]
        means = near[aligned].mean(axis=0)
        suffix = " aligned" if aligned else ""
        scores += [share_score(f"F@{t}{suffix}", float(v)) for t, v in zip((5, 15), means, strict=True)]
    return result.with_scores(tuple(scores), curves=curves)
