"""Scores of meshes and of mesh heads, with predictors whose errors are known."""

import numpy as np
import pytest

from knuckle.evaluation.arrays import Predictions, Truth
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.rendered import mesh_rigs, split
from knuckle.evaluation.metrics.curves import area, pck_curve
from knuckle.evaluation.protocols.common import joint_report
from knuckle.evaluation.protocols.mesh import add_mesh_scores
from knuckle.evaluation.report import Report
from knuckle.evaluation.run import evaluate
from knuckle.rig import load_rig
from knuckle.sets.reader import SynthSet
from knuckle.skeleton import JOINT_CLASSES

from ..conftest import made_model, oracle, project, random_hands


def score(benchmark, **errors):
    predict = oracle(list(benchmark.patches(32, 1.5)), **errors)
    return evaluate(made_model(predict, size=32, expand=1.5), benchmark, batch=3)


def test_rebuilt_meshes_belong_to_the_stored_joints(rendered_folder):
    rig = load_rig("open")
    for patch in open_benchmarks(str(rendered_folder))[0].patches(32, 1.5):
        assert patch.vertices_m.shape == rig.vertices.shape
        tips = patch.vertices_m[rig.tip_vertices]
        assert np.abs(tips - patch.joints_m[[4, 8, 12, 16, 20]]).max() < 1e-5


def test_set_of_another_rig_has_no_mesh_and_says_so(rendered_folder):
    pose = np.load(rendered_folder / "pose.npy")
    np.save(rendered_folder / "pose.npy", pose + np.float32(1e-3))
    benchmark = open_benchmarks(str(rendered_folder))[0]
    assert benchmark.vertex_count == 0
    report = score(benchmark)
    assert report["PA-MPJPE"] == pytest.approx(0, abs=1e-9)
    assert any("another rig" in note for note in report.notes)
    assert "PA-MPVPE" not in {s.name for s in report.scores}


def test_perfect_mesh(rendered_folder):
    report = score(open_benchmarks(str(rendered_folder))[0], meshes={"vertices_m": 0.0})
    assert report["PA-MPVPE"] == pytest.approx(0, abs=1e-3)
    assert report["F@5 aligned"] == 1 and report["F@15 aligned"] == 1
    assert report["AUC 0-50 mm vertices aligned"] == pytest.approx(1, abs=0.006)


def test_refinement_is_told_by_the_rough_mesh(rendered_folder):
    report = score(
        open_benchmarks(str(rendered_folder))[0], meshes={"vertices_m": 0.1, "rough_vertices_m": 0.5}
    )
    assert 0.1 < report["PA-MPVPE"] < report["rough mesh: PA-MPVPE"]
    assert report["rough mesh: AUC 0-50 mm vertices aligned"] < report["AUC 0-50 mm vertices aligned"]


def test_the_rough_mesh_s_joints_are_scored_beside_the_final_ones(rendered_folder):
    benchmark = open_benchmarks(str(rendered_folder))[0]
    predict = oracle(list(benchmark.patches(32, 1.5)))

    def with_rough(shown):
        found = predict(shown)
        bent = found["joints_m"] + np.eye(21)[8][:, None] * [0.0, 0.02, 0.0]
        return {**found, "rough_joints_m": bent}

    report = evaluate(made_model(with_rough, size=32, expand=1.5), benchmark)
    assert report["PA-MPJPE"] == pytest.approx(0, abs=1e-9)
    # A tip that is 20 mm off, spread by the alignment.
    assert 0.5 < report["rough mesh: PA-MPJPE"] < 3
    assert 0.9 < report["rough mesh: AUC 0-50 mm aligned"] < report["AUC 0-50 mm aligned"]


def test_mesh_of_other_vertices_is_left_out(rendered_folder):
    benchmark = open_benchmarks(str(rendered_folder))[0]
    predict = oracle(list(benchmark.patches(32, 1.5)))

    def with_mano(shown):
        return {**predict(shown), "vertices_m": np.ones((len(shown), 778, 3))}

    report = evaluate(made_model(with_mano, size=32, expand=1.5), benchmark)
    assert "PA-MPVPE" not in {s.name for s in report.scores}
    assert any("mesh of 1610 vertices, the model gives one of 778" in note for note in report.notes)


def make_pair(vertices: np.ndarray, predicted: np.ndarray, **more) -> tuple[Truth, Predictions]:
    joints = random_hands(len(vertices))
    camera = np.tile([150.0, 150, 79.5, 59.5], (len(vertices), 1))
    truth = Truth(project(joints), joints, camera, vertices)
    return truth, Predictions(project(joints), joints, vertices_m=predicted, **more)


def test_vertices_are_aligned_apart_from_the_joints():
    vertices = np.random.default_rng(2).normal(0, 0.05, (300, 40, 3))
    turned = 3 * vertices[..., [1, 2, 0]] + 1
    report = add_mesh_scores(Report("b", "p", "m", 300, ()), *make_pair(vertices, turned))
    assert report["PA-MPVPE"] == pytest.approx(0, abs=1e-9) and report["F@5 aligned"] == 1


def test_auc_by_hand():
    # Half the errors are 0, half 25 mm: half the curve is 1 all along, half from its middle on.
    errors = np.array([[0.0, 0.025]])
    thresholds = np.linspace(0, 0.05, 1001)
    assert area(thresholds, pck_curve(errors, thresholds)) == pytest.approx(0.75, abs=1e-3)


def test_joints_of_the_mesh_head_have_a_row_of_their_own():
    vertices = np.zeros((5, 3, 3))
    truth, predictions = make_pair(vertices, vertices, mesh_joints_m=random_hands(5) * [1, 1, 1.2])
    report = joint_report(truth, predictions, benchmark="b", protocol="p", model="m")
    assert report["PA-MPJPE"] == pytest.approx(0, abs=1e-9)
    assert report["PA-MPJPE of the mesh head"] > 1


def test_classes_are_related_to_the_tips():
    vertices = np.zeros((4, 3, 3))
    truth, predictions = make_pair(vertices, vertices)
    shifted = predictions.joints_px.copy()
    for name, shift in (("T", 10.0), ("D", 8.0), ("P", 7.2), ("M", 5.9), ("W", 4.0)):
        shifted[:, list(JOINT_CLASSES[name]), 0] += shift
    report = joint_report(
        truth, Predictions(shifted, predictions.joints_m), benchmark="b", protocol="p", model="m"
    )
    row = report.by_class["2D relative to tips (%)"]
    assert row == pytest.approx({"T": 100, "D": 80, "P": 72, "M": 59, "W": 40})


def test_split_of_a_set_without_hands(rendered_folder):
    np.save(rendered_folder / "is_hand.npy", np.zeros(7, bool))
    rendered = SynthSet(rendered_folder)
    hands, others = split(rendered)
    assert len(hands) == 0 and len(others) == 7
    assert mesh_rigs(rendered) is not None
