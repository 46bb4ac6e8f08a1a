"""DexYCB, ARCTIC and HOT3D by their own protocols, on their miniatures: figures worked out by hand, and hands that
training saw are kept out."""

import json
import shutil

import numpy as np
import pytest
from scipy.spatial import procrustes

from knuckle.datasets import dexycb
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.run import evaluate

from ...datasets import hot3d_miniature, test_arctic, test_dexycb
from ...datasets.rendered import GREY
from ...datasets.test_dexycb import small as small_dexycb  # noqa: F401 (two people, two cameras)

TIPS = [4, 8, 12, 16, 20]


@pytest.fixture(scope="module")
def dex(tmp_path_factory):
    return test_dexycb.Made(tmp_path_factory.mktemp("dexycb"))


@pytest.fixture(scope="module")
def arctic(tmp_path_factory):
    return test_arctic.Made(tmp_path_factory.mktemp("arctic"))


@pytest.fixture(scope="module")
def hot3d(tmp_path_factory):
    return hot3d_miniature.Made(tmp_path_factory.mktemp("hot3d"))


def knowing(off_m: np.ndarray, **more) -> EvaluatedModel:
    """A model of single hands that is off by so much, joint by joint."""

    def predict(patches, /):
        known = [np.where(np.isfinite(patch.joints_m), patch.joints_m, 1.0) for patch in patches]
        px = [np.nan_to_num(patch.joints_px) for patch in patches]
        return {"joints_m": np.stack(known) + off_m, "joints_px": np.stack(px)}

    return EvaluatedModel("oracle", 64, 1.5, predict, **more)


def knowing_both(right_m: np.ndarray, left_m: np.ndarray) -> EvaluatedModel:
    """The same of two hands."""

    def of_frames(frames, /):
        joints = np.stack([np.nan_to_num(frame.joints_m, nan=1.0) for frame in frames])
        px = np.stack([np.nan_to_num(frame.joints_px) for frame in frames])
        return {"joints_m": joints + np.stack([right_m, left_m]), "joints_px": px}

    return EvaluatedModel("oracle", 64, 1.5, lambda patches: {}, hands=2, frames=of_frames)


def test_dexycb_has_the_three_rows_of_its_toolkit(dex):
    (benchmark,) = open_benchmarks(str(dex.folder), seen={})
    # The fifth sequence of both people, two cameras, two frames.
    assert benchmark.name == "DexYCB s0 test" and len(benchmark) == 8 and not benchmark.alone
    for patch, name in zip(benchmark.patches(64, 1.5), benchmark.names, strict=True):
        assert "_141704/" in name
        np.testing.assert_allclose(patch.joints_m, dex.joints_m[name] * [-1, 1, 1], atol=1e-4)
    off = np.zeros((21, 3))
    off[:, 2] = 0.010
    off[8, 0] = 0.021
    report = evaluate(knowing(off, tips="manopth", trained_sets={}), benchmark)
    assert report["MPJPE camera space"] == pytest.approx((20 * 10 + np.hypot(10, 21)) / 21, abs=1e-3)
    # 10 mm lies below the 21st of 100 thresholds from 0 to 50 mm, 23.3 mm below the 48th: a step's area by hand.
    steps = [(99 - 20 + 0.5) / 99] * 20 + [(99 - 47 + 0.5) / 99]
    assert report["AUC 0-50 mm camera space"] == pytest.approx(np.mean(steps))
    assert report["MPJPE"] == pytest.approx(1, abs=1e-3)
    aligned = []
    for patch in benchmark.patches(64, 1.5):
        # Both of unit size, the truth first.
        true, found, _ = procrustes(patch.joints_m, patch.joints_m + off)
        size = np.linalg.norm(patch.joints_m - patch.joints_m.mean(0))
        aligned.append(1e3 * size * np.linalg.norm(true - found, axis=1))
    assert report["PA-MPJPE"] == pytest.approx(np.mean(aligned), abs=1e-3)
    assert "'procrustes'" in report.protocol and not report.notes[1:]
    # Larger, turned and elsewhere: nothing is left of that after the fit.
    larger = evaluate(
        EvaluatedModel("m", 64, 1.5, lambda shown: {"joints_px": np.stack([p.joints_px for p in shown]),
                       "joints_m": np.stack([1.3 * p.joints_m[:, [1, 0, 2]] + 0.1 for p in shown])}), benchmark
    )  # fmt: skip
    assert larger["PA-MPJPE"] == pytest.approx(0, abs=1e-6) and larger["MPJPE"] > 10
    assert larger["AUC 0-50 mm aligned"] > 0.99


