"""Crops of two interacting hands: InterHand2.6M's protocol, and the same answers at their own depths."""

import math
from itertools import zip_longest

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.joints import box_errors, class_means, keypoint_mean, sample_means
from knuckle.evaluation.metrics.meshes import overlap_volumes
from knuckle.evaluation.metrics.two_hands import (
    mesh_errors,
    mrrpe,
    scaled_mpjpe,
    with_root_depth,
    wrist_errors,
)
from knuckle.evaluation.protocols.common import (
    BOX,
    BOX_FRACTIONS,
    MM,
    PCK_2D,
    PERCENT,
    error_score,
    make_curve,
    pck_3d,
    share_score,
)
from knuckle.evaluation.protocols.confidence import add_presence
from knuckle.evaluation.report import Curve, Report, Score
from knuckle.rig.load import load_rig
from knuckle.skeleton import JOINT_COUNT, WRIST

MPJPE = "MPJPE"
OWN = "own depth"
MRRPE = "MRRPE"
SCALED = "MPJPE scaled"
MPVPE = "MPVPE"
OVERLAP = "penetration"

_PROTOCOL = (
    "Each hand after its own wrist; the mean over crops of each of the 42 joints, then over joints (InterHand2.6M);"
    " single: crops of one hand, two: of both. MPJPE: the 2.5D answer lifted at the true depths of the wrists;"
    f" {OWN}: as the model places it. {MRRPE}: left wrist seen from the right one, as the model places them; right"
    " depth given: the right wrist at its true depth. Scaled: crops of both, middle MCPs laid together, palms made as"
    f" long as the true ones, own depth; of the mesh: by the mesh's own joints. {MPVPE}: mean distance of a hand's"
    " vertices, after the wrist of its mesh, neither turned nor scaled. 2D error = mean joint distance over the longer"
    " side of the tight box of the true joints of that hand."
)


def report(
    truth: TwoHandTruth,
    predictions: TwoHandPredictions,
    *,
    model: str,
    benchmark: str,
    protocol: str,
    threshold: float = 0.5,
    notes: tuple[str, ...] = (),
) -> Report:
    """3D errors where the truth has 3D, 2D errors, whether the model knows which hands are there, and how far its
    meshes run into each other.

    Args:
        truth: labels of N crops.
        predictions: the model's answers.
        model: what the report calls the model.
        benchmark: what the report calls the benchmark.
        protocol: where crops and sides come from.
        threshold: the confidence from which on a hand counts as seen.
        notes: what a reader must know to judge the figures.
    """
    result = Report(
        benchmark,
        f"{protocol} {_PROTOCOL}",
        model,
        len(truth),
        (),
        names=tuple(f"{n} {k}".strip() for n, k in zip_longest(truth.names, truth.kinds, fillvalue="")),
        notes=notes,
        counted="crop",
    )
    if truth.has_3d:
        result = _add_3d(result, truth, predictions)
    result = _add_2d(result, truth, predictions)
    if predictions.confidence is not None:
        result = add_presence(result, predictions.confidence, truth.is_hand, threshold=threshold)
    return _add_overlap(_add_meshes(result, truth, predictions), truth, predictions)


def _add_3d(report: Report, truth: TwoHandTruth, predictions: TwoHandPredictions) -> Report:
    wrist_m = np.nan_to_num(truth.joints_m[..., WRIST, 2])
    own = predictions.joints_m
    between = np.diff(own[..., WRIST, 2], axis=1)
    at_truth, right_given = (
        with_root_depth(predictions.joints_px, own, truth.camera, depth)
        for depth in (wrist_m, np.concatenate([wrist_m[:, :1], wrist_m[:, :1] + between], axis=1))
    )
    scores: list[Score] = []
    found: dict[str, Curve] = {}
    for suffix, joints_m in (("", at_truth), (f" {OWN}", own)):
        errors = wrist_errors(truth.joints_m, joints_m, truth.is_hand)
        scores += _by_hands(f"{MPJPE} {{}}{suffix}", errors, truth.is_hand)
        found[f"PCK 3D root-relative{suffix}"] = curve = pck_3d(errors)
        scores.append(share_score(f"AUC 0-50 mm{suffix}", curve.area))
    places = (mrrpe(truth.joints_m, joints, truth.is_hand) for joints in (own, right_given))
    both = zip((MRRPE, f"{MRRPE} right depth given"), places, strict=True)
    scores += [Score(name, value, "mm", "lower") for name, value in both]
    scores.append(Score(SCALED, scaled_mpjpe(truth.joints_m, own, truth.is_hand), "mm", "lower"))
    report = report.with_scores(tuple(s for s in scores if math.isfinite(s.value)), curves=found)
    errors = wrist_errors(truth.joints_m, at_truth, truth.is_hand) * MM
    report.by_class["MPJPE (mm)"] = class_means(errors.reshape(-1, JOINT_COUNT))
    kinds = np.array(truth.kinds)
    report.by_kind["MPJPE (mm)"] = {
        k: keypoint_mean(errors[kinds == k]) for k in sorted(set(truth.kinds)) if k
    }
    report.samples["mpjpe_mm"] = sample_means(errors).tolist()
    return report


