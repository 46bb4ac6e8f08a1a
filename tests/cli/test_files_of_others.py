"""Nothing that is not an earlier result of the same photo is overwritten, whatever it is named (F4)."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from knuckle.cli.inputs import find_photos
from knuckle.cli.main import app
from knuckle.errors import KnuckleError

from .conftest import names, one_error

BOX = ("--box", "10,5,40,30", "--side", "left")
RESULTS = ["y.glb", "y.json", "y.overlay.png"]


@pytest.fixture
def run(fake_model, detections):
    def call(*arguments: object):
        return CliRunner().invoke(app, ["estimate", "--model", fake_model, *map(str, arguments)])

    return call


def write_photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((40, 60, 3), 60, np.uint8)
    cv2.circle(picture, (30, 20), 9, (150, 180, 230), -1)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return path


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("y.json", b'{"version": "5.4.1", "shapes": []}'),
        ("y.json", b'{"image": "y.jpg", "hands": "my own notes"}'),
        ("y.json", b"not even JSON"),
        ("y.overlay.png", b"\x89PNG\r\n\x1a\n of somebody else"),
        ("y.glb", b"glTF of somebody else"),
    ],
)
def test_a_file_of_somebody_else_is_kept(run, tmp_path, name, content):
    photo = write_photo(tmp_path / "y.jpg")
    (tmp_path / name).write_bytes(content)
    for _ in range(2):
        result = run(photo, *BOX)
        assert result.exit_code == 0, result.output
        assert f"note: {photo}: {tmp_path / name} is not an earlier result" in result.output
        assert (tmp_path / name).read_bytes() == content
        assert names(tmp_path) == sorted({"y.jpg", name, "y.jpg.glb", "y.jpg.json", "y.jpg.overlay.png"})


def test_a_warning_of_the_photo_and_a_note_of_its_names_are_both_said(run, tmp_path):
    photo = tmp_path / "y.jpg"
    photo.write_bytes(cv2.imencode(".jpg", np.full((40, 60, 3), 60, np.uint8))[1].tobytes()[:-2])
    (tmp_path / "y.json").write_text("{}")
    output = run(photo).output
    assert output.count("warning: ") == output.count("note: ") == 1
    assert "no end mark" in output and "is not an earlier result" in output


def test_where_no_name_is_free_nothing_is_written(run, tmp_path):
    photo = write_photo(tmp_path / "y.jpg")
    for stem in ("y", "y.jpg", "y.jpg.knuckle"):
        (tmp_path / f"{stem}.json").write_text("[]")
    before = names(tmp_path)
    assert "expected a free name for its results" in one_error(run(photo, *BOX))
    assert names(tmp_path) == before


def test_a_user_s_glb_survives_a_photo_without_hands(run, tmp_path):
    photo = write_photo(tmp_path / "y.jpg")
    (tmp_path / "y.glb").write_bytes(b"mine")
    assert run(photo).exit_code == 0
    assert (tmp_path / "y.glb").read_bytes() == b"mine"


def test_earlier_results_are_replaced(run, tmp_path):
    photo = write_photo(tmp_path / "y.jpg")
    for arguments in (BOX, BOX, ("--box", "12,5,40,30", "--side", "right")):
        result = run(photo, *arguments)
        assert result.exit_code == 0 and "note:" not in result.output
        assert names(tmp_path) == sorted(["y.jpg", *RESULTS])
    assert json.loads((tmp_path / "y.json").read_text())["hands"][0]["side"] == "right"


def test_results_of_earlier_versions_are_replaced(run, tmp_path):
    photo = write_photo(tmp_path / "y.jpg")
    assert run(photo, *BOX).exit_code == 0
    written = json.loads((tmp_path / "y.json").read_text())
    earlier = {key: written[key] for key in ("image", "width", "height", "camera", "hands")}
    (tmp_path / "y.json").write_text(json.dumps(earlier))
    shutil.copy(photo, tmp_path / "y.overlay.png")
    glb = (tmp_path / "y.glb").read_bytes()
    trimesh_s = glb.replace(b'"generator":"knuckle"', b'"generator":"https://github.com/mikedh/trimesh"')
    grown = len(trimesh_s) - len(glb)
    length = int.from_bytes(glb[12:16], "little") + grown
    (tmp_path / "y.glb").write_bytes(trimesh_s[:12] + length.to_bytes(4, "little") + trimesh_s[16:])
    assert len(find_photos([tmp_path])) == 1
    result = run(photo, *BOX)
    assert result.exit_code == 0 and "note:" not in result.output
    assert names(tmp_path) == sorted(["y.jpg", *RESULTS])
    assert json.loads((tmp_path / "y.json").read_text())["format"] == "knuckle hands"


def test_a_photo_of_another_folder_keeps_its_results_in_the_same_out(run, tmp_path):
    first, second = (write_photo(tmp_path / folder / "1.png") for folder in "ab")
    out = tmp_path / "out"
    assert run(first, *BOX, "--out", out).exit_code == 0
    before = (out / "1.json").read_bytes()
    result = run(second, *BOX, "--out", out)
    assert result.exit_code == 0 and "1.json is not an earlier result" in result.output
    assert (out / "1.json").read_bytes() == before
    assert json.loads((out / "1.png.json").read_text())["photo"] == "../b/1.png"


def test_the_same_names_in_two_folders_keep_their_folders(run, tmp_path):
    photos = [write_photo(tmp_path / "in" / folder / "1.png") for folder in ("a", "b/c")]
    assert run(*photos, "--out", tmp_path / "out").exit_code == 0
    assert tree(tmp_path / "out") == ["a/1.json", "a/1.overlay.png", "b/c/1.json", "b/c/1.overlay.png"]


def test_the_same_stem_twice_in_a_folder(run, tmp_path):
    photos = [write_photo(tmp_path / name) for name in ("y.jpg", "y.png")]
    assert run(*photos, "--out", tmp_path / "out").exit_code == 0
    assert names(tmp_path / "out") == ["y.json", "y.overlay.png", "y.png.json", "y.png.overlay.png"]


def test_a_photo_named_like_a_result_is_never_written_to(run, tmp_path):
    photo, other = write_photo(tmp_path / "y.jpg"), write_photo(tmp_path / "y.overlay.png")
    before = other.read_bytes()
    assert run(photo, other).exit_code == 0
    assert other.read_bytes() == before
    assert (tmp_path / "y.jpg.overlay.png").exists() and (tmp_path / "y.overlay.overlay.png").exists()


def test_a_folder_stands_for_its_pictures_and_never_for_our_own(run, tmp_path):
    for name in ("z.png", "deep/a.jpg", "deep/er/b.PNG", ".hidden/c.png", "deep/.d.png"):
        write_photo(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    for _ in range(2):
        assert run(tmp_path / "in").exit_code == 0
        results = [name for name in tree(tmp_path / "in") if name.endswith(".json")]
        assert results == ["deep/a.json", "deep/er/b.json", "z.json"]
    assert run(tmp_path / "in", "--out", tmp_path / "out").exit_code == 0
    assert [name for name in tree(tmp_path / "out") if name.endswith(".json")] == results


def test_patterns_are_resolved(tmp_path):
    photos = [write_photo(tmp_path / "in" / name) for name in ("1.jpg", "a/2.jpg", "a/3.png", "[4].jpg")]
    found = find_photos([tmp_path / "in" / "**" / "*.jpg", tmp_path / "in" / "1.jpg", photos[3]])
    assert [(each.path, each.below.as_posix()) for each in found] == [
        (photos[0], "."),
        (photos[3], "."),
        (photos[1], "a"),
    ]


@pytest.mark.parametrize("name", ["empty", "*.jpg"])
def test_a_folder_or_pattern_without_pictures_is_one_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        KnuckleError, match=r"(folder with pictures|pattern that pictures match) .*, got none$"
    ):
        find_photos([tmp_path / name])


def test_explain_overwrites_no_picture_of_the_user(tmp_path):
    from knuckle.cli.explain import _free_path
    from knuckle.cli.ownership import png_bytes

    photo = tmp_path / "y.jpg"
    assert _free_path(photo, tmp_path).name == "y.explain.png"
    write_photo(tmp_path / "y.explain.png")
    assert _free_path(photo, tmp_path).name == "y.jpg.explain.png"
    (tmp_path / "y.explain.png").write_bytes(png_bytes(np.zeros((4, 4, 3), np.uint8)))
    assert _free_path(photo, tmp_path).name == "y.explain.png"


def test_a_link_is_no_folder_to_run_in_circles(tmp_path):
    write_photo(tmp_path / "in" / "1.png")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    assert len(find_photos([tmp_path / "in"])) == 1
