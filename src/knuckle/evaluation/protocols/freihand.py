"""FreiHAND's official evaluation (Zimmermann et al. 2019), and its submission file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics.joints import absolute_errors
from knuckle.evaluation.protocols.common import MM, error_score, joint_report
from knuckle.evaluation.protocols.mesh import add_mesh_scores
from knuckle.evaluation.report import Report
from knuckle.files import atomic_path
from knuckle.geometry.projection import lift, project, root_depth_from_bone
from knuckle.skeleton import MIDDLE_MCP, WRIST

MANO_VERTICES = 778
Root = Literal["predicted", "scale"]

_PLACED = ("joints_m", "vertices_m", "rough_vertices_m", "mesh_joints_m")
_ROOTS: dict[Root, str] = {
    "predicted": "root depth: the model's own",
    "scale": "root depth: from the dataset's length of the bone 9-10 (Iqbal et al. 2018)",
}


def report(truth: Truth, predictions: Predictions, *, model: str, root: Root = "predicted") -> Report:
    """Official scores: joints and vertices each aligned by its own Procrustes fit, reflections allowed.

    root: "scale" replaces each hand's root depth by the one that gives the bone 9-10 the length that the dataset
    states, as 2.5D systems do; the back-projected joints and vertices are scored then. Vertex scores need a model with
    MANO's mesh.
    """
    if root not in _ROOTS:
        raise KnuckleError(f'root: expected "predicted" or "scale", got {root!r}')
    notes = [_ROOTS[root]]
    if root == "scale":
        predictions, failed = place_by_scale(truth, predictions)
        if failed:
            notes.append(f"{failed} hands kept the model's root depth: no depth gives their bone that length")
    protocol = (
        "FreiHAND evaluation; box from the ground truth. PA as the official script (reflections allowed),"
        " joints and vertices aligned apart; MPJPE with wrists laid together."
    )
    result = joint_report(
        truth, predictions, benchmark="FreiHAND", protocol=protocol, model=model, notes=tuple(notes)
    )
    absolute = error_score(
        "MPJPE camera space", absolute_errors(truth.joints_m, predictions.joints_m), "mm", MM
    )
    return add_mesh_scores(result.with_scores((absolute,)), truth, predictions)


def place_by_scale(truth: Truth, predictions: Predictions) -> tuple[Predictions, int]:
    """The predictions back-projected at the root depth that gives the bone 9-10 the dataset's length, and how many
    hands have no such depth and stay where they are.

    2D joints and depths relative to the wrist are those of the prediction. Vertices, too, keep their place in the
    picture and their depths relative to the wrist.
    """
    if truth.scale_m is None:
        raise KnuckleError(
            "root by scale: expected a dataset that states the bone length of each hand, got none"
        )
    moved = {name: value.copy() for name in _PLACED if (value := getattr(predictions, name)) is not None}
    failed = 0
    for i, (uv, vector) in enumerate(zip(predictions.joints_px, truth.camera, strict=True)):
        lens = np.asarray(vector, dtype=float)
        wrist = predictions.joints_m[i, WRIST, 2]
        relative = predictions.joints_m[i, :, 2] - wrist
        try:
            depth = root_depth_from_bone(
                uv, relative, lens, bone=(MIDDLE_MCP, MIDDLE_MCP + 1), length_m=float(truth.scale_m[i])
            )
        except KnuckleError:
            failed += 1
            continue
        for name, points in moved.items():
            before = points[i].astype(float)
            in_picture = uv if name == "joints_m" else project(before, lens)
            points[i] = lift(in_picture, before[:, 2] - wrist + depth, lens)
    return replace(predictions, **moved), failed


def require_mano(predictions: Predictions, *, what: str) -> None:
    """Raise KnuckleError unless predictions have MANO's mesh, which the servers take."""
    vertices = predictions.vertices_m
    if vertices is None or vertices.shape[1] != MANO_VERTICES:
        found = "none" if vertices is None else f"one of {vertices.shape[1]} vertices"
        raise KnuckleError(
            f"{what}: expected predictions with MANO's mesh of {MANO_VERTICES} vertices, got {found}"
        )


def write_submission(path: str | Path, predictions: Predictions) -> None:
    """The server's pred.json: [joints, vertices], metres, camera space, in the order of the evaluation
    pictures.
    """
    require_mano(predictions, what=str(path))
    joints, vertices = predictions.joints_m, np.asarray(predictions.vertices_m)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps([joints.tolist(), vertices.tolist()]))