def _by_hands(name: str, errors: Float[np.ndarray, "N 42"], is_hand: np.ndarray) -> list[Score]:
    hands = is_hand.sum(axis=1)
    rows = {"all": hands > 0, "single": hands == 1, "two": hands == 2}
    return [error_score(name.format(k), errors[rows], "mm", MM) for k, rows in rows.items() if rows.any()]


def _add_2d(report: Report, truth: TwoHandTruth, predictions: TwoHandPredictions) -> Report:
    errors = np.full(truth.joints_px.shape[:3], np.nan)
    errors[truth.is_hand] = box_errors(truth.joints_px[truth.is_hand], predictions.joints_px[truth.is_hand])
    of_hands = errors[truth.is_hand]
    shares = curves.pck_curve(of_hands, np.array(PCK_2D))
    scores = [error_score(BOX, of_hands, "% of box", PERCENT)]
    scores += [share_score(f"PCK @{t:g} of box", float(v)) for t, v in zip(PCK_2D, shares, strict=True)]
    curve = make_curve(
        BOX_FRACTIONS * PERCENT, curves.pck_curve(of_hands, BOX_FRACTIONS), "threshold (% of box)", "PCK"
    )
    report = report.with_scores(tuple(scores), curves={"PCK 2D": curve})
    report.by_class["2D (% of box)"] = {k: v * PERCENT for k, v in class_means(of_hands).items()}
    report.samples["error_2d_percent"] = (sample_means(errors.reshape(len(errors), -1)) * PERCENT).tolist()
    return report


def _add_meshes(report: Report, truth: TwoHandTruth, predictions: TwoHandPredictions) -> Report:
    """Errors of the vertices, where data and model have meshes of one rig."""
    true_m, found_m = truth.vertices_m, predictions.vertices_m
    if not truth.has_3d or true_m is None or found_m is None or true_m.shape != found_m.shape:
        return report
    own = predictions.joints_m if predictions.mesh_joints_m is None else predictions.mesh_joints_m
    given = (true_m, found_m, truth.joints_m, own, truth.is_hand)
    errors = mesh_errors(*given)
    scores = _by_hands(f"{MPVPE} {{}}", errors, truth.is_hand)
    if truth.is_hand.all(axis=1).any():
        both = mesh_errors(*given, scaled=True)[truth.is_hand.all(axis=1)]
        scores.append(error_score(f"{MPVPE} scaled", both, "mm", MM))
        if predictions.mesh_joints_m is not None:
            value = scaled_mpjpe(truth.joints_m, own, truth.is_hand)
            scores.append(Score(f"{SCALED} of the mesh", value, "mm", "lower"))
    report.samples["mpvpe_mm"] = (sample_means(errors) * MM).tolist()
    return report.with_scores(tuple(score for score in scores if math.isfinite(score.value)))


def _add_overlap(report: Report, truth: TwoHandTruth, predictions: TwoHandPredictions) -> Report:
    """The volume inside both meshes, over crops of both hands; of the open rig's meshes alone, which are closed."""
    both = truth.is_hand.all(axis=1)
    faces = load_rig("open").faces
    vertex_count = int(faces.max()) + 1

    def volumes(vertices_m: np.ndarray | None) -> np.ndarray | None:
        if vertices_m is None or vertices_m.shape[2] != vertex_count or not both.any():
            return None
        return overlap_volumes(vertices_m[both, 0], vertices_m[both, 1], faces, faces)

    found = volumes(predictions.vertices_m)
    if found is None:
        return report
    score = Score(OVERLAP, float(found.mean()), "cm³", "lower", float(np.median(found)))
    note = f"{OVERLAP}: volume inside both meshes, mean over the {len(found)} crops of both hands, columns of 2x2 mm"
    true = volumes(truth.vertices_m)
    if true is not None:
        note += f"; the true meshes: {true.mean():.2f} cm³"
    return report.with_scores((score,), notes=(note,))
