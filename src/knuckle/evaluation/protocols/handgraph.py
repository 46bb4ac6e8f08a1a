"""Real photographs of an index (datasets/eval_dev.py): hand-graph-cnn's real-world test set, and any other
source.
"""

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.protocols.common import joint_report
from knuckle.evaluation.report import Report

SOURCE = "3d-hand-shape/hand-graph-cnn real_world_testset"
FEW = 20

_PROTOCOL = (
    "Box and side from the ground truth; left hands mirrored. 3D against the annotated joints, root = wrist."
    " 2D error = mean joint distance over the longer side of the tight box of the true joints."
)
_NOTES = (
    "one subject, one scene, left hands only, frames of one recording",
    "the annotation's bone lengths vary by about 10 %, some 4 mm a joint: smaller differences mean nothing",
)


def report(truth: Truth, predictions: Predictions, *, model: str) -> Report:
    """Ge et al. 2019's real-world test photographs (the part at hand)."""
    return joint_report(
        truth, predictions, benchmark="hand-graph", protocol=_PROTOCOL, model=model, notes=_NOTES
    )


def source_report(truth: Truth, predictions: Predictions, *, source: str, model: str) -> Report:
    """Any source of the index by the same measure; few hands are noted as no more than a smoke test."""
    if source == SOURCE:
        return report(truth, predictions, model=model)
    notes = (
        (f"{len(truth)} hand{'' if len(truth) == 1 else 's'}: a smoke test, not a claim",)
        if len(truth) < FEW
        else ()
    )
    return joint_report(truth, predictions, benchmark=source, protocol=_PROTOCOL, model=model, notes=notes)
