"""EgoDexter's protocol: hand-computed values, and a second implementation in loops."""

import math
from itertools import pairwise

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.metrics.joints import centroid_errors
from knuckle.evaluation.protocols import egodexter

TIPS = [4, 8, 12, 16, 20]


def scored(true_tips: np.ndarray, found_tips: np.ndarray, names: tuple[str, ...] = ()):
    """A report on tips alone (N, 5, 3), metres, NaN where not labelled."""
    joints, answers = np.full((len(true_tips), 21, 3), np.nan), np.full((len(true_tips), 21, 3), 0.5)
    joints[:, TIPS], answers[:, TIPS] = true_tips, found_tips
    camera = np.tile([600.0, 600, 320, 240], (len(joints), 1))
    px = joints[..., :2] / joints[..., 2:] * 600 + [320, 240]
    found_px = answers[..., :2] / answers[..., 2:] * 600 + [320, 240]
    return egodexter.report(Truth(px, joints, camera, names=names), Predictions(found_px, answers), model="m")


@pytest.fixture
def tips():
    return np.random.default_rng(3).uniform([-0.1, -0.1, 0.4], [0.1, 0.1, 0.5], (7, 5, 3))


def test_a_moved_hand_has_no_error_and_a_larger_one_none_once_scaled(tips):
    moved = scored(tips, tips + np.array([0.03, -0.02, 0.2]))
    # At the threshold 0 rounding decides: half a step of 99.
    assert moved["tip error"] < 1e-9 and moved["AUC 20-50 mm"] == 1 and moved["AUC 0-50 mm"] >= 1 - 0.5 / 99
    larger = scored(tips, 1.2 * tips)
    assert larger["tip error scaled"] < 1e-9 < 1 < larger["tip error"]


def test_by_hand():
    # Two tips 60 mm apart, found 20 mm apart: each lies 20 mm from where it should, seen from the middle.
    true = np.full((1, 5, 3), np.nan)
    true[0, 0], true[0, 3] = [-0.03, 0, 0.5], [0.03, 0, 0.5]
    found = np.full((1, 5, 3), 0.4)
    found[0, 0], found[0, 3] = [0.09, 0, 0.6], [0.11, 0, 0.6]
    report = scored(true, found)
    assert report["tip error"] == pytest.approx(20) and report["tip error scaled"] == pytest.approx(
        0, abs=1e-9
    )
    # Within every threshold from 20 mm on; of 100 thresholds from 0 to 50 mm, from the 41st (20.2 mm) on. The rise
    # between the 40th and the 41st counts half.
    assert report["AUC 20-50 mm"] == pytest.approx(1 - 0.5 / 99, abs=0.5 / 99 + 1e-9)
    assert report["AUC 0-50 mm"] == pytest.approx((99 - 40 + 0.5) / 99)


def test_it_is_what_loops_give(tips):
    rng = np.random.default_rng(5)
    found = tips + rng.normal(0, 0.02, tips.shape)
    tips[0, :3] = tips[1, 4] = np.nan
    report, hits, errors = (
        scored(tips, found),
        {t: [[] for _ in TIPS] for t in range(100)},
        [[] for _ in TIPS],
    )
    for true, answer in zip(tips, found, strict=True):
        known = [j for j in range(5) if not math.isnan(true[j, 0])]
        for j in known:
            apart = 0.0
            for axis in range(3):
                middle, own = (sum(p[i, axis] for i in known) / len(known) for p in (true, answer))
                apart += (answer[j, axis] - own - true[j, axis] + middle) ** 2
            errors[j].append(math.sqrt(apart))
            for t in range(100):
                hits[t][j].append(math.sqrt(apart) <= 0.02 + 0.03 * t / 99)
    assert report["tip error"] == pytest.approx(1e3 * np.mean([np.mean(row) for row in errors]))
    pck = [np.mean([np.mean(row) for row in hits[t]]) for t in range(100)]
    assert report["AUC 20-50 mm"] == pytest.approx(sum((a + b) / 2 for a, b in pairwise(pck)) / 99)


def test_subsets_and_lone_tips(tips):
    tips[6, 1:] = np.nan
    tips[5, 4] = np.nan
    names = ("Desk/00000", "Kitchen/00000", "Desk/00001", "Fruits/1", "Fruits/2", "Rotunda/3", "Rotunda/4")
    found = tips.copy()
    found[np.isnan(found)] = 0.5
    found[1] += np.random.default_rng(0).normal(0, 0.05, (5, 3))
    report = scored(tips, found, names)
    assert report.count == 6 and report.notes == ("1 hands with one labelled tip do not count",)
    assert report["tip error without Kitchen"] < 1e-9 < report["tip error"]
    # Five of the six hands have all tips; the wrong one is among them.
    per_finger = centroid_errors(tips[1:2], found[1:2])[0] * 1e3
    assert report["tip error five tips"] == pytest.approx(np.mean(per_finger) / 5)
    assert set(report.by_kind["tip error (mm)"]) == {"Desk", "Fruits", "Kitchen", "Rotunda"}


def test_tips_in_one_point_cannot_be_scaled(tips):
    with pytest.raises(KnuckleError, match="got all of a hand in one point"):
        centroid_errors(tips, np.full_like(tips, 0.5), scaled=True)