def test_frames_of_dexycb_that_another_set_up_trains_on_are_left_out(dex):
    for seen in ({}, {"dexycb s0": (4, 4)}, {"dexycb s0-mended": (4, 4)}, {"freihand": (9, 9)}):
        assert len(open_benchmarks(str(dex.folder), seen=seen)[0]) == 8
    # s2 trains on the first camera's pictures of all sequences.
    (rest,) = open_benchmarks(str(dex.folder), seen={"dexycb s2, shuffled": (4, 4)})
    assert len(rest) == 4 and all(f"/{test_dexycb.SERIALS[1]}/" in name for name in rest.names)
    report = evaluate(knowing(np.zeros((21, 3)), trained_sets={"dexycb s2": (4, 4)}), rest)
    assert "4 of 8 hands left out, as training saw them" in report.notes
    with pytest.raises(
        KnuckleError, match="expected hands that the weights were not trained on, got 8 that they were"
    ):
        open_benchmarks(str(dex.folder), seen={"dexycb s1-mended": (4, 4)})
    (unknown,) = open_benchmarks(str(dex.folder), seen={})
    notes = evaluate(knowing(np.zeros((21, 3))), unknown).notes
    assert any("do not say which hands they were trained on" in note for note in notes)


def test_a_part_of_dexycb_is_scored_with_a_note_and_damage_is_named(dex, tmp_path):
    (some,) = open_benchmarks(str(dex.folder), limit=3, variant="s0")
    assert len(some) == 3
    notes = evaluate(knowing(np.zeros((21, 3))), some).notes
    assert any("the first 3 hands of what is there: the papers' figure is of" in note for note in notes)
    copy = shutil.copytree(dex.folder, tmp_path / "dex-ycb")
    shutil.rmtree(copy / test_dexycb.SUBJECTS[1])
    with pytest.raises(KnuckleError, match=r"expected all sequences .* got 20200813-subject-02 \(0 of 5\)"):
        open_benchmarks(str(copy))
    assert len(open_benchmarks(str(copy), limit=9)[0]) == 4
    with pytest.raises(KnuckleError, match="variant: expected one of s0, s1, s2, s3 with DexYCB, got p1"):
        open_benchmarks(str(copy), variant="p1")
    with pytest.raises(KnuckleError, match="--variant: expected with the folder of DexYCB, ARCTIC or HOT3D"):
        open_benchmarks("synthetic", variant="s0")
    assert dexycb.SETUPS == ("s0", "s1", "s2", "s3")


@pytest.fixture
def arctic_copy(arctic, tmp_path):
    return shutil.copytree(arctic.folder, tmp_path / "data")


def erring() -> EvaluatedModel:
    """The right hand 1 mm off on average, the left one 2 mm and 30 mm beside its place."""
    right, left = np.zeros((2, 21, 3))
    right[3, 0], left[7, 0] = 0.021, 0.042
    left[:, 1] += 0.030
    return knowing_both(right, left)


@pytest.mark.parametrize("variant", ["p1", "p2"])
def test_arctic_has_the_figures_of_its_reconstruction_task(arctic, variant):
    (benchmark,) = open_benchmarks(str(arctic.folder), mano=arctic.mano, variant=variant)
    assert benchmark.name == f"ARCTIC {variant} val"
    on_hand = []
    for frame in benchmark.frames():
        name, view, number = frame.name.rsplit("/", 2)
        assert name == test_arctic.NAMES[2] and (view == "0") == (variant == "p2")
        at = int(number) - test_arctic.OFFSETS["s05"]
        for hand in np.flatnonzero(frame.is_hand):
            truth = arctic.in_view(arctic.joints_m[name, ("right", "left")[hand]][at], name, at, int(view))
            np.testing.assert_allclose(frame.joints_m[hand], truth, atol=1e-4)
            u, v = frame.joints_px[hand, [1, 5, 9, 13, 17]].round().astype(int).T
            inside = (u >= 0) & (v >= 0) & (u < frame.camera.width) & (v < frame.camera.height)
            on_hand += (frame.picture[v[inside], u[inside], 0] > GREY + 25).tolist()
    assert len(benchmark) == 16 if variant == "p1" else 0 < len(benchmark) <= 2
    assert np.mean(on_hand) > 0.9
    report = evaluate(erring(), benchmark)
    if variant == "p1":
        # Both hands are in sight of all fixed cameras.
        assert report["MPJPE"] == pytest.approx(1.5, abs=1e-3)
        assert report["MRRPE"] == pytest.approx(30, abs=1e-3)
    assert report["MPJPE right"] == pytest.approx(1, abs=1e-3)
    assert any("no file says which hands" in note for note in report.notes)


