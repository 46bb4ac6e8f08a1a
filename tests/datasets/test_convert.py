"""Converted sets: what training reads of them is what the datasets say, and damage is named."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from knuckle.datasets import training_set
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.rig.load import load_rig
from knuckle.rig.mano import load_mano
from knuckle.rig.tips import TIP_JOINTS
from knuckle.sets.reader import SynthSet

MARK = 9


def brightest(image: np.ndarray) -> np.ndarray:
    """Centre of the bright spot, px."""
    weight = np.clip(image[..., 0].astype(float) - 170, 0, None)
    v, u = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(u * weight).sum(), (v * weight).sum()]) / weight.sum()


def projected_in_patch(labels: dict[str, np.ndarray], i: int) -> np.ndarray:
    """The joints through camera and crop, px of the crop."""
    joints, camera = labels["joints_m"][i], labels["camera"][i]
    frame_px = joints[:, :2] / joints[:, 2:] * camera[:2] + camera[2:]
    affine = labels["patch_from_frame"][i]
    return frame_px @ affine[:, :2].T + affine[:, 2]


def assert_consistent(made: SynthSet) -> None:
    for i in range(len(made)):
        joints_px = made.labels["joints_px"][i]
        assert np.abs(projected_in_patch(made.labels, i) - joints_px).max() < 0.05
        assert np.abs(brightest(made.images[i]) - joints_px[MARK]).max() < 0.5
        span = np.ptp(joints_px, axis=0).max()
        # The crop was cut round the tips of the dataset, which lie millimetres off.
        assert made.images.shape[1] / span == pytest.approx(1.5, rel=1e-2)
    assert made.labels["is_hand"].all() and made.labels["visible"].any()


def test_freihand_with_the_open_rig(freihand, tmp_path):
    index = convert_set("freihand", freihand.folder, tmp_path / "set", size=128)
    made = SynthSet(tmp_path / "set")
    assert_consistent(made)
    # Version j % 4 of sample j // 4, whose picture has number sample + 3 * version and grey 10 + 10 * number.
    numbers = [sample + 3 * version for sample in range(3) for version in range(4)]
    assert np.abs(np.median(made.images[..., 0], axis=(1, 2)) - 10 - 10 * np.array(numbers)).max() <= 2
    truth = np.repeat(freihand.joints_m, 4, axis=0)
    own = [joint for joint in range(21) if joint not in TIP_JOINTS]
    np.testing.assert_allclose(made.labels["joints_m"][:, own], truth[:, own], atol=1e-6)
    labels = [made.labels[name] for name in ("pose", "shape", "translation")]
    fitted = load_rig("open").posed(*labels).joints
    away = np.linalg.norm(fitted - truth, axis=-1).mean(-1)
    np.testing.assert_allclose(away, made.labels["residual_m"], atol=1e-5)
    assert index["residual_mm"] == pytest.approx(away.mean() * 1e3, abs=1e-2) and index["residual_mm"] < 2
    assert json.loads((tmp_path / "set" / "index.json").read_text())["residual_mm"] == index["residual_mm"]


def test_freihand_with_a_mano_file_gives_the_dataset_s_own_vertices(freihand, tmp_path):
    index = convert_set("freihand", freihand.folder, tmp_path / "set", size=64, rig=freihand.mano)
    labels = SynthSet(tmp_path / "set").labels
    # The stored pose is one of rotations: the mean pose is in it.
    rig = load_mano(freihand.mano, "right", flat_hand_mean=True)
    vertices = rig.posed(*(labels[name][::4] for name in ("pose", "shape", "translation"))).vertices
    assert np.abs(vertices - freihand.vertices_m).max() < 1e-4
    assert index["residual_mm"] < 0.1


def test_training_reads_and_augments_a_converted_set(freihand, tmp_path):
    pytest.importorskip("torch")
    from knuckle.training.augment import change_view
    from knuckle.training.batches import HandSource

    convert_set("freihand", freihand.folder, tmp_path / "set", size=96)
    source = HandSource(tmp_path / "set", validation=4)
    assert (len(source.train), len(source.validation), len(source.negatives)) == (8, 4, 0)
    # The held-out hands are one sample in its four versions.
    np.testing.assert_allclose(
        source.set.labels["joints_m"][source.validation][:, 0], freihand.joints_m[[2] * 4, 0], atol=1e-6
    )
    for i in range(len(source.set)):
        for rng in (None, np.random.default_rng(i)):
            item = source.item(i, rng=rng)
            if rng is None:
                assert np.abs(item["joints_patch"] - source.set.labels["joints_px"][i]).max() < 0.05
                continue
            # A roll keeps distances from the camera, and the spot stays on its joint.
            np.testing.assert_allclose(
                np.linalg.norm(item["joints_m"], axis=-1),
                np.linalg.norm(source.set.labels["joints_m"][i], axis=-1),
                atol=1e-5,
            )
    view = change_view(source.view(0), np.random.default_rng(0))
    camera, crop = view.camera, view.crop
    frame_px = view.joints_m[:, :2] / view.joints_m[:, 2:] * camera[:2] + camera[2:]
    patch_px = (frame_px - crop[:2]) * (96 / crop[2]) + 95 / 2
    assert np.abs(patch_px[MARK] - brightest(view.image)).max() < 0.5


def test_obman_s_left_hands_are_mirrored_with_their_frame(obman, tmp_path):
    index = convert_set("obman", obman, tmp_path / "set", size=128)
    made = SynthSet(tmp_path / "set")
    assert_consistent(made)
    assert made.labels["camera"].tolist() == [
        [480, 480, 128, 128],
        [480, 480, 127, 128],
        [480, 480, 128, 128],
    ]
    # All are right hands of the open rig, so the right rig meets them.
    assert index["residual_mm"] < 0.5


def test_the_edge_is_repeated_where_a_crop_reaches_beyond_the_picture(freihand, tmp_path):
    convert_set("freihand", freihand.folder, tmp_path / "set", size=64, expand=4)
    image = SynthSet(tmp_path / "set").images[0]
    assert np.abs(image[0].astype(int) - image[1]).max() <= 1 and abs(int(image[0, 0, 0]) - 10) <= 3


def test_a_set_that_was_cut_short_is_finished(freihand, tmp_path, monkeypatch):
    monkeypatch.setattr(training_set, "SHARD", 4)
    convert_set("freihand", freihand.folder, tmp_path / "whole", size=48)
    last = freihand.folder / "training" / "rgb" / "00000011.jpg"
    good = last.read_bytes()
    last.write_bytes(b"no picture")
    out = tmp_path / "parts"
    with pytest.raises(KnuckleError, match=r"00000011\.jpg: expected a picture"):
        convert_set("freihand", freihand.folder, out, size=48)
    assert not json.loads((out / "index.json").read_text())["complete"]
    with pytest.raises(KnuckleError, match="cut short"):
        SynthSet(out)
    last.write_bytes(good)
    with pytest.raises(KnuckleError, match="holds a set already"):
        convert_set("freihand", freihand.folder, out, size=48)
    with pytest.raises(KnuckleError, match="its options is"):
        convert_set("freihand", freihand.folder, out, size=48, expand=1.25, resume=True)
    convert_set("freihand", freihand.folder, out, size=48, resume=True)
    whole, parts = SynthSet(tmp_path / "whole"), SynthSet(out)
    assert all(np.array_equal(whole.labels[name], parts.labels[name]) for name in whole.labels)
    assert np.array_equal(whole.images, parts.images)


def test_damaged_pictures_are_all_named_and_the_other_shards_written(freihand, tmp_path, monkeypatch):
    monkeypatch.setattr(training_set, "SHARD", 4)
    rgb = freihand.folder / "training" / "rgb"
    for name in ("00000000.jpg", "00000003.jpg"):
        (rgb / name).write_bytes(b"no picture")
    with pytest.raises(KnuckleError) as raised:
        convert_set("freihand", freihand.folder, tmp_path / "set", size=32)
    shown = str(raised.value)
    assert "00000000.jpg: expected a picture" in shown and "00000003.jpg: expected a picture" in shown
    assert "all but 1 of 3 shards are written: mend the files, or give --skip-damaged" in shown
    assert sorted(path.name for path in (tmp_path / "set/done").iterdir()) == ["000001", "000002"]


def test_the_command(freihand, obman, run, tmp_path, capsys):
    out = tmp_path / "a"
    arguments = ("--out", str(out), "--size", "48", "--limit", "5")
    assert run("convert", "freihand", str(freihand.folder), *arguments) == 0
    assert "5 crops of 48 px; the joints of the open rig lie" in capsys.readouterr().out
    assert len(SynthSet(out)) == 5
    mano = ("--rig", str(freihand.mano), "--workers", "1")
    assert run("convert", "obman", str(obman), "--out", str(tmp_path / "b"), "--size", "48", *mano) == 0
    assert "3 crops of 48 px; the joints of the mano rig lie" in capsys.readouterr().out


def damaged(folder: Path, part: str, text: str) -> None:
    (folder / f"training_{part}.json").write_text(text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "training_xyz.json").unlink(), "missing training_xyz.json"),
        (lambda f: damaged(f, "K", "[[[1, 0"), r"training_K\.json: expected JSON"),
        (lambda f: damaged(f, "K", "[]"), r"training_K\.json: expected rows of 3 x 3"),
        (
            lambda f: damaged(f, "xyz", "[[[1, 2, 3]], [[1, 2]]]"),
            r"training_xyz\.json: expected rows of 21 x 3",
        ),
        (lambda f: damaged(f, "mano", "[[[1, 2, 3]]]"), r"training_mano\.json: expected rows of 61"),
        (
            lambda f: damaged(f, "mano", json.dumps([[0.0] * 61])),
            "as many samples in each training label file",
        ),
        (lambda f: damaged(f, "mano", json.dumps([[0.0] * 61] * 3)), "expected scales above 0"),
        (
            lambda f: damaged(f, "mano", json.dumps([[1.0] * 61] * 3)),
            "expected MANO_RIGHT.pkl, whose joints lie",
        ),
        (lambda f: (f / "training/rgb/00000007.jpg").unlink(), r"missing training/rgb/\*\.jpg \(11 of 12\)"),
        (lambda f: (f / "training/rgb/00000000.jpg").write_bytes(b""), r"00000000\.jpg: expected a picture"),
    ],
)
def test_what_is_wrong_with_freihand_is_one_sentence_and_code_2(
    freihand, damage, message, run, tmp_path, capsys
):
    damage(freihand.folder)
    out, rig = str(tmp_path / "set"), str(freihand.mano)
    code = run("convert", "freihand", str(freihand.folder), "--out", out, "--size", "32", "--rig", rig)
    shown = " ".join(capsys.readouterr().err.split())
    assert code == 2 and "Traceback" not in shown and shown.count("error:") == 1
    assert re.search(message, shown), shown


def write_annotation(folder: Path, **changes) -> None:
    path = folder / "train" / "meta" / "00000004.pkl"
    meta = pickle.loads(path.read_bytes()) | changes
    path.write_bytes(pickle.dumps({key: value for key, value in meta.items() if value is not None}))


class Harmful:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coords_3d": None}, "00000004.pkl: expected an ObMan annotation, missing coords_3d"),
        ({"side": "both"}, '00000004.pkl: side: expected "left" or "right"'),
        ({"coords_3d": np.zeros((20, 3))}, "00000004.pkl: coords_3d: expected 21 x 3 finite numbers"),
        ({"coords_3d": np.ones((21, 3))}, "00000004.pkl: coords_3d: expected joints before the camera"),
        ({"coords_2d": np.zeros((21, 2))}, "00000004.pkl: coords_2d: expected the projection of coords_3d"),
        ({"coords_2d": "words"}, "00000004.pkl: coords_2d: expected 21 x 2 numbers"),
        ({"coords_2d": Harmful()}, "00000004.pkl: refused"),
    ],
)
def test_what_is_wrong_with_obman_is_named(obman, changes, message, tmp_path, capsys):
    write_annotation(obman, **changes)
    with pytest.raises(KnuckleError, match=message):
        convert_set("obman", obman, tmp_path / "set", size=32)
    assert capsys.readouterr().out == ""


def test_damaged_and_missing_files_of_obman_are_named(obman, tmp_path):
    annotation = obman / "train" / "meta" / "00000005.pkl"
    annotation.write_bytes(annotation.read_bytes()[:40])
    with pytest.raises(KnuckleError, match=r"00000005\.pkl: not an ObMan annotation"):
        convert_set("obman", obman, tmp_path / "set", size=32)
    convert_set("obman", obman, tmp_path / "two", size=32, limit=2)
    (obman / "train" / "rgb" / "00000004.jpg").unlink()
    with pytest.raises(KnuckleError, match=r"missing train/rgb/\*\.jpg \(2 of 3\)"):
        convert_set("obman", obman, tmp_path / "three", size=32)
    with pytest.raises(KnuckleError, match="no such folder"):
        convert_set("obman", tmp_path / "nowhere", tmp_path / "none", size=32)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size: expected 32 to 1024"),
        ({"expand": 0.5}, "expand: expected 1 to 4"),
        ({"limit": 0}, "limit: expected 1"),
        ({"workers": 0}, "workers: expected 1"),
        ({"rig": Path("none.pkl")}, "none.pkl: expected a MANO file"),
        ({"rig": Path("none.npz")}, "found no file none.npz"),
    ],
)
def test_wrong_options_are_named(freihand, options, message, tmp_path):
    with pytest.raises(KnuckleError, match=message):
        convert_set("freihand", freihand.folder, tmp_path / "set", **options)
    with pytest.raises(KnuckleError, match="dataset: expected one of freihand, ho3d, "):
        convert_set("panoptic", freihand.folder, tmp_path / "set")
    assert not (tmp_path / "set").exists()
