"""Two-hand metrics against numbers worked out by hand."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.metrics.presence import ghost_rate, missed_rate, side_accuracy
from knuckle.evaluation.metrics.two_hands import (
    mesh_errors,
    mpjpe,
    mrrpe,
    scaled_mpjpe,
    with_root_depth,
    wrist_errors,
)
from knuckle.evaluation.protocols.two_hands import report

BOTH, RIGHT, LEFT, NONE = [True, True], [True, False], [False, True], [False, False]


def hands(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    place = np.array([0, 0, 0.6]) + rng.uniform(-0.1, 0.1, (count, 2, 1, 3))
    return place + rng.uniform(-0.08, 0.08, (count, 2, 21, 3))


def test_each_hand_is_laid_on_its_own_wrist():
    truth = hands(3)
    moved = truth + np.random.default_rng(1).normal(0, 0.2, (3, 2, 1, 3))
    errors = mpjpe(truth, moved, np.array([BOTH, RIGHT, LEFT]))
    assert np.allclose(errors, 0, atol=1e-9)
    assert mrrpe(truth, moved, np.array([BOTH, RIGHT, LEFT])) > 10


def test_single_two_and_all():
    truth = hands(3)
    predicted = truth.copy()
    # 21 mm at one joint of one hand: one of the 42 joint means, over the samples that have this hand.
    predicted[0, 0, 5] += [0.021, 0, 0]
    predicted[1, 0, 5] += [0, 0.042, 0]
    errors = mpjpe(truth, predicted, np.array([BOTH, RIGHT, LEFT]))
    # Both: joint 5 of the right hand 21 mm, 41 joints 0.
    assert errors.two_mm == pytest.approx(21 / 42)
    # Single: the right hand's joints come from sample 1 alone, the left one's from sample 2.
    assert errors.single_mm == pytest.approx(42 / 42)
    assert errors.all_mm == pytest.approx((21 + 42) / 2 / 42)


def test_joints_are_averaged_over_samples_first():
    truth = hands(3)
    predicted = truth.copy()
    predicted[:, 0, 5, 0] += 0.03
    truth[0, 0, 5] = np.nan
    is_hand = np.array([BOTH, RIGHT, RIGHT])
    # Joint 5 counts twice instead of three times, and still weighs one 42nd.
    assert mpjpe(truth, predicted, is_hand).all_mm == pytest.approx(30 / 42)
    assert np.isnan(wrist_errors(truth, predicted, is_hand)[1:, 21:]).all()


def test_samples_that_are_not_there_give_nan():
    truth = hands(2)
    errors = mpjpe(truth, truth, np.array([RIGHT, NONE]))
    assert np.isnan(errors.two_mm) and errors.single_mm == 0 and errors.all_mm == 0
    assert np.isnan(mrrpe(truth, truth, np.array([RIGHT, NONE])))
    assert np.isnan(scaled_mpjpe(truth, truth, np.array([RIGHT, NONE])))


def test_mrrpe_is_the_left_wrist_seen_from_the_right_one():
    truth = hands(3)
    predicted = truth + 0.5
    predicted[0, 1] += [0.03, 0, 0.04]
    predicted[2] += np.random.default_rng(0).normal(size=(2, 21, 3))
    assert mrrpe(truth, predicted, np.array([BOTH, BOTH, LEFT])) == pytest.approx(50 / 2)


def test_scaled_variant_forgives_size_and_place_of_each_hand():
    truth = hands(3)
    size = np.random.default_rng(3).uniform(0.5, 2, (3, 2, 1, 1))
    predicted = size * truth
    is_hand = np.array([BOTH, BOTH, RIGHT])
    assert scaled_mpjpe(truth, predicted, is_hand) == pytest.approx(0, abs=1e-9)
    assert mpjpe(truth, predicted, is_hand).two_mm > 5
    # The right middle MCPs thrown to the other side of their wrists: as the root, they move 20 of 21 joints.
    predicted = truth.copy()
    predicted[:, 0, 9] = 2 * truth[:, 0, 0] - truth[:, 0, 9]
    thrown = 2 * np.linalg.norm(truth[:2, 0, 9] - truth[:2, 0, 0], axis=-1)
    assert scaled_mpjpe(truth, predicted, is_hand) == pytest.approx(1e3 * thrown.mean() * 20 / 21 / 2)
    predicted = truth.copy()
    predicted[:, 0, 12] += [0, 0.042, 0]
    # 42 mm at 1 of 21 right joints is 2 mm; the left hand's 0 halves it.
    assert scaled_mpjpe(truth, predicted, is_hand) == pytest.approx(1)
    predicted[0, 1, 9] = predicted[0, 1, 0]
    with pytest.raises(KnuckleError, match="got 0 in 1 samples"):
        scaled_mpjpe(truth, predicted, is_hand)


def meshes(joints_m: np.ndarray) -> np.ndarray:
    """A surface of 30 points round each hand's wrist."""
    away = np.random.default_rng(5).uniform(-0.1, 0.1, (30, 3))
    return joints_m[:, :, :1] + away


