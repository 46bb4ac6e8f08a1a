"""The page as a folder of files that any host can serve."""

import json
import os
import shutil
from pathlib import Path
from uuid import uuid4

from knuckle.errors import KnuckleError
from knuckle.web.site import Site

MANIFEST = "knuckle-ar.json"
"""Names all files of a written folder, so that a later call knows what it may replace."""


def write_folder(folder: str | Path, site: Site) -> int:
    """Write all files of the page, whole or not at all; returns how many bytes they have.

    The folder may be new, empty, or one that was written like this before and to which nothing was added: that is
    replaced. Raises KnuckleError naming the folder where there is anything else, or where it cannot be written.
    """
    folder = Path(folder).absolute()
    _check(folder)
    new = folder.with_name(f".{folder.name[:100]}.{uuid4().hex[:12]}")
    old = new.with_name(f"{new.name}.old")
    try:
        total = 0
        for name in site.names:
            data = site.read(name)
            total += len(data)
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(data)
        (new / MANIFEST).write_text(json.dumps({"files": [*site.names, MANIFEST]}, indent=1) + "\n")
        replaced = folder.exists()
        if replaced:
            os.replace(folder, old)  # noqa: PTH105
        try:
            os.replace(new, folder)  # noqa: PTH105
        except OSError:
            if replaced:
                os.replace(old, folder)  # noqa: PTH105
            raise
    except OSError as error:
        raise KnuckleError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)
    return total


def _check(folder: Path) -> None:
    """Raise KnuckleError where there is anything that is not ours to replace."""
    if not folder.exists() and not folder.is_symlink():
        return
    expected = "expected a new or empty folder, or one that knuckle ar wrote"
    if not folder.is_dir() or folder.is_symlink():
        raise KnuckleError(f"{folder}: {expected}, got a {'link' if folder.is_symlink() else 'file'}")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not there:
        return
    try:
        ours = set(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise KnuckleError(f"{folder}: {expected}, got one with {min(there)} in it") from None
    if added := there - ours:
        raise KnuckleError(f"{folder}: {expected}, got one to which {min(added)} was added")