def test_arctic_counts_the_hands_that_its_files_say(arctic, arctic_copy):
    for name, data in arctic.processed.items():
        flags = {f"{key}_valid": np.ones((test_arctic.FRAMES, 9), int) for key in ("is", "right", "left")}
        flags["left_valid"][9, 1] = 0
        flags["is_valid"][:, 2] = 0
        changed = data | {"cam_coord": data["cam_coord"] | flags}
        path = arctic_copy / "processed_seqs" / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, changed, allow_pickle=True)
    # Nothing of MANO is needed then.
    (benchmark,) = open_benchmarks(str(arctic_copy))
    report = evaluate(erring(), benchmark)
    # Two pictures of the second camera do not count; in one of the first only the right hand does.
    assert report.count == 14
    assert report["MPJPE"] == pytest.approx((13 * 1.5 + 1) / 14, abs=1e-3)
    assert report["MRRPE"] == pytest.approx(30, abs=1e-3)
    assert not any("no file says" in note for note in report.notes)


def test_recordings_of_arctic_that_another_protocol_trains_on_are_left_out(arctic, arctic_copy):
    with pytest.raises(KnuckleError, match=r"--mano MANO_RIGHT.pkl\), for the joints of s05/box_grab_01"):
        open_benchmarks(str(arctic_copy))
    path = arctic_copy / "splits_json" / "protocol_p2.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"train": [test_arctic.NAMES[2]]}))
    with pytest.raises(KnuckleError, match="that the weights were not trained on, got 1 listed, none of"):
        open_benchmarks(str(arctic_copy), mano=arctic.mano, seen={"arctic p2-tenth": (4, 4)})
    assert len(open_benchmarks(str(arctic_copy), mano=arctic.mano, seen={"arctic p1": (4, 4)})[0]) == 16
    shutil.rmtree(arctic_copy / "images" / test_arctic.NAMES[2] / "4")
    with pytest.raises(KnuckleError, match=r"expected the pictures of ARCTIC p1 val .* missing 2, the first"):
        open_benchmarks(str(arctic_copy), mano=arctic.mano)
    assert len(open_benchmarks(str(arctic_copy), mano=arctic.mano, limit=20)[0]) == 14
    with pytest.raises(KnuckleError, match="variant: expected p1, p2, p1-tenth or p2-tenth with ARCTIC"):
        open_benchmarks(str(arctic_copy), mano=arctic.mano, variant="s0")


@pytest.mark.parametrize("by", ["mano", "umetrack"])
def test_hot3d_has_the_figures_of_the_challenge(hot3d, by):
    mano = hot3d.mano if by == "mano" else None
    (benchmark,) = open_benchmarks(str(hot3d.folder), mano=mano)
    assert benchmark.name == "HOT3D aria" and len(benchmark) == 2 * 3 - (by == "mano")
    off = np.zeros((21, 3))
    off[:, 1] = 0.0052
    off[TIPS, 1] = 0.0202
    # Neither the wrist nor the thumb's CMC is scored.
    off[:2] = 0.1
    report = evaluate(knowing(off, tips="smplx"), benchmark)
    assert report["challenge MPJPE"] == pytest.approx((5 * 20.2 + 14 * 5.2) / 19, abs=1e-3)
    # The first of the thresholds 0, 0.5, ... 50 mm that reaches: 5.5 and 20.5 mm.
    others, tips = (100 - 11 + 0.5) / 100, (100 - 41 + 0.5) / 100
    assert report["challenge AUC"] == pytest.approx((14 * others + 5 * tips) / 19)
    assert report["challenge AUC fingertips"] == pytest.approx(tips)
    assert any(("MANO's" if mano else "UmeTrack's") in note for note in report.notes)


def test_clips_of_hot3d_that_training_saw_are_refused(hot3d):
    for name in ("aria", "aria-grey"):
        with pytest.raises(
            KnuckleError, match=rf"not trained on train_aria.* \(hot3d {name}\); score them on"
        ):
            open_benchmarks(str(hot3d.folder), seen={f"hot3d {name}": (3, 5)})
    (benchmark,) = open_benchmarks(str(hot3d.folder), seen={"hot3d aria": (3, 5)}, variant="quest3")
    assert benchmark.name == "HOT3D quest3" and len(benchmark) > 0
    with pytest.raises(KnuckleError, match="variant: expected one of aria, aria-grey, quest3 with HOT3D"):
        open_benchmarks(str(hot3d.folder), variant="p2")


def test_a_damaged_clip_of_hot3d_is_named_and_not_passed_over(hot3d, tmp_path):
    copy = shutil.copytree(hot3d.folder, tmp_path / "hot3d")
    (copy / "train_aria" / "clip-000007.tar").write_bytes(b"no tar")
    with pytest.raises(KnuckleError, match=r"clip-000007.tar: expected a tar file, whole"):
        open_benchmarks(str(copy), limit=1)
