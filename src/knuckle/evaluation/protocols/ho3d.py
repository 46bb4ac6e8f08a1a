"""HO-3D's official evaluation (Hampali et al. 2020), and its submission file."""

import json
from pathlib import Path

import numpy as np

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics.joints import scale_translation_errors
from knuckle.evaluation.protocols.common import MM, error_score, joint_report, pck_3d, share_score
from knuckle.evaluation.protocols.freihand import require_mano
from knuckle.evaluation.protocols.mesh import add_mesh_scores
from knuckle.evaluation.report import Report
from knuckle.files import atomic_path
from knuckle.geometry.camera import OPENGL_FROM_CAMERA
from knuckle.skeleton import convert_joints


def report(truth: Truth, predictions: Predictions, *, model: str) -> Report:
    """Official scores: aligned by scale and translation (bone wrist - middle MCP), and by Procrustes."""
    protocol = (
        "HO-3D evaluation; the dataset's boxes. Scale and translation alignment as the official script:"
        " the bone wrist - middle MCP made as long as the true one, wrists laid together; PA with reflection."
    )
    errors = scale_translation_errors(truth.joints_m, predictions.joints_m)
    curve = pck_3d(errors)
    scores = (
        error_score("MJE scale-translation aligned", errors, "mm", MM),
        share_score("AUC 0-50 mm scale-translation aligned", curve.area),
    )
    result = joint_report(truth, predictions, benchmark="HO-3D", protocol=protocol, model=model)
    result = result.with_scores(scores, curves={"PCK 3D scale-translation": curve})
    return add_mesh_scores(result, truth, predictions)


def write_submission(path: str | Path, predictions: Predictions) -> None:
    """The server's pred.json: [joints, vertices], metres, OpenGL camera frame, joints in MANO's order."""
    require_mano(predictions, what=str(path))
    vertices = np.asarray(predictions.vertices_m)
    if not (predictions.joints_m[..., 2] > 0).all():
        raise KnuckleError(f"{path}: expected hands before the camera, got joints with z <= 0")
    joints = convert_joints(predictions.joints_m, source="common", target="ho3d") * OPENGL_FROM_CAMERA
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps([np.round(x, 6).tolist() for x in (joints, vertices * OPENGL_FROM_CAMERA)])
        )
