"""Whether the confidence separates hands from pictures without one, and whether a two-hand system knows which hands are
there.
"""

import math

import numpy as np
from jaxtyping import Bool, Float

from knuckle.evaluation.metrics import curves
from knuckle.evaluation.metrics.presence import ghost_rate, missed_rate, side_accuracy
from knuckle.evaluation.protocols.common import PERCENT, make_curve, share_score
from knuckle.evaluation.report import Report, Score

GHOSTS = "ghost partners"
MISSED = "missed hands"
SIDES = "handedness"


def add_confidence(
    report: Report, hands: Float[np.ndarray, "P"], others: Float[np.ndarray, "N"], *, others_are: str
) -> Report:
    """The report with ROC-AUC and FPR@95TPR of the confidence, hands against patches without one.

    The threshold that keeps 95 % of the hands is noted.

    Args:
        report: of the hands.
        hands: the confidence of each hand.
        others: the confidence of each patch without a hand.
        others_are: what these patches are, for the note.
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


def add_presence(
    report: Report,
    confidence: Float[np.ndarray, "N 2"],
    is_hand: Bool[np.ndarray, "N 2"],
    *,
    threshold: float,
) -> Report:
    """The report with the shares of crops of one hand where a second one is seen, of hands not seen, and of crops of
    one hand whose side is right. Shares of no crop are left out.

    Args:
        report: of the same crops.
        confidence: that the right and that the left hand are there.
        is_hand: whether they are.
        threshold: the confidence from which on a hand counts as seen.
    """
    scores = (
        Score(GHOSTS, ghost_rate(confidence, is_hand, threshold=threshold) * PERCENT, "%", "lower"),
        Score(MISSED, missed_rate(confidence, is_hand, threshold=threshold) * PERCENT, "%", "lower"),
        Score(SIDES, side_accuracy(confidence, is_hand) * PERCENT, "%", "higher"),
    )
    alone = int((is_hand.sum(axis=1) == 1).sum())
    note = (
        f"a hand counts as seen from a confidence of {threshold:g} on;"
        f" {GHOSTS} and {SIDES}: over the {alone} crop{'' if alone == 1 else 's'} of one hand"
    )
    return report.with_scores(tuple(s for s in scores if math.isfinite(s.value)), notes=(note,))
