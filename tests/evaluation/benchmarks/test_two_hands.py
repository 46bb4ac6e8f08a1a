"""Two-hand evaluation from data on disk to the report, with predictors whose errors are known."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from knuckle.datasets.labelled import Patch
from knuckle.errors import KnuckleError
from knuckle.evaluation.arrays import TwoHandPredictions, TwoHandTruth
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.frames import TwoHandFrame, hand_patch, pair_patch
from knuckle.evaluation.model import right_of_two
from knuckle.evaluation.report import to_table, write_reports
from knuckle.evaluation.run import evaluate

from ..conftest import made_model

SIZE, EXPAND = 64, 1.5


def only(data: object, **options: int) -> TwoHandBenchmark:
    found = open_benchmarks(str(data), **options)
    return next(b for b in found if isinstance(b, TwoHandBenchmark))


def two_hand_oracle(
    frames: list[TwoHandFrame],
    *,
    change: Callable[[np.ndarray], np.ndarray] = lambda joints_m: joints_m,
    confidence: np.ndarray | None = None,
    meshes: bool = False,
) -> Callable[..., Mapping[str, np.ndarray]]:
    """A two-hand system that knows the truth of the frames it is shown, in order. change: of joints (B 2 21 3)."""
    remaining = iter(range(len(frames)))

    def predict(patches: Sequence[Patch], /) -> dict[str, np.ndarray]:
        rows = [next(remaining) for _ in patches]
        shown, camera = [frames[row] for row in rows], np.stack([patch.camera for patch in patches])
        assert np.allclose(camera, [frame.camera.vector for frame in shown])
        true = np.stack([np.where(f.is_hand[:, None, None], f.joints_m, [0, 0, 0.6]) for f in shown])
        joints_m = change(true)
        lens = camera[:, None, None]
        outputs = {
            "joints_px": joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:],
            "joints_m": joints_m,
            "confidence": np.ones((len(rows), 2)) if confidence is None else confidence[rows],
        }
        return outputs | ({"vertices_m": np.stack([f.vertices_m for f in shown])} if meshes else {})

    return predict


def score(benchmark: TwoHandBenchmark, **errors):
    return evaluate(model_of(two_hand_oracle(list(benchmark.frames()), **errors)), benchmark, batch=2)


def model_of(predict, **more):
    return made_model(predict, **{"size": SIZE, "expand": EXPAND, "hands": 2} | more)


def one_hand_oracle(frames: list[TwoHandFrame]) -> Callable[..., Mapping[str, np.ndarray]]:
    """A system of right hands that finds the hand whose joints its crop is cut round, in the mirrored world if that
    is where the crop lies."""
    hands = [(frame, h) for frame in frames for h in (0, 1) if frame.is_hand[h]]
    remaining = iter(hands)

    def predict(patches: Sequence[Patch], /) -> dict[str, np.ndarray]:
        joints_px, joints_m = [], []
        crop = np.stack([patch.crop for patch in patches])
        for image, window in ((patch.pixels, patch.crop) for patch in patches):
            frame, hand = next(remaining)
            expected = hand_patch(frame, hand, size=SIZE, expand=EXPAND)
            assert np.array_equal(expected.pixels, image) and np.array_equal(expected.crop, window)
            mirrored = hand == 1
            uv, xyz = frame.joints_px[hand], frame.joints_m[hand]
            joints_px.append(uv * [-1, 1] + [frame.camera.width - 1, 0] if mirrored else uv)
            joints_m.append(xyz * [-1, 1, 1] if mirrored else xyz)
        assert (np.abs(np.stack(joints_px) - crop[:, None, :2]) <= crop[:, None, 2:] / 2).all()
        return {
            "joints_px": np.stack(joints_px),
            "joints_m": np.stack(joints_m),
            "confidence": np.ones(len(crop)),
        }

    return predict


def test_perfect_two_hand_system(pair_folder):
    benchmark = only(pair_folder)
    report = score(benchmark, confidence=np.array([[1, 1], [1, 0], [1, 1], [0, 1]], float))
    assert (len(benchmark), report.count, report.counted) == (4, 4, "crop")
    for subset in ("all", "single", "two"):
        assert report[f"MPJPE {subset}"] == pytest.approx(0, abs=0.01)
        assert report[f"MPJPE {subset} own depth"] == pytest.approx(0, abs=1e-9)
    for name in ("MRRPE", "MPJPE scaled", "2D error", "ghost partners", "missed hands"):
        assert report[name] == pytest.approx(0, abs=0.01)
    assert report["AUC 0-50 mm"] > 0.99 and report["handedness"] == 100
    assert report.names == ("0 clasp", "1 right alone", "2 crossing", "3 left alone")
    assert set(report.by_kind["MPJPE (mm)"]) == {"clasp", "crossing", "left alone", "right alone"}
    assert any("1 crops without a hand are left out" in note for note in report.notes)


def test_true_wrist_depths_forgive_the_place_and_own_depths_do_not(pair_folder):
    """Both hands half as large and half as far: the same picture."""
    benchmark = only(pair_folder)
    report = score(benchmark, change=lambda joints_m: 0.5 * joints_m)
    frames = list(benchmark.frames())
    wrists = [f.joints_m[1, 0] - f.joints_m[0, 0] for f in frames if f.is_hand.all()]
    assert report["MRRPE"] == pytest.approx(500 * np.linalg.norm(wrists, axis=-1).mean())
    assert report["2D error"] == pytest.approx(0, abs=0.01)
    assert report["MPJPE scaled"] == pytest.approx(0, abs=1e-9)
    # Only the halved depths from the wrist are wrong once the wrists stand where they should.
    assert 1 < report["MPJPE all"] < report["MPJPE all own depth"]
    relative = np.concatenate([f.joints_m[f.is_hand] - f.joints_m[f.is_hand][:, :1] for f in frames])
    assert report["MPJPE all own depth"] == pytest.approx(
        500 * np.linalg.norm(relative, axis=-1).mean(), rel=0.2
    )


def test_relative_depth_counts_when_the_right_wrist_is_given(pair_folder):
    benchmark = only(pair_folder)

    def further(by_m: np.ndarray):
        """Each hand moved along its wrist's ray by so much depth."""
        return lambda joints_m: joints_m + joints_m[:, :, :1] / joints_m[:, :, :1, 2:] * by_m[:, None, None]

    together = score(benchmark, change=further(np.array([0.1, 0.1])))
    assert together["MRRPE right depth given"] < 5 < together["MRRPE"] + 5
    apart = score(benchmark, change=further(np.array([0.0, 0.1])))
    assert apart["MRRPE"] == pytest.approx(apart["MRRPE right depth given"], rel=0.01)
    assert 100 <= apart["MRRPE"] < 110


