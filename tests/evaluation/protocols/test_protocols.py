"""Submission files and protocol details the servers check."""

import json

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.protocols import freihand, ho3d
from knuckle.evaluation.protocols.confidence import add_confidence
from knuckle.evaluation.report import Report
from knuckle.skeleton import COMMON_TO_MANO16

from ..conftest import project, random_hands


@pytest.fixture
def pair() -> tuple[Truth, Predictions]:
    joints = random_hands(3, seed=9)
    vertices = np.random.default_rng(1).uniform(-0.1, 0.1, (3, 778, 3)) + np.array([0, 0, 0.6])
    camera = np.tile([150.0, 150, 79.5, 59.5], (3, 1))
    truth = Truth(project(joints), joints, camera, vertices, np.array([0.03, 0.03, 0.03]))
    return truth, Predictions(project(joints), joints, vertices_m=vertices)


def test_freihand_submission(pair, tmp_path):
    _, predictions = pair
    freihand.write_submission(tmp_path / "pred.json", predictions)
    joints, vertices = json.loads((tmp_path / "pred.json").read_text())
    assert np.array_equal(joints, predictions.joints_m) and np.array_equal(vertices, predictions.vertices_m)


def test_ho3d_submission_is_opengl_in_manos_order(pair, tmp_path):
    _, predictions = pair
    ho3d.write_submission(tmp_path / "pred.json", predictions)
    joints, vertices = (np.array(x) for x in json.loads((tmp_path / "pred.json").read_text()))
    assert (joints[..., 2] < 0).all()
    expected = predictions.joints_m[:, list(COMMON_TO_MANO16)] * [1, -1, -1]
    assert np.allclose(joints[:, :16], expected, atol=1e-6)
    # MANO's tips follow: thumb, index, middle, ring, pinky.
    assert np.allclose(joints[:, 16:], predictions.joints_m[:, [4, 8, 12, 16, 20]] * [1, -1, -1], atol=1e-6)
    assert np.allclose(vertices, predictions.vertices_m * [1, -1, -1], atol=1e-6)


def test_submissions_need_manos_mesh(pair, tmp_path):
    _, p = pair
    without = Predictions(p.joints_px, p.joints_m)
    for protocol in (freihand, ho3d):
        with pytest.raises(KnuckleError, match="778 vertices"):
            protocol.write_submission(tmp_path / "pred.json", without)
    behind = Predictions(p.joints_px, p.joints_m * [1, 1, -1], vertices_m=p.vertices_m)
    with pytest.raises(KnuckleError, match="before the camera"):
        ho3d.write_submission(tmp_path / "pred.json", behind)
    assert list(tmp_path.iterdir()) == []


def test_ho3d_report_scales_by_the_middle_finger(pair):
    truth, p = pair
    scaled = Predictions(p.joints_px, 3 * p.joints_m, vertices_m=p.vertices_m)
    report = ho3d.report(truth, scaled, model="m")
    assert report["MJE scale-translation aligned"] == pytest.approx(0, abs=1e-9)
    assert report["PA-MPVPE"] == pytest.approx(0, abs=1e-9)
    assert report["MPJPE"] > 10


def test_root_by_scale_keeps_hands_it_cannot_place(pair):
    truth, p = pair
    impossible = Truth(truth.joints_px, truth.joints_m, truth.camera, None, np.array([1e-6, 1e-6, 1e-6]))
    moved, failed = freihand.place_by_scale(impossible, p)
    assert failed == 3 and np.array_equal(moved.joints_m, p.joints_m)
    assert np.array_equal(moved.vertices_m, p.vertices_m)
    with pytest.raises(KnuckleError, match="states the bone length"):
        freihand.report(Truth(truth.joints_px, truth.joints_m, truth.camera), p, model="m", root="scale")


def test_confidence_is_added_to_a_report():
    report = Report("b", "p", "m", 2, ())
    full = add_confidence(report, np.array([0.9, 0.5]), np.array([0.5, 0.1]), others_are="walls")
    assert full["confidence ROC-AUC"] == pytest.approx(0.875)
    assert full["confidence FPR @95 TPR"] == 0.5
    assert "2 hands against 2 walls" in full.notes[0] and "0.500" in full.notes[0]
    with pytest.raises(KeyError):
        full["no such score"]


def test_predictions_of_wrong_shape_are_refused(pair):
    _, p = pair
    with pytest.raises(
        KnuckleError, match=r"joints_m: expected predictions shaped \(3, 21, 3\), got \(3, 20, 3\)"
    ):
        Predictions(p.joints_px, p.joints_m[:, :20])
    with pytest.raises(KnuckleError, match="confidence: expected finite"):
        Predictions(p.joints_px, p.joints_m, confidence=np.array([np.nan, 1, 1]))
