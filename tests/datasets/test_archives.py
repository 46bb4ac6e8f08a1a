"""Archives of data sets: unpacked whole, resumed, and refused where they are cut short or hostile."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from knuckle.datasets.archives import is_archive, unpack
from knuckle.errors import KnuckleError
from knuckle.sets.reader import SynthSet

FILES = {f"top/rgb/{n}.bin": np.random.default_rng(n).bytes(40_000) for n in range(6)}


def packed(path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in FILES.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.zip"])
def test_all_files_come_out_once(tmp_path, name):
    archive, counted = packed(tmp_path / name), []
    assert is_archive(archive) and not is_archive(tmp_path)
    folder = unpack(archive, tmp_path / "out", progress=counted.append)
    assert folder == tmp_path / "out" / "top" and sum(counted) == len(FILES)
    for file, data in FILES.items():
        assert (tmp_path / "out" / file).read_bytes() == data
    # Nothing is written again, and what is written is another archive's no more.
    (folder / "rgb" / "0.bin").unlink()
    assert unpack(archive, tmp_path / "out") == folder and not (folder / "rgb" / "0.bin").exists()
    with pytest.raises(KnuckleError, match="got those of another archive"):
        unpack(packed(tmp_path / ("b" + name)), tmp_path / "out")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_an_archive_that_is_cut_short_is_named_and_goes_on_when_it_is_whole(tmp_path, name):
    archive = packed(tmp_path / name)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(KnuckleError, match=rf"{name}: expected a whole archive, .* after [23] files"):
        unpack(archive, tmp_path / "out")
    there = tmp_path / "out" / "top" / "rgb" / "0.bin"
    assert there.read_bytes() == FILES["top/rgb/0.bin"]
    assert not [path for path in (tmp_path / "out").rglob("*.bin") if len(path.read_bytes()) != 40_000]
    before = there.stat().st_mtime_ns
    archive.write_bytes(whole)
    unpack(archive, tmp_path / "out")
    assert there.stat().st_mtime_ns == before
    assert all((tmp_path / "out" / file).read_bytes() == data for file, data in FILES.items())


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt"])
def test_a_member_outside_of_the_folder_is_refused(tmp_path, name):
    for end in (".tar", ".zip"):
        archive = tmp_path / f"a{end}"
        if end == ".zip":
            with zipfile.ZipFile(archive, "w") as made:
                made.writestr(name, "x")
        else:
            with tarfile.open(archive, "w") as made:
                made.addfile(tarfile.TarInfo(name))
        with pytest.raises(KnuckleError, match=r"refused: .* would lie outside"):
            unpack(archive, tmp_path / "out")
    assert not list(tmp_path.rglob("out.txt"))


def test_links_and_other_files_are_refused(tmp_path):
    link = tarfile.TarInfo("a")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as made:
        made.addfile(link)
    with pytest.raises(KnuckleError, match="refused: a is a link or device"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    (tmp_path / "b.tar").write_bytes(b"no archive at all")
    with pytest.raises(KnuckleError, match=r"b\.tar: expected a whole archive"):
        unpack(tmp_path / "b.tar", tmp_path / "out")
    with pytest.raises(KnuckleError, match=r"c\.zip: expected an archive"):
        unpack(tmp_path / "c.zip", tmp_path / "out")


def test_damaged_lzma_in_a_zip_is_a_damaged_archive(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("set/a.txt", bytes(range(256)) * 300)
    data = bytearray(path.read_bytes())
    data[60:120] = b"\xff" * 60
    path.write_bytes(data)
    with pytest.raises(KnuckleError, match=r"a\.zip: expected a whole archive"):
        unpack(path, tmp_path / "out")


def test_a_folder_whose_marker_says_nothing_is_another_archives(tmp_path):
    path, out = tmp_path / "a.zip", tmp_path / "out"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("set/a.txt", "a")
    assert unpack(path, out) == out / "set"
    (out / ".unpacked.json").write_text("")
    with pytest.raises(KnuckleError, match=r"out: expected the files of a\.zip, got those of another"):
        unpack(path, out)


def test_a_set_is_converted_from_its_tar(obman, run, tmp_path, capsys):
    with tarfile.open(tmp_path / "obman.tar", "w") as archive:
        archive.add(obman, "obman")
    out = tmp_path / "set"
    given = [
        "data",
        "convert",
        "obman",
        str(tmp_path / "obman.tar"),
        str(out),
        "--size",
        "32",
        "--workers",
        "1",
    ]
    assert run(*given) == 0
    assert len(SynthSet(out)) == 3 and (tmp_path / "set-unpacked" / "obman" / "train").is_dir()
    assert "set-unpacked" in capsys.readouterr().out
