"""InterHand2.6M: a miniature whose truth is known comes back from its reader, its check and its conversion."""

import copy
import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from knuckle.datasets.interhand import Chosen, Interhand
from knuckle.datasets.interhand_check import check_interhand
from knuckle.datasets.interhand_fits import mano_pair, vertices_in_camera
from knuckle.datasets.interhand_set import convert_interhand
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.catalogue import open_benchmarks
from knuckle.evaluation.benchmarks.two_hands import TwoHandBenchmark
from knuckle.evaluation.model import EvaluatedModel
from knuckle.evaluation.run import evaluate
from knuckle.sets.reader import SynthSet
from knuckle.sets.validity import check_labels, row_validity
from knuckle.training.checks import check_labels_are_seen

from .interhand_miniature import KINDS, SIZE, UNLABELLED, Miniature, render, write_miniature

TOLERANCE_M = 1e-4


@pytest.fixture(scope="module")
def samples():
    with pytest.MonkeyPatch.context() as patch:
        return render(patch)


@pytest.fixture(scope="module")
def written(tmp_path_factory, samples) -> Miniature:
    return write_miniature(tmp_path_factory.mktemp("miniature"), samples)


@pytest.fixture
def made(tmp_path, written) -> Miniature:
    """A copy, to be spoilt."""
    folder = tmp_path / "InterHand2.6M"
    shutil.copytree(written.folder, folder)
    return replace(written, folder=folder, files=copy.deepcopy(written.files))


def test_joints_come_back_in_camera_metres(made):
    frames = Interhand(made.folder, "train")
    assert [frame.hand_type for frame in frames] == list(KINDS)
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(frame.joints_m, made.joints_m[number], atol=TOLERANCE_M)
        np.testing.assert_allclose(frame.camera.vector, made.camera[number], rtol=1e-9)
        assert frame.read().shape == (SIZE, SIZE, 3)
    assert np.isnan(frames[1].joints_m[1, list(UNLABELLED)]).all()
    assert frames[2].is_hand.tolist() == [True, False]
    assert np.isnan(frames[3].joints_m[0]).all()


def test_fits_come_back_as_the_camera_sees_them(made):
    frames, rigs = Interhand(made.folder, "train"), mano_pair(made.mano)
    for number, frame in enumerate(frames):
        for hand, mesh in enumerate(vertices_in_camera(frame, rigs)):
            true = made.vertices_m[number, hand]
            assert (mesh is None) == np.isnan(true).all()
            if mesh is not None:
                np.testing.assert_allclose(mesh, true, atol=TOLERANCE_M)
    assert frames[1].fits[1] is None and frames[1].fits[0] is not None


