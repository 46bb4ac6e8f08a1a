"""The commands of freeze.py; each returns its exit code."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from compare import compare_records, count_same
from old import EXPECTED, open_old
from parts import PARTS
from walk import files_walked

import knuckle
from knuckle import KnuckleError
from knuckle.files import atomic_path


def record(out: Path, *, only: Sequence[str] | None = None) -> int:
    """Write all parts, or those that `only` names, into `out`, and beside it the folder that `load` opens.

    Raises KnuckleError for a part that there is not, and unless out is a new .npz, its folder's name not taken either.
    """
    old = out.with_suffix(".old")
    if out.suffix != ".npz":
        raise KnuckleError(f"{out}: expected a name that ends in .npz")
    for path in (out, old):
        if path.exists():
            raise KnuckleError(f"{path}: expected a new name, got one that is there")
    if unknown := sorted(set(only or ()) - PARTS.keys()):
        raise KnuckleError(f"--only: expected some of {', '.join(PARTS)}, got {', '.join(unknown)}")
    print(f"recording {Path(knuckle.__file__ or '').parent}", flush=True)
    arrays: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "old"
        folder.mkdir()
        for name in only or PARTS:
            start = time.monotonic()
            part = PARTS[name](folder)
            arrays |= {f"{name}/{key}": value for key, value in part.items()}
            print(f"{name}: {len(part)} arrays in {time.monotonic() - start:.0f} s", flush=True)
        write(out, arrays)
        shutil.move(folder, old)
    print(f"{out}: {len(arrays)} arrays; {old}: what `load` opens")
    return 0


def write(out: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a record, whole or not at all."""
    with atomic_path(out) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def read_record(path: Path) -> dict[str, np.ndarray]:
    """A record's arrays by name; raises KnuckleError naming a file that is none."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, TypeError, BadZipFile) as error:
        got = getattr(error, "strerror", None) or "another file"
        raise KnuckleError(f"{path}: expected a record of `freeze.py record` (.npz), got {got}") from error


def compare(before: Path, after: Path, *, within: float | None) -> int:
    """Name what differs between two records; 1 if anything does."""
    return report(read_record(before), read_record(after), within=within)


def report(before: dict[str, np.ndarray], after: dict[str, np.ndarray], *, within: float | None) -> int:
    """Print what differs, the worst of each array; 1 if anything does."""
    differences = compare_records(before, after, within=within)
    for difference in differences:
        print(difference)
    same = count_same(before, after)
    print(f"{same} of {len(before.keys() | after.keys())} arrays are the same to the bit", end="; ")
    print(f"{len(differences)} differ" if differences else "none differs")
    return 1 if differences else 0


def load(folder: Path, *, within: float | None) -> int:
    """Open what `record` left in a folder and go on from it; 1 if anything comes out otherwise."""
    expected = read_record(folder / EXPECTED)
    return report(expected, open_old(folder), within=within)


def walk(model: str | None) -> int:
    """Print the package's files in which a function is called while one photo is estimated, and their number."""
    files = files_walked(model)
    for name in files:
        print(name)
    print(f"{len(files)} files")
    return 0
