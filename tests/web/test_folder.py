"""The page as a folder: whole or not at all, and never over anything of yours."""

from pathlib import Path

import pytest

from knuckle.errors import KnuckleError
from knuckle.web.folder import MANIFEST, write_folder
from knuckle.web.site import Site


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_all_files_are_written(built: Site, tmp_path: Path):
    size = write_folder(tmp_path / "a" / "site", built)
    written = contents(tmp_path / "a" / "site")
    assert set(written) == {*built.names, MANIFEST}
    assert all(written[name] == built.read(name) for name in built.names)
    assert size == sum(len(built.read(name)) for name in built.names)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["site"]


def test_an_earlier_one_is_replaced_with_its_old_files(built: Site, page: Path, assets: Path, tmp_path: Path):
    folder = tmp_path / "site"
    write_folder(folder, built)
    (page / "main.js").rename(page / "other.js")
    write_folder(folder, Site(page, assets=assets))
    assert "other.js" in contents(folder) and "main.js" not in contents(folder)
    assert not list(tmp_path.glob(".site*"))


def test_an_empty_folder_is_taken(built: Site, tmp_path: Path):
    (tmp_path / "site").mkdir()
    write_folder(tmp_path / "site", built)
    assert (tmp_path / "site" / "index.html").is_file()


def test_what_is_not_ours_stays(built: Site, tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(
        KnuckleError, match=r"mine: expected a new or empty folder.*got one with thesis\.txt in it"
    ):
        write_folder(folder, built)
    assert contents(folder) == {"thesis.txt": b"mine"}
    with pytest.raises(KnuckleError, match="got a file"):
        write_folder(folder / "thesis.txt", built)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(KnuckleError, match="got a link"):
        write_folder(tmp_path / "link", built)


def test_what_was_added_to_ours_stays(built: Site, tmp_path: Path):
    folder = tmp_path / "site"
    write_folder(folder, built)
    (folder / "CNAME").write_text("example.org")
    before = contents(folder)
    with pytest.raises(KnuckleError, match="got one to which CNAME was added"):
        write_folder(folder, built)
    assert contents(folder) == before


def test_when_a_file_cannot_be_read_nothing_is_written(built: Site, page: Path, tmp_path: Path):
    folder = tmp_path / "site"
    write_folder(folder, built)
    before = contents(folder)
    (page / "wasm" / "run.wasm").unlink()
    with pytest.raises(KnuckleError, match="cannot be written"):
        write_folder(folder, built)
    assert contents(folder) == before
    assert not list(tmp_path.glob(".site*"))