def test_vertices_are_laid_on_the_wrist_and_neither_turned_nor_scaled():
    truth, is_hand = hands(3), np.array([BOTH, BOTH, RIGHT])
    surface, apart = meshes(truth), np.array([0.3, -0.2, 0.1])
    errors = mesh_errors(surface, surface + apart, truth, truth + apart, is_hand)
    assert np.allclose(errors[is_hand], 0) and np.isnan(errors[2, 1])
    away = surface + np.array([0.0, 0.003, 0.004])
    assert np.allclose(mesh_errors(surface, away, truth, truth, is_hand)[is_hand], 0.005)
    larger, joints = 1.2 * surface, 1.2 * truth
    assert (mesh_errors(surface, larger, truth, joints, is_hand)[is_hand] > 1e-3).all()
    scaled = mesh_errors(surface, larger, truth, joints, is_hand, scaled=True)
    assert np.allclose(scaled[is_hand], 0, atol=1e-12)
    with pytest.raises(KnuckleError, match="vertices_m"):
        mesh_errors(surface, np.full_like(surface, np.nan), truth, truth, is_hand)


def test_the_report_of_meshes_asks_their_own_joints():
    truth_m, is_hand = hands(3), np.array([BOTH, BOTH, RIGHT])
    camera = np.tile([500.0, 500.0, 160.0, 120.0], (3, 1))
    px = truth_m[..., :2] / truth_m[..., 2:] * 500 + [160, 120]
    truth = TwoHandTruth(px, truth_m, is_hand, camera, meshes(truth_m))
    # The joints beside the mesh are 10 mm off at every joint but the wrist.
    beside = truth_m + 0.01 * (np.arange(21) > 0)[:, None] * np.array([0.0, 1.0, 0.0])
    given = {"confidence": None, "vertices_m": meshes(truth_m) + 0.05}
    scores = {}
    for own in (None, truth_m + 0.05):
        answers = TwoHandPredictions(px, beside, **given, mesh_joints_m=own)
        found = report(truth, answers, model="m", benchmark="b", protocol="p")
        scores[own is None] = {score.name: score.value for score in found.scores}
    assert scores[False]["MPVPE all"] == pytest.approx(0, abs=1e-4)
    assert scores[False]["MPJPE scaled of the mesh"] == pytest.approx(0, abs=1e-4)
    assert scores[False]["MPJPE scaled"] > 1 and "MPJPE scaled of the mesh" not in scores[True]
    assert scores[True]["MPVPE two"] == pytest.approx(1e3 * 0.05 * 3**0.5, rel=1e-4)
    bare = report(truth, TwoHandPredictions(px, beside), model="m", benchmark="b", protocol="p")
    assert not [score for score in bare.scores if "MPVPE" in score.name]


def test_true_wrist_depths_keep_pixels_and_relative_depths():
    truth = hands(4)
    camera = np.tile([500.0, 520, 80, 60], (4, 1))
    pixels = truth[..., :2] / truth[..., 2:] * camera[:, None, None, :2] + camera[:, None, None, 2:]
    # The same 2.5D answer, 30 % too far away: x and y grow with depth, z stays relative to the wrist.
    depth = truth[..., 2] + 0.3 * truth[..., :1, 2]
    far = np.concatenate([truth[..., :2] * (depth / truth[..., 2])[..., None], depth[..., None]], -1)
    assert mpjpe(truth, far, np.ones((4, 2), bool)).all_mm > 5
    assert np.allclose(with_root_depth(pixels, far, camera, truth[:, :, 0, 2]), truth)


def test_wrong_shapes_and_nan_are_refused():
    truth, is_hand = hands(2), np.array([BOTH, RIGHT])
    with pytest.raises(
        KnuckleError, match=r"joints_m: expected predictions shaped \(2, 2, 21, 3\), got \(2, 42, 3\)"
    ):
        mpjpe(truth, truth.reshape(2, 42, 3), is_hand)
    with pytest.raises(KnuckleError, match=r"ground truth shaped \(2, 2, 21, 3\), got \(2, 1, 21, 3\)"):
        mrrpe(truth[:, :1], truth, is_hand)
    with pytest.raises(KnuckleError, match=r"is_hand: expected bool \(2, 2\), got int64 \(2, 2\)"):
        scaled_mpjpe(truth, truth, is_hand.astype(np.int64))
    with pytest.raises(KnuckleError, match=r"is_hand: expected bool \(2, 2\), got bool \(2,\)"):
        mpjpe(truth, truth, is_hand[:, 0])
    # Of an absent hand too: it would hide a broken model.
    broken = truth.copy()
    broken[1, 1, 3, 2] = np.nan
    for metric in (mpjpe, mrrpe, scaled_mpjpe):
        with pytest.raises(KnuckleError, match="NaN or infinity in 1 of 2"):
            metric(truth, broken, is_hand)


def test_ghosts_and_missed_hands_are_counted():
    is_hand = np.array([RIGHT, RIGHT, LEFT, BOTH, NONE])
    confidence = np.array([[0.9, 0.1], [0.2, 0.5], [0.3, 0.4], [0.9, 0.3], [0.9, 0.9]])
    # Absent hands of the three crops of one: 0.1, 0.5 (at the threshold: seen), 0.3.
    assert ghost_rate(confidence, is_hand, threshold=0.5) == pytest.approx(1 / 3)
    # Hands that are there: 0.9, 0.2, 0.4, 0.9, 0.3.
    assert missed_rate(confidence, is_hand, threshold=0.5) == pytest.approx(3 / 5)
    assert side_accuracy(confidence, is_hand) == pytest.approx(2 / 3)
    assert side_accuracy(np.full((5, 2), 0.5), is_hand) == 0
    assert np.isnan(ghost_rate(confidence[3:], is_hand[3:], threshold=0.5))
    with pytest.raises(KnuckleError, match="confidence: expected finite"):
        ghost_rate(confidence[:, :1], is_hand, threshold=0.5)
    with pytest.raises(KnuckleError, match=r"is_hand: expected bool \(5, 2\)"):
        missed_rate(confidence, is_hand[:3], threshold=0.5)
