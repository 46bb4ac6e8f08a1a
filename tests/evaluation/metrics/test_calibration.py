import math

import numpy as np
import pytest

from knuckle.evaluation.metrics.calibration import calibration_error, reliability_bins


def test_probabilities_that_come_true_have_no_error():
    said = np.repeat([0.2, 0.6, 0.9], 100)
    true = np.concatenate([np.arange(100) < share for share in (20, 60, 90)])
    assert calibration_error(said, true, bins=3) == pytest.approx(0)
    assert calibration_error(np.full(300, 0.95), true, bins=1) == pytest.approx(0.95 - 170 / 300)


def test_bins_are_of_equal_count_and_ordered():
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 1, 101) ** 3
    bins = reliability_bins(said, rng.uniform(0, 1, 101) < said)
    assert {each.cases for each in bins} == {10, 11} and sum(each.cases for each in bins) == 101
    assert [each.stated for each in bins] == sorted(each.stated for each in bins)


def test_fewer_cases_than_bins_and_none():
    assert len(reliability_bins(np.array([0.3, 0.8]), np.array([False, True]))) == 2
    assert math.isnan(calibration_error(np.zeros(0), np.zeros(0, dtype=bool)))
