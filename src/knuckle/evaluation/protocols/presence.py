"""Ghost partners, missed hands and handedness of a two-hand system."""

import math

import numpy as np
from jaxtyping import Bool, Float

from knuckle.evaluation.metrics.presence import ghost_rate, missed_rate, side_accuracy
from knuckle.evaluation.protocols.common import PERCENT
from knuckle.evaluation.report import Report, Score

GHOSTS = "ghost partners"
MISSED = "missed hands"
SIDES = "handedness"


def add_presence(
    report: Report,
    confidence: Float[np.ndarray, "N 2"],
    is_hand: Bool[np.ndarray, "N 2"],
    *,
    threshold: float,
) -> Report:
    """The report with the shares of crops of one hand where a second one is seen, of hands not seen, and of crops of
    one hand whose side is right. Shares of no crop are left out.
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
