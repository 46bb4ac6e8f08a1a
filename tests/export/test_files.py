"""Files are written whole or not at all."""

import cv2
import numpy as np
import pytest
from made_hands import made_hands

from knuckle.errors import KnuckleError
from knuckle.export.json import write_json
from knuckle.export.meshes import write_glb, write_obj
from knuckle.export.npz import write_npz
from knuckle.files import atomic_path, parse_json, printable, write_image


def test_the_file_appears_only_at_the_end(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent and temporary.suffix == ".txt"
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_older_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("older")
    with pytest.raises(RuntimeError, match="half-way"), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("half-way")
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_reported_under_the_targets_name(tmp_path):
    with (
        pytest.raises(KnuckleError, match=r"a\.txt: cannot be written \(No space left"),
        atomic_path(tmp_path / "a.txt"),
    ):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_an_error_of_another_file_is_not_blamed_on_the_target(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "gone.txt").read_text()


@pytest.mark.parametrize("write", [write_json, write_glb, write_obj, write_npz])
def test_every_writer_names_what_it_cannot_write(tmp_path, write):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.x").mkdir()
    for target in (tmp_path / "file" / "out.x", tmp_path / "folder.x"):
        with pytest.raises(KnuckleError, match=f"{target.name}: cannot be written"):
            write(target, made_hands(), **({"image": "a.jpg"} if write is write_json else {}))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.x"]


def test_a_writer_that_puts_a_file_of_its_own_there_takes_no_rights_away(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_path(tmp_path / "a.bin") as temporary:
        other = tmp_path / "other"
        other.touch(mode=0o600)
        other.rename(temporary)
    assert (tmp_path / "a.bin").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_images_are_written_in_rgb(tmp_path):
    image = np.zeros((4, 5, 3), np.uint8)
    image[..., 0] = 200
    write_image(tmp_path / "a.png", image)
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [0, 0, 200]
    with pytest.raises(KnuckleError, match=r"suffix"):
        write_image(tmp_path / "a.what", image)
    with pytest.raises(KnuckleError, match=r"suffix"):
        write_image(tmp_path / "a", image)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "{", "\xef"])
def test_json_of_any_kind_is_read_or_refused_by_one_error(text):
    with pytest.raises(ValueError, match=r"nested too deeply|Expecting|expected"):
        parse_json(text)
    assert parse_json(b'{"a": [1]}') == {"a": [1]}


def test_every_name_can_be_printed():
    assert printable("photo.jpg") == "photo.jpg"
    assert printable("\udcef.jpg") == "\\xef.jpg"  # bytes of a name that are not UTF-8
    assert printable("\ud800.jpg") == "\\xed\\xa0\\x80.jpg"  # as a JSON may name a photo
