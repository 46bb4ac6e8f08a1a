"""Metrics against cases worked out by hand."""

import numpy as np
import pytest
import scipy.linalg
from scipy.spatial.transform import Rotation

from knuckle.errors import KnuckleError
from knuckle.evaluation.metrics.joints import (
    absolute_errors,
    box_errors,
    box_side,
    class_means,
    keypoint_mean,
    procrustes_errors,
    root_relative_errors,
    sample_means,
    scale_translation_errors,
)
from knuckle.evaluation.metrics.meshes import f_scores, nearest_distances
from knuckle.evaluation.metrics.procrustes import align_similarity


@pytest.fixture
def hands() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.05, (6, 21, 3)) + np.array([0.1, -0.05, 0.5])


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_perfect_prediction_has_no_error(hands):
    for errors in (procrustes_errors, root_relative_errors, absolute_errors, scale_translation_errors):
        assert errors(hands, hands).max() < 1e-12
    assert box_errors(hands[..., :2], hands[..., :2]).max() == 0


def test_procrustes_undoes_any_similarity(hands):
    moved = 1.7 * hands @ rotation(1).T + [0.3, -2, 1]
    for reflection in ("allowed", "forbidden"):
        assert procrustes_errors(hands, moved, reflection=reflection).max() < 1e-12
    assert root_relative_errors(hands, moved).mean() > 0.01


def test_reflected_hand_is_perfect_officially_and_wrong_without_reflections(hands):
    mirrored = hands * [-1, 1, 1]
    assert procrustes_errors(hands, mirrored).max() < 1e-12
    assert procrustes_errors(hands, mirrored, reflection="forbidden").mean() > 0.005


def test_reflection_free_alignment_equals_a_loop_over_scipy(hands):
    predicted = hands * [-1, 1, 1] + np.random.default_rng(5).normal(0, 0.01, hands.shape)
    aligned = align_similarity(hands, predicted, reflection=False)
    for truth, guess, ours in zip(hands, predicted, aligned, strict=True):
        a, b = truth - truth.mean(0), guess - guess.mean(0)
        turn, _ = Rotation.align_vectors(a, b)
        turned = turn.apply(b)
        scale = (a * turned).sum() / (turned**2).sum()
        assert np.allclose(ours, scale * turned + truth.mean(0), atol=1e-9)