def test_selections(made):
    def numbers(**options):
        return [int(frame.name[-7:-4]) // 6 - 16 for frame in Interhand(made.folder, "train", **options)]

    assert numbers(annotators="human") == [0, 2]
    assert numbers(annotators="machine") == [1, 3, 4]
    assert numbers(shown="single") == [2, 3]
    assert numbers(shown="interacting") == [0, 1, 4]
    assert numbers(filtered=True) == [0]
    assert numbers(limit=2) == [0, 1]


@pytest.mark.parametrize(
    ("part", "spoil", "words"),
    [
        (
            "camera",
            lambda f: f["1"]["campos"].pop("400005"),
            r"camera.json.* of 1, the first Capture1.*400005",
        ),
        ("joint_3d", lambda f: f["0"].pop("106"), r"joint_3d.json.* of 1, the first Capture0.*no 106"),
        (
            "joint_3d",
            lambda f: f["0"]["100"]["world_coord"].__setitem__(3, [float("nan")] * 3),
            "not finite",
        ),
        ("data", lambda f: f["annotations"][2].pop("bbox"), r"data.json: annotation 2.*bbox"),
        ("data", lambda f: f["annotations"][2].update(hand_type="both"), "annotation 2.*both"),
        ("data", lambda f: f.pop("images"), "missing images"),
        (
            "MANO_NeuralAnnot",
            lambda f: f["0"]["100"]["right"].update(pose=[0.0] * 45),
            r"MANO_NeuralAnnot.json.*of 1, the first",
        ),
    ],
)
def test_damaged_labels_are_named(made, part, spoil, words):
    spoil(made.files[part])
    made.write(part)
    with pytest.raises(KnuckleError, match=words):
        Interhand(made.folder, "train")


def test_check_names_what_is_wrong(made, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "missing annotations/train/InterHand2.6M_train_data.json" in check_interhand(
        tmp_path / "empty", "train"
    ).wrong[0].replace("\\", "/")
    report = check_interhand(made.folder, "train")
    assert report.found == {
        "annotations": 5, "right": 1, "left": 1, "interacting": 3, "right fits": 4, "left fits": 3, "pictures": 5,
    }  # fmt: skip
    assert len(report.wrong) == 1 and "1361062 annotations of version 1.0" in report.wrong[0]
    made.image(0).unlink()
    made.image(3).write_bytes(made.image(3).read_bytes()[:-9])
    (made.folder / "annotations" / "train" / "InterHand2.6M_train_MANO_NeuralAnnot.json").unlink()
    report = check_interhand(made.folder, "train")
    assert report.found["pictures"] == 3 and report.found["right fits"] == 0
    told = "\n".join(report.wrong)
    assert f"1 are missing, the first {made.image(0)}" in told
    assert f"1 are cut short or no JPEG files, the first {made.image(3)}" in told
    assert "expected the MANO fits" in told
    (made.folder / "annotations" / "train" / "InterHand2.6M_train_camera.json").write_text("{")
    assert "train_camera.json: expected JSON" in check_interhand(made.folder, "train").wrong[-1]


def test_conversion_keeps_what_is_labelled(made, tmp_path):
    index = convert_interhand(made.folder, tmp_path / "set", mano=made.mano, size=64, limit=5)
    assert index["rig_name"] == "mano" and index["left_out"] == {"unreadable": [], "dark": []}
    found = SynthSet(tmp_path / "set")
    assert found.hands == 2
    check_labels(found)
    check_labels_are_seen(found)
    rigs = mano_pair(made.mano)
    for row in range(5):
        np.testing.assert_allclose(found.labels["joints_m"][row], made.joints_m[row], atol=TOLERANCE_M)
        told = row_validity(found, row)
        np.testing.assert_array_equal(told.joints_3d, np.isfinite(made.joints_m[row, ..., 0]))
        np.testing.assert_array_equal(told.pose, np.isfinite(made.vertices_m[row, :, 0, 0]))
        for hand in np.flatnonzero(told.pose):
            # Stored poses have the mean in them.
            pose = found.labels["pose"][row, hand].astype(float) - rigs[hand].pose_mean
            posed = rigs[hand].posed(pose, *(found.labels[k][row, hand] for k in ("shape", "translation")))
            np.testing.assert_allclose(posed.vertices, made.vertices_m[row, hand], atol=TOLERANCE_M)
    assert [bool(row_validity(found, row).mask) for row in range(5)] == [True, False, True, True, True]
    mask = np.asarray(found.labels["part_mask"])
    assert mask[2].max() <= 16 and mask[3][mask[3] > 0].min() > 16
    # Where the renderer saw the hands, at the crop's own scale.
    uv = np.rint(found.labels["joints_px"][0] / 2 - 0.25).astype(int)[:, 9]
    there = mask[0][uv[:, 1], uv[:, 0]]
    assert (there > 0).all()


def test_the_open_rig_is_fitted_where_all_joints_are(made, tmp_path):
    convert_interhand(made.folder, tmp_path / "set", size=64, limit=4)
    found = SynthSet(tmp_path / "set")
    assert found.labels["valid_pose"].tolist() == [[True, True], [True, False], [True, False], [False, True]]


def test_one_bad_picture_among_many_is_replaced_and_named(made, tmp_path):
    made.image(1).write_bytes(b"no picture")
    cv2.imwrite(str(made.image(2)), np.zeros((SIZE, SIZE, 3), np.uint8))
    index = convert_interhand(made.folder, tmp_path / "set", mano=made.mano, size=64, limit=5)
    names = [image["file_name"] for image in made.files["data"]["images"]]
    assert index["left_out"] == {"unreadable": [names[1]], "dark": [names[2]]}
    found = SynthSet(tmp_path / "set")
    np.testing.assert_array_equal(found.images[1], found.images[3])
    np.testing.assert_array_equal(found.images[2], found.images[3])
    stored = json.loads((tmp_path / "set" / "index.json").read_text())
    assert stored["left_out"] == index["left_out"]


def test_another_version_is_refused_without_a_limit(made, tmp_path):
    with pytest.raises(KnuckleError, match=r"version 0\.0 has about half"):
        convert_interhand(made.folder, tmp_path / "set", size=64)
    assert not (tmp_path / "set").exists()
    with pytest.raises(KnuckleError, match="size: expected an even"):
        convert_interhand(made.folder, tmp_path / "set", size=65, limit=1)


def test_the_test_split_is_a_benchmark(made):
    for kind in ("images", "annotations"):
        (made.folder / kind / "train").rename(made.folder / kind / "test")
    for path in list((made.folder / "annotations" / "test").glob("*.json")):
        path.rename(path.with_name(path.name.replace("train", "test")))
    (benchmark,) = open_benchmarks(str(made.folder))
    assert isinstance(benchmark, TwoHandBenchmark) and len(benchmark) == 5
    frames = list(benchmark.frames())
    remaining = iter(frames)

    def predict(patches, /):
        shown = [next(remaining) for _ in patches]
        for patch, frame in zip(patches, shown, strict=True):
            np.testing.assert_allclose(patch.crop, frame.window)
        joints_m = np.stack([np.nan_to_num(frame.joints_m, nan=0.5) for frame in shown])
        joints_m[:, :, 1:, 0] += 0.0042
        lens = np.stack([patch.camera for patch in patches])[:, None, None]
        return {
            "joints_px": joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:],
            "joints_m": joints_m,
        }

    model = EvaluatedModel(name="oracle", size=64, expand=1.5, predict=predict, hands=2)
    found = evaluate(model, benchmark, batch=2)
    assert found.benchmark == "InterHand2.6M test" and found.count == 5
    for kind in ("single", "two", "all"):
        assert found[f"MPJPE {kind}"] == pytest.approx(40 * 4.2 / 42)
    assert found["MRRPE"] == pytest.approx(0, abs=1e-9)
    assert sorted(found.by_kind["MPJPE (mm)"]) == ["interacting", "left", "right"]
    assert any("not the papers' figure" in note for note in found.notes)
    assert "MPVPE all" not in {score.name for score in found.scores}
    # With the file of its fits, their meshes and joints are there; the second frame's left hand has none.
    (with_meshes,) = open_benchmarks(str(made.folder), mano=made.mano)
    assert isinstance(with_meshes, TwoHandBenchmark)
    for number, frame in enumerate(with_meshes.frames()):
        assert frame.vertices_m is not None and frame.mesh_joints_m is not None
        np.testing.assert_allclose(frame.vertices_m, made.vertices_m[number], atol=TOLERANCE_M)
        told = np.isfinite(frame.mesh_joints_m).all((1, 2))
        assert told.tolist() == np.isfinite(made.vertices_m[number]).all((1, 2)).tolist()

    def predict_fits(patches, /):
        shown = [next(remaining) for _ in patches]
        vertices_m, joints_m = (
            np.nan_to_num(np.stack([getattr(frame, name) for frame in shown]), nan=0.5)
            for name in ("vertices_m", "mesh_joints_m")
        )
        vertices_m[..., 0] += 0.004
        # Hands that are not there must have some length.
        joints_m[..., 0] += np.where(joints_m[..., 0] == 0.5, np.linspace(0, 0.1, 21), 0.0)
        return {"joints_px": joints_m[..., :2], "joints_m": joints_m, "vertices_m": vertices_m}

    remaining = iter(list(with_meshes.frames()))
    found = evaluate(replace(model, predict=predict_fits), with_meshes, batch=2)
    assert found["MPVPE all"] == pytest.approx(4, abs=0.01)
    assert found["MPVPE scaled"] == pytest.approx(4, abs=0.01)
    # Filtered: the first frame alone is of two hands for sure and has both fits; black, it is passed over.
    (filtered,) = open_benchmarks(str(made.folder), chosen=Chosen(filtered=True))
    assert isinstance(filtered, TwoHandBenchmark) and filtered.name == "InterHand2.6M test, the filtered set"
    assert [frame.name for frame in filtered.frames()] == [frames[0].name] and len(filtered) == 1
    cv2.imwrite(str(made.image(0, "test")), np.zeros((SIZE, SIZE, 3), np.uint8))
    assert list(filtered.frames()) == []
    (single,) = open_benchmarks(str(made.folder), chosen=Chosen(shown="single"))
    assert isinstance(single, TwoHandBenchmark) and [f.kind for f in single.frames()] == ["right", "left"]
    with pytest.raises(KnuckleError, match=r"expected with the folder of InterHand2\.6M, got synthetic"):
        open_benchmarks("synthetic", chosen=Chosen(filtered=True))
