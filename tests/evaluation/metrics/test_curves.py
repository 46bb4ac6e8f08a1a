"""PCK, ROC and their areas against cases worked out by hand."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.curves import PCK_3D_M, area, fpr_at_tpr, pck_curve, roc_auc, roc_curve


def test_thresholds_are_the_official_ones():
    assert len(PCK_3D_M) == 100 and PCK_3D_M[0] == 0 and PCK_3D_M[-1] == 0.05


def test_pck_counts_errors_up_to_and_including_the_threshold():
    errors = np.array([[1.0, 2.0], [3.0, 2.0]])
    assert pck_curve(errors, np.array([0.5, 1, 2, 3])) == pytest.approx([0, 0.25, 0.75, 1])


def test_pck_averages_keypoints_after_samples():
    # One keypoint labelled once and missed, the other labelled twice and hit.
    errors = np.array([[9.0, 0.0], [np.nan, 0.0]])
    assert pck_curve(errors, np.array([1.0])) == pytest.approx([0.5])
    with pytest.raises(KnuckleError, match="at least one labelled joint"):
        pck_curve(np.full((2, 2), np.nan), np.array([1.0]))


def test_auc_of_a_perfect_prediction_and_of_a_constant_error():
    assert area(PCK_3D_M, pck_curve(np.zeros((4, 21)))) == 1
    assert area(PCK_3D_M, pck_curve(np.full((4, 21), 0.06))) == 0
    # The curve jumps from 0 to 1 at 25 mm: half the area, but for half a step.
    assert area(PCK_3D_M, pck_curve(np.full((4, 21), 0.025))) == pytest.approx(0.5, abs=0.006)


@pytest.mark.parametrize(
    ("hands", "others", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1, 0.2], [0.9, 0.8], 0.0),
        ([0.5, 0.5], [0.5, 0.5, 0.5], 0.5),
        ([0.7, 0.5], [0.5, 0.3], 0.875),  # three of four pairs won, one tied
    ],
)
def test_roc_auc_with_ties(hands, others, expected):
    assert roc_auc(np.array(hands), np.array(others)) == pytest.approx(expected)


def test_roc_auc_equals_the_count_over_pairs():
    rng = np.random.default_rng(0)
    hands, others = rng.integers(2, 12, 60) / 10, rng.integers(0, 9, 45) / 10
    pairs = (hands[:, None] > others) + 0.5 * (hands[:, None] == others)
    assert roc_auc(hands, others) == pytest.approx(pairs.mean())


def test_roc_runs_from_corner_to_corner():
    false, true = roc_curve(np.array([0.9, 0.4]), np.array([0.4, 0.1]))
    assert false.tolist() == [0, 0, 0.5, 1] and true.tolist() == [0, 0.5, 1, 1]


def test_false_positives_where_95_percent_of_hands_are_kept():
    hands = np.arange(1, 101) / 100
    rate, threshold = fpr_at_tpr(hands, np.array([0.05, 0.06, 0.5, 0.01]))
    assert threshold == pytest.approx(0.06) and rate == 0.5


def test_scores_that_are_missing_or_not_finite_are_refused():
    with pytest.raises(KnuckleError, match="negatives: expected a non-empty vector"):
        roc_auc(np.ones(3), np.zeros(0))
    with pytest.raises(KnuckleError, match="positives"):
        fpr_at_tpr(np.array([np.nan]), np.ones(2))
