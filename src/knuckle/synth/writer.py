"""Render a set to disk by parallel processes: one memory-mappable array a label, resumable at any point."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from knuckle.errors import KnuckleError
from knuckle.synth.options import SynthOptions
from knuckle.synth.sample import label_table

SHARD = 512
FORMAT = 1
INDEX = "index.json"
_DONE = "done"
_engines: dict[str, Any] = {}


def render_set(
    out: Path,
    count: int,
    *,
    seed: int = 0,
    options: SynthOptions | None = None,
    workers: int = 1,
    resume: bool = False,
    progress: bool = False,
) -> Path:
    """Render samples 0..count-1 of a seed into the folder `out`; returns it.

    The arrays are allocated at full size; a shard of 512 samples counts once its marker, written under a
    temporary name and renamed, is there. `resume` goes on with a set of equal options that was cut short;
    without it the folder must be empty or new. The bytes do not depend on workers or interruptions. Raises
    KnuckleError for bad options, a folder in use, and a set that does not match.
    """
    options = options or SynthOptions()
    if count < 1:
        raise KnuckleError(f"count: expected at least 1 sample, got {count}")
    if workers < 1:
        raise KnuckleError(f"workers: expected at least 1 process, got {workers}")
    if seed < 0:
        raise KnuckleError(f"seed: expected 0 or more, got {seed}")
    header = _header(count, seed, options)
    _prepare(out, header, resume=resume)
    shards = range(-(-count // SHARD))
    missing = [s for s in shards if not (out / _DONE / f"{s:06d}").exists()]
    done = len(shards) - len(missing)
    with _bar(count, min(done * SHARD, count), enabled=progress) as advance:
        for finished in _render_shards(out, missing, header, workers):
            advance(min(finished * SHARD + SHARD, count) - finished * SHARD)
    _write_json(out / INDEX, header | {"complete": True})
    return out


def _header(count: int, seed: int, options: SynthOptions) -> dict[str, Any]:
    from knuckle.rig.rig import load_rig
    from knuckle.synth.background import backgrounds_folder

    vertex_count = len(load_rig("open").vertices)
    photographs = options.backgrounds == "auto" and backgrounds_folder() is not None
    table = label_table(options.size, vertex_count, full=options.labels == "full")
    table = {"images": ((options.size, options.size, 3), "uint8"), **table}
    return {
        "format": FORMAT,
        "count": count,
        "seed": seed,
        "options": options.to_dict(),
        "photographs": photographs,
        "rig": _rig_sum(),
        "arrays": {
            name: {"shape": [count, *shape], "dtype": dtype} for name, (shape, dtype) in table.items()
        },
        "complete": False,
    }


def _rig_sum() -> str:
    """Tells one version of the rig file from another."""
    from knuckle.rig.rig import load_rig

    rig = load_rig("open")
    arrays = (
        rig.vertices,
        rig.skin_weights,
        rig.shape_basis,
        rig.joint_regressor,
        rig.pose_basis,
        rig.pose_map,
    )
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]


def _check_space(out: Path, header: dict[str, Any]) -> None:
    """A memory map that runs out of disk kills the process: better to ask first."""
    need = sum(int(np.prod(s["shape"])) * np.dtype(s["dtype"]).itemsize for s in header["arrays"].values())
    free = shutil.disk_usage(out).free
    if need > free:
        raise KnuckleError(
            f"{out}: the set needs {need / 1e9:.1f} GB, only {free / 1e9:.1f} GB are free there"
        )


def _prepare(out: Path, header: dict[str, Any], *, resume: bool) -> None:
    """Make the folder and its arrays, or check that it holds an interrupted set of the same kind."""
    if out.exists() and not out.is_dir():
        raise KnuckleError(f"{out}: expected a folder to write the set to, found a file")
    if (out / INDEX).exists():
        if not resume:
            raise KnuckleError(f"{out}: holds a set already; choose another folder or resume it")
        found = read_index(out)
        for key in ("format", "count", "seed", "options", "photographs", "rig"):
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
            open_memmap(
                out / f"{name}.npy", mode="w+", dtype=spec["dtype"], shape=tuple(spec["shape"])
            ).flush()
    except OSError as error:
        raise KnuckleError(f"{out}: cannot write the set there ({error.strerror})") from error
    # Last, so that an index always means complete files.
    _write_json(out / INDEX, header)


def read_index(folder: Path) -> dict[str, Any]:
    """The header of a set; raises KnuckleError if there is none."""
    try:
        return json.loads((folder / INDEX).read_text())
    except (OSError, ValueError) as error:
        raise KnuckleError(f"{folder}: expected a synthetic set with an {INDEX} ({error})") from error


def _write_json(path: Path, data: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(data, indent=1) + "\n")
    temporary.replace(path)


def _render_shards(out: Path, missing: list[int], header: dict[str, Any], workers: int) -> Iterator[int]:
    """Render shards here (one worker) or in processes; yields each when it is safely on disk."""
    if workers == 1 or len(missing) <= 1:
        for shard in missing:
            yield _render_shard(str(out), shard, header)
        return
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        futures = [executor.submit(_render_shard, str(out), shard, header) for shard in missing]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise KnuckleError(f"{out}: a rendering process died; the set can be finished with resume") from error
    except BaseException:
        # Ctrl-C included: drop what waits; what runs is left unmarked and rendered again on resume.
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    executor.shutdown()


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


def _render_shard(folder: str, shard: int, header: dict[str, Any]) -> int:
    from knuckle.synth.engine import SynthEngine

    out = Path(folder)
    options = SynthOptions(**header["options"])
    key = json.dumps([folder, header["seed"], header["options"]])
    if key not in _engines:
        _engines.clear()
        _engines[key] = SynthEngine(header["seed"], options, folder=out / "pool")
    engine = _engines[key]
    start, stop = shard * SHARD, min(shard * SHARD + SHARD, header["count"])
    arrays = {name: open_memmap(out / f"{name}.npy", mode="r+") for name in header["arrays"]}
    for index in range(start, stop):
        sample = engine.sample(index)
        arrays["images"][index] = sample.image
        for name, value in sample.labels().items():
            arrays[name][index] = value
    for array in arrays.values():
        array.flush()
    marker = out / _DONE / f"{shard:06d}"
    temporary = marker.with_name(f"{marker.name}.{os.getpid()}.tmp")
    temporary.write_text("")
    temporary.replace(marker)
    return shard


class _bar:
    """A progress bar as a context manager that gives a function to advance it; silent when not enabled."""

    def __init__(self, total: int, completed: int, *, enabled: bool) -> None:
        self.total, self.completed, self.enabled = total, completed, enabled

    def __enter__(self):
        if not self.enabled:
            return lambda _: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(), console=Console(stderr=True),
        )  # fmt: skip
        self.bar.start()
        task = self.bar.add_task("rendering", total=self.total, completed=self.completed, rate="")

        def advance(amount: int) -> None:
            self.bar.advance(task, amount)
            speed = self.bar.tasks[0].speed
            self.bar.update(task, rate=f"{speed:.0f}/s" if speed else "")

        return advance

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            self.bar.stop()
