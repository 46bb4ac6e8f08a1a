"""Sets of crops on disk: one memory-mappable array a label, written in shards by parallel processes, resumable."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from knuckle.errors import KnuckleError
from knuckle.files import parse_json

FORMAT = 1
INDEX = "index.json"
_DONE = "done"
_CANNOT_ALLOCATE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
"""Errors of file systems that cannot allocate ahead."""

Header = dict[str, Any]
"""What index.json holds: "count", "arrays" (shape and dtype by name), "complete", and what made the set."""


class DamagedInput(KnuckleError):
    """Files that a shard is made of cannot be read: the other shards can be written all the same."""


def array_specs(count: int, table: dict[str, tuple[tuple[int, ...], str]]) -> Header:
    """The entry "arrays" of a header from the shape and dtype of one sample's labels."""
    return {name: {"shape": [count, *shape], "dtype": dtype} for name, (shape, dtype) in table.items()}


def write_set(
    out: Path,
    header: Header,
    write_shard: Callable[[int], None],
    *,
    shard_size: int,
    workers: int,
    resume: bool,
    same: Sequence[str],
    title: str | None,
    summary: Callable[[Path], Header] | None = None,
    otherwise: str = "mend the files and resume the set",
) -> Path:
    """Fill the folder `out` with the arrays of a header; returns it.

    The arrays are allocated at full size; a shard of `shard_size` samples counts once its marker, written under a
    temporary name and renamed, is there.

    Args:
        out: where the set is written.
        header: what its index holds, its arrays' shapes and dtypes among it.
        write_shard: writes one shard into the arrays of the folder; pickled where there are several workers.
        shard_size: samples in a shard.
        workers: processes.
        resume: go on with a set that was cut short; without it the folder must be empty or new.
        same: entries of the header that such a set must have in common with this one.
        title: of the progress bar; None for no bar.
        summary: gives what else the index says of the finished set.
        otherwise: what can be done where files are damaged.

    A shard that raises `DamagedInput` is left for a resumed run, the others are written, and all such errors are raised
    as one at the end. Raises KnuckleError for a folder in use and a set that does not match.
    """
    count = header["count"]
    _prepare(out, header, resume=resume, same=same)
    shards = range(-(-count // shard_size))
    missing = [shard for shard in shards if not (out / _DONE / f"{shard:06d}").exists()]
    done = len(shards) - len(missing)
    damaged: list[DamagedInput] = []
    with _bar(title, count, min(done * shard_size, count)) as advance:
        for finished in _run_shards(out, missing, write_shard, workers, damaged):
            advance(min(finished * shard_size + shard_size, count) - finished * shard_size)
    if damaged:
        told = "; ".join(str(error) for error in damaged)
        kept = f"; all but {len(damaged)} of {len(shards)} shards are written: {otherwise}"
        raise DamagedInput(told + kept)
    _write_json(out / INDEX, header | (summary(out) if summary else {}) | {"complete": True})
    return out


def open_arrays(out: Path, header: Header) -> dict[str, np.memmap]:
    """The arrays of a set that is being written, to write into."""
    return {name: open_memmap(out / f"{name}.npy", mode="r+") for name in header["arrays"]}


def read_index(folder: Path) -> Header:
    """The header of a set; raises KnuckleError if there is none."""
    try:
        index = parse_json((folder / INDEX).read_text())
        if not isinstance(index, dict) or not isinstance(index.get("arrays"), dict):
            raise ValueError("expected an object with arrays")
        return index
    except (OSError, ValueError) as error:
        raise KnuckleError(
            f"{folder}: expected a synthetic set or a converted one with an {INDEX} ({error})"
        ) from error


def _check_space(out: Path, header: Header) -> None:
    """A memory map that runs out of disk kills the process: better to ask first."""
    need = sum(int(np.prod(s["shape"])) * np.dtype(s["dtype"]).itemsize for s in header["arrays"].values())
    free = shutil.disk_usage(out).free
    if need > free:
        raise KnuckleError(
            f"{out}: the set needs {need / 1e9:.1f} GB, only {free / 1e9:.1f} GB are free there"
        ) from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _prepare(out: Path, header: Header, *, resume: bool, same: Sequence[str]) -> None:
    """Make the folder and its arrays, or check that it holds an interrupted set of the same kind."""
    if out.exists() and not out.is_dir():
        raise KnuckleError(f"{out}: expected a folder to write the set to, found a file")
    if (out / INDEX).exists():
        if not resume:
            raise KnuckleError(f"{out}: holds a set already; choose another folder or resume it")
        found = read_index(out)
        for key in same:
            if found.get(key) != header[key]:
                raise KnuckleError(
                    f"{out}: cannot resume, its {key} is {found.get(key)}, expected {header[key]}"
                )
        return
    if out.exists() and any(out.iterdir()) and not resume:
        raise KnuckleError(f"{out}: expected an empty folder")
    try:
        (out / _DONE).mkdir(parents=True, exist_ok=True)
        _check_space(out, header)
        for name, spec in header["arrays"].items():
            _allocate(out / f"{name}.npy", spec)
    except OSError as error:
        raise KnuckleError(f"{out}: cannot write the set there ({error.strerror})") from error
    # Last, so that an index always means complete files.
    _write_json(out / INDEX, header)


def _allocate(path: Path, spec: Header) -> None:
    """A file of the array's full size, its room on the disk taken now: a memory map that finds none later kills the
    process."""
    open_memmap(path, mode="w+", dtype=spec["dtype"], shape=tuple(spec["shape"])).flush()
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        except OSError as error:
            if error.errno not in _CANNOT_ALLOCATE:
                raise


def _write_json(path: Path, data: Header) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(data, indent=1) + "\n")
    temporary.replace(path)


def _run_shards(
    out: Path,
    missing: list[int],
    write_shard: Callable[[int], None],
    workers: int,
    damaged: list[DamagedInput],
) -> Iterator[int]:
    """Write shards here (one worker) or in processes; yields each when it is safely on disk. Errors of those that
    cannot be written for damaged files go to `damaged`."""
    if workers == 1 or len(missing) <= 1:
        for shard in missing:
            try:
                yield _run_shard(str(out), write_shard, shard)
            except DamagedInput as error:
                damaged.append(error)
        return
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        futures = [executor.submit(_run_shard, str(out), write_shard, shard) for shard in missing]
        for future in as_completed(futures):
            try:
                finished = future.result()
            except DamagedInput as error:
                damaged.append(error)
                continue
            yield finished
    except BrokenProcessPool as error:
        raise KnuckleError(f"{out}: a working process died; the set can be finished with resume") from error
    except BaseException:
        # Ctrl-C included: drop what waits; what runs is left unmarked and written again on resume.
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    executor.shutdown()


def _run_shard(folder: str, write_shard: Callable[[int], None], shard: int) -> int:
    write_shard(shard)
    marker = Path(folder) / _DONE / f"{shard:06d}"
    temporary = marker.with_name(f"{marker.name}.{os.getpid()}.tmp")
    temporary.write_text("")
    temporary.replace(marker)
    return shard


def _start_worker() -> None:
    import cv2

    cv2.setNumThreads(1)
    # Ctrl-C goes to the whole group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """A killed parent cannot end its workers: they look for themselves."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


class _bar:
    """A progress bar as a context manager that gives a function to advance it; silent without a title."""

    def __init__(self, title: str | None, total: int, completed: int) -> None:
        self.title, self.total, self.completed = title, total, completed

    def __enter__(self):
        if self.title is None:
            return lambda _: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn(self.title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(), console=Console(stderr=True),
        )  # fmt: skip
        self.bar.start()
        task = self.bar.add_task(self.title, total=self.total, completed=self.completed, rate="")

        def advance(amount: int) -> None:
            self.bar.advance(task, amount)
            speed = self.bar.tasks[0].speed
            self.bar.update(task, rate=f"{speed:.0f}/s" if speed else "")

        return advance

    def __exit__(self, *_: object) -> None:
        if self.title is not None:
            self.bar.stop()