def test_ghosts_and_missed_hands_use_the_threshold(pair_folder):
    confidence = np.array([[0.9, 0.4], [0.9, 0.7], [0.9, 0.9], [0.8, 0.6]])
    benchmark = only(pair_folder)
    predict = two_hand_oracle(list(benchmark.frames()), confidence=confidence)
    report = evaluate(model_of(predict, threshold=0.75), benchmark)
    # Absent hands: 0.7 of the lone right one's crop, 0.8 of the lone left one's.
    assert report["ghost partners"] == 50
    # Hands: 0.9, 0.4, 0.9, 0.9, 0.9, 0.6.
    assert report["missed hands"] == pytest.approx(100 * 2 / 6)
    assert report["handedness"] == 50
    assert any("0.75 on" in note and "2 crops of one hand" in note for note in report.notes)


def test_penetration_of_the_meshes(pair_folder):
    report = score(only(pair_folder), meshes=True)
    note = next(note for note in report.notes if note.startswith("penetration"))
    assert report["penetration"] > 1 and f"true meshes: {report['penetration']:.2f} cm³" in note
    assert "penetration" not in {s.name for s in score(only(pair_folder)).scores}


def test_one_hand_system_sees_every_hand_alone(pair_folder):
    benchmark = only(pair_folder)
    report = evaluate(model_of(one_hand_oracle(list(benchmark.frames())), hands=1), benchmark, batch=3)
    for name in ("MPJPE all own depth", "MRRPE", "MPJPE scaled"):
        assert report[name] == pytest.approx(0, abs=1e-9)
    assert report["MPJPE all"] == pytest.approx(0, abs=0.01)
    assert not {"ghost partners", "missed hands", "handedness"} & {s.name for s in report.scores}
    assert "told its side" in report.protocol


