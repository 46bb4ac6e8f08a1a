"""Data sets that are still in their archives: unpacked once, by the standard library alone, a whole file at a time."""

import json
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from knuckle.errors import KnuckleError
from knuckle.files import atomic_path, parse_json

ENDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_DONE = ".unpacked.json"
_HALF = ".half"
_PIECE = 1 << 20


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive."""
    return path.name.lower().endswith(ENDS) and not path.is_dir()


def unpack(archive: Path, into: Path, *, progress: Callable[[int], None] = lambda count: None) -> Path:
    """Unpack a .tar (compressed or not) or .zip into a folder; returns the folder of the data set in it: the only one
    at the top, or `into` itself.

    A second call goes on where the first was ended: files that are there whole are not written again, and after the
    last one nothing is read. progress: called with 1 a file.

    Raises KnuckleError naming the archive where it cannot be read or is cut short (what came before it is there), and
    for members that would lie outside of `into` or are no plain files: none of those is written.
    """
    try:
        stamp = {"archive": archive.name, "bytes": archive.stat().st_size}
    except OSError as error:
        raise KnuckleError(f"{archive}: expected an archive, got {error.strerror}") from error
    marker = into / _DONE
    if marker.is_file():
        if _stamp_of(marker) != stamp:
            raise KnuckleError(f"{into}: expected the files of {archive.name}, got those of another archive")
        return _top(into)
    members = _of_zip(archive) if archive.name.lower().endswith(".zip") else _of_tar(archive)
    written = 0
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, size, opened in members:
            _write(into / _inside(archive, name), size, opened)
            written += 1
            progress(1)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        RuntimeError,
    ) as error:
        raise KnuckleError(
            f"{archive}: expected a whole archive, got one that ends or is damaged after {written} files ({error})"
        ) from error
    except OSError as error:
        raise KnuckleError(
            f"{archive}: cannot be unpacked into {into} ({error.strerror or error})"
        ) from error
    if not written:
        raise KnuckleError(f"{archive}: expected files in it, got none")
    with atomic_path(marker) as temporary:
        temporary.write_text(json.dumps(stamp))
    return _top(into)


_Member = tuple[str, int, Callable[[], IO[bytes]]]
"""Name, bytes, and what opens it."""


def _of_tar(archive: Path) -> Iterator[_Member]:
    # One after another: compressed archives cannot be entered anywhere.
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            if member.isdir():
                continue
            if not member.isreg():
                raise KnuckleError(f"{archive}: refused: {member.name} is a link or device, not a plain file")

            def opened(tar: tarfile.TarFile = tar, member: tarfile.TarInfo = member) -> IO[bytes]:
                found = tar.extractfile(member)
                assert found is not None
                return found

            yield member.name, member.size, opened


def _of_zip(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, lambda info=info: packed.open(info)


def _stamp_of(marker: Path) -> Any:
    """Of which archive the files are; None where the marker does not say."""
    try:
        return parse_json(marker.read_text())
    except (OSError, ValueError):
        return None


def _inside(archive: Path, name: str) -> Path:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or ":" in parts[0]:
        raise KnuckleError(f"{archive}: refused: {name!r} would lie outside of the folder")
    return Path(*parts)


def _write(path: Path, size: int, opened: Callable[[], IO[bytes]]) -> None:
    """A file under its own name only once it is whole."""
    if path.is_file() and path.stat().st_size == size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + _HALF)
    with opened() as source, half.open("wb") as target:
        shutil.copyfileobj(source, target, _PIECE)
    if half.stat().st_size != size:
        raise EOFError(f"{path.name}: {half.stat().st_size} of {size} bytes")
    os.replace(half, path)  # noqa: PTH105 - replaces on every system, as Path.rename does not


def _top(into: Path) -> Path:
    found = [path for path in into.iterdir() if path.name != _DONE]
    return found[0] if len(found) == 1 and found[0].is_dir() else into
