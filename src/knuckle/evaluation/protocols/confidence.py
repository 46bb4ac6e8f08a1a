"""Whether the confidence separates hands from pictures without one."""

import numpy as np
from jaxtyping import Float

from knuckle.evaluation.metrics import curves
from knuckle.evaluation.protocols.common import make_curve, share_score
from knuckle.evaluation.report import Report


def add_confidence(
    report: Report, hands: Float[np.ndarray, "P"], others: Float[np.ndarray, "N"], *, others_are: str
) -> Report:
    """The report with ROC-AUC and FPR@95TPR of the confidence, hands against patches without one.

    others_are: what the patches without a hand are, for the note. The threshold that keeps 95 % of the hands
    is noted.
    """
    false, true = curves.roc_curve(hands, others)
    auc = curves.roc_auc(hands, others)
    rate, threshold = curves.fpr_at_tpr(hands, others)
    scores = (
        share_score("confidence ROC-AUC", auc),
        share_score("confidence FPR @95 TPR", rate, better="lower"),
    )
    curve = make_curve(false, true, "false positive rate", "true positive rate", area=auc)
    note = (
        f"confidence: {len(hands)} hands against {len(others)} {others_are};"
        f" a threshold of {threshold:.3f} keeps 95 % of the hands"
    )
    return report.with_scores(scores, curves={"ROC": curve}, notes=(note,))