def test_frames_are_seen_whole_and_hands_by_their_boxes(pair_folder):
    frame = next(only(pair_folder).frames())
    whole = pair_patch(frame, size=48, expand=9)
    assert np.array_equal(whole.pixels, frame.picture) and whole.crop == pytest.approx([23.5, 23.5, 48])
    left = hand_patch(frame, 1, size=SIZE, expand=EXPAND)
    low, high = frame.joints_px[1].min(0), frame.joints_px[1].max(0)
    middle = (low + high) / 2
    assert left.crop == pytest.approx([47 - middle[0], middle[1], EXPAND * (high - low).max()])
    assert left.camera[2] == pytest.approx(47 - frame.camera.cx)
    # A right hand in the mirrored picture would have been shown the same.
    mirrored = replace(
        frame,
        picture=np.ascontiguousarray(frame.picture[:, ::-1]),
        joints_px=frame.joints_px[::-1] * [-1, 1] + [47, 0],
    )
    as_right = hand_patch(mirrored, 0, size=SIZE, expand=EXPAND)
    assert left.crop == pytest.approx(as_right.crop)
    assert np.abs(left.pixels.astype(int) - as_right.pixels).max() <= 8


def test_photographs_of_both_hands(pair_photos):
    first, second = open_benchmarks(str(pair_photos))
    assert (first.name, len(first)) == ("C", 6)
    assert (second.name, len(second)) == ("two-hand photos", 1)
    report = score(only(pair_photos))
    assert report["MPJPE two"] == pytest.approx(0, abs=1e-9) and report["2D error"] == pytest.approx(
        0, abs=1e-9
    )
    assert report.names == ("both C",) and "MPJPE single" not in {s.name for s in report.scores}
    assert any("smoke test" in note for note in report.notes)
    frame = next(only(pair_photos).frames())
    crop = pair_patch(frame, size=SIZE, expand=1.25).crop
    assert (np.abs(frame.joints_px - crop[:2]) <= crop[2] / 2).all()


def test_photographs_without_3d_get_2d_errors(pair_photos):
    index = json.loads((pair_photos / "index.json").read_text())
    index[1]["joints_3d_mm"] = None
    (pair_photos / "index.json").write_text(json.dumps(index))
    benchmark = only(pair_photos)
    frames = list(benchmark.frames())
    assert np.isnan(frames[0].joints_m[1]).all()
    true_px = frames[0].joints_px

    def predict(patches):
        return {"joints_px": true_px[None] + [3.0, 4.0], "joints_m": np.ones((1, 2, 21, 3))}

    report = evaluate(model_of(predict), benchmark)
    sides = np.ptp(true_px, axis=1).max(-1)
    assert report["2D error"] == pytest.approx(100 * np.mean(5 / sides))
    assert not any(s.unit == "mm" for s in report.scores)


def test_real_photographs_fit_their_labels():
    """Where the real photographs are at hand: the 3D labels project onto the 2D ones, and the crop holds both hands."""
    folder = Path(os.environ.get("KNUCKLE_DATA", "")) / "eval-dev"
    if not folder.is_dir():
        pytest.skip("KNUCKLE_DATA does not point to the real photographs")
    benchmark = only("eval-dev")
    assert len(benchmark) == 2
    report = score(benchmark)
    assert report["2D error"] == pytest.approx(0, abs=0.1) and report["MPJPE two"] == pytest.approx(
        0, abs=0.5
    )
    for frame in benchmark.frames():
        crop = pair_patch(frame, size=SIZE, expand=1.25).crop
        assert (np.abs(frame.joints_px - crop[:2]) <= crop[2] / 2 / 1.25 + 0.2).all()


