"""What the package computes, written down before its code moves and compared afterwards, to the last bit.

Run: python tools/freeze/freeze.py record OUT.npz
     python tools/freeze/freeze.py compare BEFORE.npz AFTER.npz [--within 1e-6]
     python tools/freeze/freeze.py load OUT.old
     python tools/freeze/freeze.py walk [--model NAME]

record also writes OUT.old, a folder with sets and training runs as this code stores them; load opens it with the code
of another day. compare and load exit 1 when something differs. README.md beside this file says what is recorded.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from compare import compare_records, count_same


def main() -> int:
    """Returns the exit code: 0, 1 where something differs, 2 for input that cannot be used."""
    arguments = _arguments()
    try:
        if arguments.command == "record":
            return record(arguments.out, only=arguments.only)
        if arguments.command == "compare":
            before, after = read_record(arguments.before), read_record(arguments.after)
            return report(before, after, within=arguments.within)
        if arguments.command == "load":
            return load(arguments.folder, within=arguments.within)
        return walk(arguments.model)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    from parts import PARTS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="write down what the package computes")
    recording.add_argument("out", type=Path, metavar="OUT.npz")
    recording.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="some parts")
    comparing = commands.add_parser("compare", help="name what differs between two records")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    loading = commands.add_parser("load", help="open sets and training runs that older code wrote, and go on")
    loading.add_argument("folder", type=Path, metavar="OUT.old")
    for command in (comparing, loading):
        command.add_argument(
            "--within", type=float, help="let floats differ by this much; without it, every bit must agree"
        )
    walking = commands.add_parser("walk", help="count the files that one photo's estimate passes through")
    walking.add_argument("--model", help="as of knuckle estimate; default: its own")
    return parser.parse_args()


def record(out: Path, *, only: list[str]) -> int:
    """Write the parts `only` names into `out`, and beside it the folder that `load` opens.

    Raises ValueError unless out is a new .npz, its folder's name not taken either.
    """
    from parts import PARTS

    old = out.with_suffix(".old")
    if out.suffix != ".npz":
        raise ValueError(f"{out}: expected a name that ends in .npz")
    for path in (out, old):
        if path.exists():
            raise ValueError(f"{path}: expected a new name, got one that is there")
    use_one_thread()
    arrays: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "old"
        folder.mkdir()
        for name in only:
            start = time.monotonic()
            part = PARTS[name](folder)
            arrays |= {f"{name}/{key}": value for key, value in part.items()}
            print(f"{name}: {len(part)} arrays in {time.monotonic() - start:.0f} s", flush=True)
        write(out, arrays)
        _move(folder, old)
    print(f"{out}: {len(arrays)} arrays; {old}: what `load` opens")
    return 0


def write(out: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a record, whole or not at all."""
    from knuckle.files import atomic_path

    with atomic_path(out) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]


def _move(folder: Path, old: Path) -> None:
    import shutil

    shutil.move(folder, old)


def read_record(path: Path) -> dict[str, np.ndarray]:
    """A record's arrays by name; raises ValueError naming a file that is none."""
    from zipfile import BadZipFile

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, EOFError, ValueError, AttributeError, BadZipFile) as error:
        raise ValueError(f"{path}: expected a record of `freeze.py record`, got {error}") from error


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
    from old import EXPECTED, open_old

    expected = read_record(folder / EXPECTED)
    use_one_thread()
    return report(expected, open_old(folder), within=within)


def walk(model: str | None) -> int:
    """Print the package's files in which a function is called while one photo is estimated, and their number."""
    from walk import files_walked

    files = files_walked(model)
    for name in files:
        print(name)
    print(f"{len(files)} files")
    return 0


def use_one_thread() -> None:
    """Sums over several threads may be added in another order. Call it before numba and torch are imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    if hasattr(os, "sched_setaffinity"):
        # onnxruntime takes as many threads as the process has cores.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import cv2

    cv2.setNumThreads(1)


if __name__ == "__main__":
    sys.exit(main())