def test_official_alignment_equals_scipys_orthogonal_procrustes(hands):
    predicted = hands + np.random.default_rng(5).normal(0, 0.02, hands.shape)
    for truth, guess, ours in zip(hands, predicted, align_similarity(hands, predicted), strict=True):
        a, b = truth - truth.mean(0), guess - guess.mean(0)
        r, s = scipy.linalg.orthogonal_procrustes(a / np.linalg.norm(a), b / np.linalg.norm(b))
        expected = b / np.linalg.norm(b) @ r.T * s * np.linalg.norm(a) + truth.mean(0)
        assert np.allclose(ours, expected, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_collapsed_prediction_lands_on_the_centroid(hands, value):
    errors = procrustes_errors(hands, np.full_like(hands, value))
    assert np.allclose(errors, np.linalg.norm(hands - hands.mean(1, keepdims=True), axis=-1))


def test_alignment_ignores_what_is_not_labelled(hands):
    truth, predicted = hands.copy(), 2 * hands @ rotation(2).T
    truth[:, 20] = np.nan
    predicted[:, 20] += 5
    errors = procrustes_errors(truth, predicted)
    assert np.isnan(errors[:, 20]).all() and errors[:, :20].max() < 1e-12


def test_one_moved_joint_counts_one_twentyfirst(hands):
    predicted = hands.copy()
    predicted[:, 8] += [0.003, 0, 0.004]
    errors = root_relative_errors(hands, predicted)
    assert keypoint_mean(errors) == pytest.approx(0.005 / 21)
    assert class_means(errors) == pytest.approx({"W": 0, "M": 0, "P": 0, "D": 0, "T": 0.001}, abs=1e-12)
    assert sample_means(errors) == pytest.approx(np.full(6, 0.005 / 21))


def test_moving_the_wrist_alone_moves_every_other_joint(hands):
    predicted = hands.copy()
    predicted[:, 0] += [0, 0, 0.021]
    assert keypoint_mean(root_relative_errors(hands, predicted)) == pytest.approx(0.020)


def test_box_error_is_a_share_of_the_longer_side():
    truth = np.zeros((1, 21, 2))
    truth[0, 1] = [40, 10]
    truth[0, 2] = [0, 25]
    predicted = truth + np.array([3, 4])
    assert box_side(truth) == pytest.approx([40])
    assert box_errors(truth, predicted) == pytest.approx(np.full((1, 21), 5 / 40))


def test_box_of_partly_labelled_joints():
    truth = np.full((1, 21, 2), np.nan)
    truth[0, :2] = [[0, 0], [10, 20]]
    errors = box_errors(truth, np.zeros((1, 21, 2)))
    assert errors[0, 0] == 0 and errors[0, 1] == pytest.approx(np.hypot(10, 20) / 20)
    assert np.isnan(errors[0, 2:]).all()
    assert keypoint_mean(errors) == pytest.approx(np.hypot(10, 20) / 40)


def test_scale_translation_alignment_uses_one_bone_only(hands):
    predicted = 0.25 * hands + [1, 2, 3]
    assert scale_translation_errors(hands, predicted).max() < 1e-12
    predicted = hands.copy()
    predicted[:, 9] = predicted[:, 0] + 2 * (hands[:, 9] - hands[:, 0])
    # The middle MCP twice as far halves the hand: the others are off by half their distance from the wrist.
    expected = np.linalg.norm(hands - hands[:, :1], axis=-1) / 2
    expected[:, 9] = 0
    assert np.allclose(scale_translation_errors(hands, predicted), expected)


def test_scale_translation_alignment_of_nothing_is_refused(hands):
    with pytest.raises(KnuckleError, match="some length, got 0 in 6 samples"):
        scale_translation_errors(hands, np.zeros_like(hands))


@pytest.mark.parametrize("function", [procrustes_errors, root_relative_errors, absolute_errors])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_refused(hands, function, bad):
    predicted = hands.copy()
    predicted[[1, 4], 3, 2] = bad
    with pytest.raises(KnuckleError, match="NaN or infinity in 2 of 6 samples"):
        function(hands, predicted)


def test_wrong_shapes_are_refused(hands):
    with pytest.raises(KnuckleError, match=r"expected a prediction shaped \(6, 21, 3\), got \(5, 21, 3\)"):
        procrustes_errors(hands, hands[:5])
    with pytest.raises(KnuckleError, match=r"expected ground truth \(..., K, 3\)"):
        root_relative_errors(hands[..., :2], hands[..., :2])
    with pytest.raises(KnuckleError, match='expected "allowed" or "forbidden"'):
        procrustes_errors(hands, hands, reflection="maybe")
    with pytest.raises(KnuckleError, match="span a box"):
        box_errors(np.ones((1, 21, 2)), np.ones((1, 21, 2)))


def test_batch_dimensions_are_free(hands):
    batched = hands.reshape(2, 3, 21, 3)
    guess = batched + np.random.default_rng(1).normal(0, 0.01, batched.shape)
    for errors in (procrustes_errors, root_relative_errors, scale_translation_errors):
        flat = errors(hands, guess.reshape(6, 21, 3))
        assert np.allclose(errors(batched, guess), flat.reshape(2, 3, 21))


def test_f_score_by_hand():
    truth = np.array([[[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]]]) * 0.1
    predicted = truth + np.array([[[0, 0, 0.001], [0, 0, 0.010], [0, 0, 0.005], [0, 0, 0.03]]])
    # Strictly nearer than 5 mm: the first alone; than 15 mm: three of four; both ways alike.
    assert f_scores(truth, predicted) == pytest.approx(np.array([[0.25, 0.75]]))


def test_f_score_of_meshes_with_different_vertices():
    truth = np.array([[[0, 0, 0], [0.1, 0, 0]]])
    predicted = np.array([[[0, 0, 0.001], [0, 0, 0.002], [0.5, 0, 0]]])
    # Half the truth is found, two thirds of the prediction are right: 2 * 1/2 * 2/3 / (7/6).
    assert f_scores(truth, predicted)[0] == pytest.approx([4 / 7, 4 / 7])
    assert f_scores(truth, predicted + 10)[0] == pytest.approx([0, 0])


def test_nearest_distance_against_the_full_table():
    rng = np.random.default_rng(0)
    # Metres from the origin, where single precision alone would be off by 0.1 mm.
    a, b = rng.uniform(-0.1, 0.1, (700, 3)) + 900, rng.uniform(-0.1, 0.1, (800, 3)) + 900
    full = np.linalg.norm(a[:, None] - b, axis=-1).min(axis=1)
    assert np.allclose(nearest_distances(a, b), full, rtol=0, atol=1e-7)