def test_two_hand_system_on_single_hands(rendered_folder):
    """Right hands alone: its right hand answers, its left one is the ghost."""
    (benchmark,) = open_benchmarks(str(rendered_folder))
    patches = iter(list(benchmark.patches(SIZE, EXPAND)))
    ghosts = iter([0.1, 0.6, 0.2, 0.5])

    def predict(shown):
        rows = [next(patches, None) for _ in shown]
        true = np.stack([np.zeros((21, 3)) if p is None else p.joints_m for p in rows])
        uv = np.stack([np.zeros((21, 2)) if p is None else p.joints_px for p in rows])
        partner = [0.0 if p is None else next(ghosts) for p in rows]
        sure = [0.3 if p is None else 0.9 for p in rows]
        return {
            "joints_px": np.stack([uv, uv + 50], axis=1),
            "joints_m": np.stack([true, true + 1], axis=1),
            "confidence": np.stack([sure, partner], axis=1),
        }

    report = evaluate(model_of(predict), benchmark)
    assert report["PA-MPJPE"] == pytest.approx(0, abs=1e-9) and report["2D error"] == pytest.approx(
        0, abs=1e-9
    )
    assert report["ghost partners"] == 50 and report["missed hands"] == 0 and report["handedness"] == 100
    # Hands by their surer side (0.9) against crops without any (0.3).
    assert report["confidence ROC-AUC"] == 1


def test_confidence_of_any_hand_is_the_surer_ones():
    predict = right_of_two(
        lambda _: {"confidence": np.array([[0.2, 0.7], [0.5, 0.1]]), "joints_m": np.zeros((2, 2, 3))}
    )
    outputs = predict([])
    assert outputs["confidence"].tolist() == [0.7, 0.5] and outputs["joints_m"].shape == (2, 3)


def test_report_in_its_usual_forms(pair_folder, tmp_path):
    from knuckle.view.report_plot import write_report_plot

    report = score(only(pair_folder), change=lambda joints_m: 0.9 * joints_m)
    write_reports(tmp_path / "report.json", [report])
    data = json.loads((tmp_path / "report.json").read_text())["reports"][0]
    assert data["counted"] == "crop" and data["scores"]["MRRPE"]["value"] == report["MRRPE"] > 1
    assert set(data["by_kind"]["MPJPE (mm)"]) >= {"clasp"} and len(data["samples"]["mpjpe_mm"]) == 4
    console = Console(width=140, record=True, file=(tmp_path / "sink").open("w"))
    console.print(to_table(report, by_class=True))
    text = console.export_text()
    assert "pairs · 4 crops · oracle" in text and "right alone" in text and "W wrist" in text
    for reports in ([report], [report, report]):
        write_report_plot(tmp_path / "plot.png", reports)
        assert (tmp_path / "plot.png").stat().st_size > 5000


def test_broken_answers_are_refused(pair_folder):
    benchmark = only(pair_folder)
    for change, message in (
        (lambda joints_m: joints_m * np.nan, "expected finite predictions, got NaN or infinity in 4 of 4"),
        (lambda joints_m: joints_m[:, :1], r"joints_px: expected predictions shaped \(4, 2, 21, 2\)"),
    ):
        with pytest.raises(KnuckleError, match=message):
            score(benchmark, change=change)
    with pytest.raises(KnuckleError, match=r"missing \['joints_m'\]"):
        evaluate(model_of(lambda _: {"joints_px": np.zeros((4, 2, 21, 2))}), benchmark)


def test_truth_and_predictions_check_their_shapes():
    px, m, there, camera = (
        np.zeros((3, 2, 21, 2)),
        np.ones((3, 2, 21, 3)),
        np.ones((3, 2), bool),
        np.ones((3, 4)),
    )
    TwoHandTruth(px, m, there, camera)
    TwoHandPredictions(px, m, np.ones((3, 2)), np.ones((3, 2, 7, 3)))
    with pytest.raises(KnuckleError, match=r"is_hand: expected ground truth shaped \(3, 2\), got \(3,\)"):
        TwoHandTruth(px, m, there[:, 0], camera)
    with pytest.raises(KnuckleError, match=r"confidence: expected predictions shaped \(3, 2\), got \(3, 1\)"):
        TwoHandPredictions(px, m, np.ones((3, 1)))
    with pytest.raises(
        KnuckleError, match=r"vertices_m: expected predictions shaped \(3, 2, V, 3\), got \(3, 7, 3\)"
    ):
        TwoHandPredictions(px, m, vertices_m=np.ones((3, 7, 3)))
    with pytest.raises(
        KnuckleError, match="vertices_m: expected finite predictions, got NaN or infinity in 1 of 3"
    ):
        meshes = np.ones((3, 2, 7, 3))
        meshes[1, 0, 0] = np.inf
        TwoHandPredictions(px, m, vertices_m=meshes)
