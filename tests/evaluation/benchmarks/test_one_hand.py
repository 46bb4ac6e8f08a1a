"""Evaluation from data on disk to the report, with predictors whose errors are known."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.report import to_table, write_reports
from knuckle.evaluation.run import evaluate

from ..conftest import COUNT, made_model, oracle

SIZE, EXPAND = 64, 1.5


def score(benchmark, **errors):
    return evaluate(model_of(oracle(list(benchmark.patches(SIZE, EXPAND)), **errors)), benchmark, batch=2)


def model_of(predict):
    return made_model(predict, size=SIZE, expand=EXPAND)


def test_sources_stay_apart_and_unknown_sides_are_left_out(photo_index):
    a, b = open_benchmarks(str(photo_index))
    assert (a.name, len(a)) == ("A", COUNT) and (b.name, len(b)) == ("B", 2)
    assert a.names == tuple(f"left{i}" for i in range(COUNT))


def test_perfect_predictor_scores_zero(photo_index):
    report = score(open_benchmarks(str(photo_index))[0])
    for name in ("PA-MPJPE", "PA-MPJPE reflection-free", "MPJPE", "2D error", "EPE"):
        assert report[name] == pytest.approx(0, abs=1e-9)
    assert report["2D error of the 2D branch"] == pytest.approx(0, abs=1e-9)
    assert report["PCK @0.05 of box"] == 1 and report["AUC 0-50 mm aligned"] == pytest.approx(1, abs=0.006)
    assert report.count == COUNT and len(report.samples["pa_mpjpe_mm"]) == COUNT


def test_shift_in_px_is_the_epe_and_its_share_of_the_box(photo_index):
    benchmark = open_benchmarks(str(photo_index))[0]
    patches = list(benchmark.patches(SIZE, EXPAND))
    report = score(benchmark, shift_px=(3.0, 4.0))
    assert report["EPE"] == pytest.approx(5)
    sides = [np.ptp(patch.joints_px, axis=0).max() for patch in patches]
    assert report["2D error"] == pytest.approx(100 * np.mean([5 / side for side in sides]))
    assert report.by_class["2D (% of box)"]["W"] == pytest.approx(report["2D error"])


def test_scaled_hand_is_right_when_aligned_and_wrong_by_the_root(photo_index):
    benchmark = open_benchmarks(str(photo_index))[0]
    joints = np.stack([patch.joints_m for patch in benchmark.patches(SIZE, EXPAND)])
    report = score(benchmark, scale=1.5)
    assert report["PA-MPJPE"] == pytest.approx(0, abs=1e-9)
    expected = 1000 * 0.5 * np.linalg.norm(joints - joints[:, :1], axis=-1).mean()
    assert report["MPJPE"] == pytest.approx(expected)


def test_labels_that_are_missing_leave_their_scores_out(photo_index):
    report = score(open_benchmarks(str(photo_index))[1])
    names = {s.name for s in report.scores}
    # One of the two hands has no 3D labels: no 3D score of the source.
    assert "2D error" in names and "PA-MPJPE" not in names
    assert report["2D error"] == pytest.approx(0, abs=1e-9)
    assert any("smoke test" in note for note in report.notes)


def test_limit(photo_index):
    assert [len(b) for b in open_benchmarks(str(photo_index), limit=1)] == [1, 1]
    with pytest.raises(KnuckleError, match="limit: expected at least 1"):
        open_benchmarks(str(photo_index), limit=0)


def test_freihand_scores_the_mesh_when_it_is_manos(freihand_folder):
    benchmark = open_benchmarks(str(freihand_folder))[0]
    patches = list(benchmark.patches(SIZE, EXPAND))
    predict = oracle(patches)
    meshes = iter(patches)

    def with_mesh(shown):
        vertices = np.stack([next(meshes).vertices_m for _ in shown])
        return {**predict(shown), "vertices_m": 2 * vertices}

    report = evaluate(model_of(with_mesh), benchmark, batch=2)
    assert report["PA-MPVPE"] == pytest.approx(0, abs=1e-4)
    assert report["F@5 aligned"] == 1 and report["F@15 aligned"] == 1


def test_freihand_without_manos_mesh_says_so(freihand_folder):
    report = score(open_benchmarks(str(freihand_folder))[0])
    assert not any("PA-MPVPE" in s.name for s in report.scores)
    assert any("778 vertices" in note for note in report.notes)


def test_freihand_root_by_scale_repairs_a_scaled_hand(freihand_folder):
    by_model = score(open_benchmarks(str(freihand_folder))[0], scale=1.0)
    assert by_model["MPJPE camera space"] == pytest.approx(0, abs=1e-9)
    benchmark = open_benchmarks(str(freihand_folder), root="scale")[0]
    patches = list(benchmark.patches(SIZE, EXPAND))
    predict = oracle(patches)

    def at_wrong_depth(shown):
        outputs = dict(predict(shown))
        outputs["joints_m"] = outputs["joints_m"] + [0, 0, 0.4]
        return outputs

    report = evaluate(model_of(at_wrong_depth), benchmark)
    assert report["MPJPE camera space"] == pytest.approx(0, abs=1e-6)
    assert any("bone 9-10" in note for note in report.notes)


def test_rendered_set_scores_hands_and_confidence(rendered_folder):
    benchmark = open_benchmarks(str(rendered_folder))[0]
    assert (len(benchmark), benchmark.other_count) == (4, 3)
    report = score(benchmark)
    assert report["PA-MPJPE"] == pytest.approx(0, abs=1e-9)
    assert report["confidence ROC-AUC"] == 1 and report["confidence FPR @95 TPR"] == 0
    assert "EPE" not in {s.name for s in report.scores}


def test_rendered_patches_know_their_window(rendered_folder):
    patch = next(iter(open_benchmarks(str(rendered_folder))[0].patches(32, EXPAND)))
    assert patch.crop == pytest.approx([80, 60, 100], abs=1e-3)
    projected = patch.joints_m[:, :2] / patch.joints_m[:, 2:] * patch.camera[:2] + patch.camera[2:]
    assert np.allclose(patch.joints_px, projected, atol=1e-3)


@pytest.mark.parametrize("key", ["joints_px", "joints_m"])
def test_predictions_that_are_not_finite_are_refused(photo_index, key):
    benchmark = open_benchmarks(str(photo_index))[0]
    predict = oracle(list(benchmark.patches(SIZE, EXPAND)))

    def broken(shown):
        outputs = dict(predict(shown))
        outputs[key] = outputs[key] * np.nan
        return outputs

    with pytest.raises(
        KnuckleError, match=f"{key}: expected finite predictions, got NaN or infinity in 5 of 5"
    ):
        evaluate(model_of(broken), benchmark)


def test_zero_prediction_has_defined_scores(photo_index):
    benchmark = open_benchmarks(str(photo_index))[0]

    def zero(shown):
        return {"joints_px": np.zeros((len(shown), 21, 2)), "joints_m": np.zeros((len(shown), 21, 3))}

    report = evaluate(model_of(zero), benchmark)
    joints = np.stack([patch.joints_m for patch in benchmark.patches(SIZE, EXPAND)])
    spread = 1000 * np.linalg.norm(joints - joints.mean(1, keepdims=True), axis=-1).mean()
    assert report["PA-MPJPE"] == pytest.approx(spread)
    assert all(math.isfinite(s.value) for s in report.scores)


def test_report_as_json_and_table(photo_index, tmp_path):
    report = score(open_benchmarks(str(photo_index))[0], noise_m=0.01)
    path = tmp_path / "new" / "report.json"
    write_reports(path, [report])
    data = json.loads(path.read_text())["reports"][0]
    assert data["scores"]["PA-MPJPE"]["value"] == report["PA-MPJPE"] > 1
    assert data["by_class"]["MPJPE (mm)"]["W"] == 0
    assert data["samples"]["name"][0] == "left0" and len(data["curves"]["PCK 3D aligned"]["y"]) == 100
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]

    from rich.console import Console

    console = Console(width=120, record=True, quiet=False, file=(tmp_path / "sink").open("w"))
    console.print(to_table(report, by_class=True))
    text = console.export_text()
    assert f"{report['PA-MPJPE']:.2f} mm" in text and "W wrist" in text


def test_unwritable_report_is_refused(photo_index, tmp_path):
    report = score(open_benchmarks(str(photo_index))[0])
    (tmp_path / "file").write_text("x")
    with pytest.raises(KnuckleError, match="cannot be written"):
        write_reports(tmp_path / "file" / "report.json", [report])


@pytest.mark.parametrize("data", ["nonsense", "eval-dev"])
def test_unknown_data_is_refused(data, monkeypatch, tmp_path):
    monkeypatch.delenv("KNUCKLE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KnuckleError, match="expected"):
        open_benchmarks(data)


def test_folder_of_no_dataset_is_refused(tmp_path):
    with pytest.raises(KnuckleError, match=r"expected index.json .* got none of them"):
        open_benchmarks(str(tmp_path))


def test_real_photos_are_cut_so_that_labels_fit():
    """Where the real photographs are at hand: every patch of the hand-graph set holds all its joints."""
    import os

    folder = Path(os.environ.get("KNUCKLE_DATA", "")) / "eval-dev"
    if not folder.is_dir():
        pytest.skip("KNUCKLE_DATA does not point to the real photographs")
    benchmark = open_benchmarks("eval-dev", limit=20)[0]
    assert benchmark.name == "hand-graph"
    for patch in benchmark.patches(96, 1.5):
        projected = patch.joints_m[:, :2] / patch.joints_m[:, 2:] * patch.camera[:2] + patch.camera[2:]
        assert np.allclose(projected, patch.joints_px, atol=0.05)
        inside = np.abs(patch.joints_px - patch.crop[:2]) <= patch.crop[2] / 2 / 1.5 + 0.2
        assert inside.all()
