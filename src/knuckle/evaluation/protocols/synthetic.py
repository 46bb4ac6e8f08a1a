"""Rendered right hands: the frozen synthetic benchmark, or any one-hand set `knuckle synth` wrote."""

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.protocols.common import joint_report
from knuckle.evaluation.protocols.mesh import add_mesh_scores
from knuckle.evaluation.report import Report


def report(
    truth: Truth,
    predictions: Predictions,
    *,
    model: str,
    name: str = "synthetic",
    notes: tuple[str, ...] = (),
) -> Report:
    """Errors of joints and vertices on rendered hands; none in px: a rendered frame has no resolution of its own.

    Args:
        truth: what was rendered.
        predictions: the model's answers.
        model: what the report calls the model.
        name: what the report calls the set.
        notes: what a reader must know to judge the figures.
    """
    protocol = (
        "Rendered right hands, crops as stored. 3D against the exact joints, root = wrist; vertices aligned apart from"
        " the joints; 2D error = mean joint distance over the longer side of the tight box of the true joints,"
        " occluded joints included."
    )
    result = joint_report(
        truth, predictions, benchmark=name, protocol=protocol, model=model, notes=notes, with_epe=False
    )
    return result if truth.vertices_m is None else add_mesh_scores(result, truth, predictions)
