"""One bad file among many: it is named and counted, the rest is written, and the set can be finished without it."""

import json
import os

import cv2
import numpy as np
import pytest

from knuckle.datasets import training_set
from knuckle.datasets.decoder_warnings import listen, read_whole
from knuckle.datasets.photos import is_cut_short, read_rgb
from knuckle.datasets.report import is_whole_picture
from knuckle.datasets.training_set import convert_set
from knuckle.errors import KnuckleError
from knuckle.evaluation.benchmarks.rendered import unseen
from knuckle.sets.reader import SynthSet
from knuckle.training.batches import HandSource

from .test_convert import Harmful, write_annotation


def test_a_set_is_finished_without_damaged_pictures_that_are_named(
    freihand, run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(training_set, "SHARD", 4)
    convert_set("freihand", freihand.folder, tmp_path / "whole", size=32)
    rgb = freihand.folder / "training" / "rgb"
    good = (rgb / "00000003.jpg").read_bytes()
    (rgb / "00000003.jpg").write_bytes(good[: len(good) // 2])
    for version in range(4):
        (rgb / f"{1 + 3 * version:08d}.jpg").write_bytes(b"no picture")
    out = tmp_path / "set"
    given = ["data", "convert", "freihand", str(freihand.folder), str(out), "--size", "32", "--workers", "1"]
    assert run(*given) == 2
    assert "give --skip-damaged to leave them out" in " ".join(capsys.readouterr().err.split())
    assert sorted(path.name for path in (out / "done").iterdir()) == ["000002"]
    assert run(*given, "--resume", "--skip-damaged") == 1
    told = capsys.readouterr().err
    assert "00000003.jpg: expected a picture, got one that is cut short" in told
    assert "5 damaged files or entries left out" in told
    index = json.loads((out / "index.json").read_text())
    assert index["complete"] and len(index["left_out_damaged"]) == 5
    made, whole = SynthSet(out), SynthSet(tmp_path / "whole")
    # Row 1 is the second version of sample 0, in whose place stands the first; sample 1's places has the hands after.
    assert np.array_equal(made.images[1], whole.images[0])
    for row in range(4, 8):
        assert np.array_equal(made.images[row], whole.images[8])
        np.testing.assert_allclose(made.labels["joints_m"][row], whole.labels["joints_m"][8], atol=1e-6)
        np.testing.assert_allclose(made.labels["pose"][row], whole.labels["pose"][8], atol=1e-5)
    for row in (0, 2, 3, 8, 9, 10, 11):
        assert np.array_equal(made.images[row], whole.images[row])


@pytest.mark.parametrize("changes", [{"coords_3d": np.zeros((20, 3))}, {"coords_2d": Harmful()}])
def test_one_bad_annotation_ends_no_conversion(obman, changes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training_set, "SHARD", 1)
    write_annotation(obman, **changes)
    with pytest.raises(KnuckleError, match=r"00000004\.pkl: .*all but 1 of 3 shards are written"):
        convert_set("obman", obman, tmp_path / "set", size=32)
    index = convert_set("obman", obman, tmp_path / "set", size=32, resume=True, skip_damaged=True)
    assert len(index["left_out_damaged"]) == 1 and "00000004.pkl" in index["left_out_damaged"][0]
    made = SynthSet(tmp_path / "set")
    assert np.array_equal(made.images[1], made.images[2]) and not np.array_equal(
        made.images[0], made.images[1]
    )
    assert capsys.readouterr().out == ""


def test_no_held_out_hand_is_trained_on_in_the_place_of_a_damaged_one(obman, tmp_path):
    """Three hands, the last held out: it stands in for the second, and the first one for the third."""
    whole = convert_set("obman", obman, tmp_path / "whole", size=32)
    source, seen = HandSource(tmp_path / "whole", validation=1), {"obman": (2, 3)}
    assert whole["count"] == 3 and "stand_ins" not in whole
    assert (source.train.tolist(), source.validation.tolist(), source.seen) == ([0, 1], [2], seen)
    pictures = sorted((obman / "train" / "rgb").glob("*.jpg"))
    good = pictures[1].read_bytes()
    pictures[1].write_bytes(b"no picture")
    index = convert_set("obman", obman, tmp_path / "second", size=32, skip_damaged=True)
    assert index["stand_ins"] == [[1, 2]]
    source = HandSource(tmp_path / "second", validation=1)
    assert (source.train.tolist(), source.validation.tolist(), source.seen) == ([0], [2], seen)
    pictures[1].write_bytes(good)
    pictures[2].write_bytes(b"no picture")
    convert_set("obman", obman, tmp_path / "third", size=32, skip_damaged=True)
    with pytest.raises(KnuckleError, match="third: expected hands to train on and held out"):
        HandSource(tmp_path / "third", validation=1)
    with pytest.raises(KnuckleError, match="expected hands that the weights were not trained on"):
        unseen(SynthSet(tmp_path / "third"), seen)


def test_an_index_of_other_things_than_rows_is_refused(obman, tmp_path):
    convert_set("obman", obman, tmp_path / "set", size=32)
    path = tmp_path / "set" / "index.json"
    index = json.loads(path.read_text())
    for wrong in ({"together": "x"}, {"stand_ins": 3}, {"stand_ins": [["a", 1]]}, {"stand_ins": [[1]]}):
        path.write_text(json.dumps(index | wrong))
        with pytest.raises(
            KnuckleError, match=r"index\.json: expected whole numbers in together and stand_ins"
        ):
            SynthSet(tmp_path / "set")


def test_frames_without_a_hand_pass_over_damaged_pictures(freihand, tmp_path):
    (freihand.folder / "training" / "rgb" / "00000000.jpg").write_bytes(b"no picture")
    index = convert_set(
        "freihand", freihand.folder, tmp_path / "set", size=32, negatives=0.5, skip_damaged=True
    )
    assert index["hand_free"] == 12 and len(index["left_out_damaged"]) == 1


def test_nothing_is_written_where_nothing_can_be_read(obman, tmp_path):
    for picture in (obman / "train" / "rgb").glob("*.jpg"):
        picture.write_bytes(b"no picture")
    with pytest.raises(KnuckleError, match="nor can the next"):
        convert_set("obman", obman, tmp_path / "set", size=32, skip_damaged=True)


@pytest.mark.parametrize("end", [".jpg", ".png"])
def test_a_picture_that_is_cut_short_is_not_read_as_grey(tmp_path, end):
    path = tmp_path / f"a{end}"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    whole = path.read_bytes()
    assert read_rgb(path).shape == (64, 64, 3)
    path.write_bytes(whole + bytes(200))
    assert read_rgb(path).shape == (64, 64, 3)
    for part in (0.98, 0.5, 0.1):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(KnuckleError, match=rf"a\{end}: expected a picture, got one that is cut short"):
            read_rgb(path)
    assert not is_cut_short(np.zeros(0, np.uint8))


def test_an_index_without_pictures_is_refused(obman, tmp_path):
    convert_set("obman", obman, tmp_path / "set", size=32)
    path = tmp_path / "set" / "index.json"
    index = json.loads(path.read_text())
    for name in ("images", "is_hand"):
        arrays = {key: value for key, value in index["arrays"].items() if key != name}
        path.write_text(json.dumps(index | {"arrays": arrays}))
        with pytest.raises(KnuckleError, match=rf"index\.json: expected arrays of a set, missing {name}"):
            SynthSet(tmp_path / "set")
    rows = np.load(tmp_path / "set" / "is_hand.npy")
    np.save(tmp_path / "set" / "is_hand.npy", rows[:2])
    arrays = index["arrays"] | {"is_hand": index["arrays"]["is_hand"] | {"shape": [2]}}
    path.write_text(json.dumps(index | {"arrays": arrays}))
    with pytest.raises(KnuckleError, match="expected as many rows of every array"):
        SynthSet(tmp_path / "set")


def damaged_inside(whole: bytes) -> bytes:
    """A JPEG of which 200 bytes in the middle of its data are missing, both ends as they were."""
    middle = 2 * len(whole) // 3
    return whole[:middle] + whole[middle + 200 :]


def noise_jpeg(path) -> bytes:
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    return path.read_bytes()


def test_damage_in_the_middle_is_told_by_the_decoder(tmp_path, capfd):
    path = tmp_path / "a.jpg"
    whole = noise_jpeg(path)
    assert read_whole(lambda: read_rgb(path), path).shape == (64, 64, 3)
    path.write_bytes(damaged_inside(whole))
    assert read_rgb(path).shape == (64, 64, 3), "loading does not look"
    assert "Corrupt JPEG data" in capfd.readouterr().err
    with pytest.raises(KnuckleError, match=r"a\.jpg: expected a picture, got one that is damaged inside"):
        read_whole(lambda: read_rgb(path), path)
    assert capfd.readouterr().err == ""
    assert not is_whole_picture(path, decode=True) and is_whole_picture(path)
    # Bytes left over after the picture hurt nothing.
    path.write_bytes(whole[:-2] + bytes(7) + whole[-2:])
    value, told = listen(lambda: read_rgb(path))
    assert "extraneous bytes before marker 0xd9" in told and value.shape == (64, 64, 3)
    assert read_whole(lambda: read_rgb(path), path).shape == (64, 64, 3)


def test_what_others_write_meanwhile_is_not_lost(capfd):
    def read():
        os.write(2, b"another part\nCorrupt JPEG data: premature end of data segment\nand more\n")
        return 3

    assert listen(read) == (3, "Corrupt JPEG data: premature end of data segment")
    assert capfd.readouterr().err == "another part\nand more\n"
    with pytest.raises(ZeroDivisionError):
        listen(lambda: os.write(2, b"before\n") / 0)
    assert capfd.readouterr().err == "before\n"


def test_a_conversion_names_pictures_damaged_inside(obman, run, tmp_path, capsys):
    pictures = sorted((obman / "train" / "rgb").glob("*.jpg"))
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    cv2.imwrite(str(pictures[1]), noise)
    pictures[1].write_bytes(damaged_inside(pictures[1].read_bytes()))
    given = ["data", "convert", "obman", str(obman), str(tmp_path / "set"), "--size", "32", "--workers", "1"]
    assert run(*given) == 2
    assert "00000004.jpg: expected a picture, got one that is damaged inside" in " ".join(
        capsys.readouterr().err.split()
    )
    assert run(*given, "--resume", "--skip-damaged") == 1
    index = json.loads((tmp_path / "set" / "index.json").read_text())
    assert len(index["left_out_damaged"]) == 1
    assert run("data", "check", "obman", str(obman), "--decode") == 1
    assert "1 damaged pictures: train/rgb/00000004.jpg" in capsys.readouterr().out
