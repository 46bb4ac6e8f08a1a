"""`annotate`: clips to a table, by an engine that others maintain; what is left is to name, count and go on."""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knuckle.archives.clips import Clip, find_clips, first_line, is_url
from knuckle.archives.column import check_segment, check_workers, write_clips
from knuckle.archives.engine import import_daft, set_one_thread, use_native, use_ray
from knuckle.archives.progress import Progress
from knuckle.archives.table import Asked, Table
from knuckle.archives.worker import Outcome
from knuckle.errors import KnuckleError
from knuckle.tracks.journal import Journal
from knuckle.tracks.settings import Settings

LOOKED_S = 0.5
TASKS_A_CORE = 20


@dataclass
class Done:
    """What came of a call."""

    clips: int
    """In all, those that were done before included."""
    before: int
    """Clips that an earlier run had done."""
    done: list[Outcome] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Clips that could not be done, with the reason."""
    stopped: bool = False
    """Whether it was asked to end before all was done."""


def annotate(
    arguments: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    segment_s: float,
    workers: int | None = None,
    ray: str | None = None,
    overwrite: bool = False,
    io_config: Any = None,
    stopped: Callable[[], bool] = lambda: False,
    note: Callable[[str], None] = print,
) -> Done:
    """Write the hands of clips as a table; what was interrupted goes on where it was.

    Args:
        arguments: files, folders, patterns, lists and URLs (`find_clips`).
        out: the folder of the table (`Table`).
        settings: what is asked, of all clips.
        segment_s: the length of a segment, at most 60 s.
        workers: processes with a core each; None: as many as there are cores, of the cluster with ray.
        ray: the address of a Ray cluster, or "local"; None: this machine without Ray.
        overwrite: start anew where there is a table of other options.
        io_config: Daft's, for stores that need keys; without it what the environment tells.
        stopped: once it is true, workers end where they are, and the same call goes on.
        note: takes what a user should know, a sentence each.

    Raises KnuckleError for options, clips or a folder that cannot be used; a clip that cannot be done is counted.
    """
    asked = Asked(settings, check_segment(segment_s))
    asked.to_dict()
    if "://" in str(out) or ":/" in str(out)[:6]:
        raise KnuckleError(f"{out}: expected a folder that all workers can write to, got a URL")
    count, cores = check_workers(workers), 0
    set_one_thread()
    if ray is None:
        use_native()
    else:
        cores = use_ray(ray)
        count = workers or cores
    clips = find_clips(arguments, io_config=io_config)
    table = Table(Path(out).absolute())
    table.claim()
    with Journal(table.journals):
        table.prepare(asked, overwrite=overwrite)
        table.sweep()
        # Those of other calls on this table are not forgotten.
        asked_now = {clip.name for clip in clips}
        earlier = {name: error for name, error in table.failed().items() if name not in asked_now}
        result = Done(len(clips), 0)
        left = _left(clips, table, result, note)
        # The longest first: none of them is what all others wait for in the end.
        left.sort(key=lambda clip: -(clip.bytes or 0))
        work = _Work(table, asked, io_config, stopped, note, result, earlier)
        work.do(left, count, cores)
        table.write_failed(earlier | result.failed)
    table.tidy()
    return result


def _left(clips: Sequence[Clip], table: Table, result: Done, note: Callable[[str], None]) -> list[Clip]:
    left = []
    for clip in clips:
        try:
            if not is_url(clip.name) and clip.bytes is None:
                raise KnuckleError(f"{clip.name}: expected a video file that can be read, got none")
            if table.is_done(clip.name, clip.bytes):
                result.before += 1
            else:
                left.append(clip)
        except KnuckleError as error:
            result.failed[clip.name] = str(error)
            note(f"error: {error}")
    return left


@dataclass
class _Work:
    """The clips of a call, and what came of them."""

    table: Table
    asked: Asked
    io_config: Any
    stopped: Callable[[], bool]
    note: Callable[[str], None]
    result: Done
    earlier: dict[str, str]
    """What other calls could not do."""

    def do(self, clips: list[Clip], workers: int, cores: int) -> None:
        """Do clips; one that ends the process which works on it is found and left out."""
        with Progress(clips, self.table) as progress:
            waiting = {clip.name: clip for clip in clips}
            while waiting and not self.result.stopped:
                crash = self._query(list(waiting.values()), workers, cores, waiting, progress)
                if crash is None:
                    if waiting and not self.result.stopped:
                        raise KnuckleError(f"Daft ended with {len(waiting)} clips left and no reason")
                    return
                suspects = progress.in_hand(waiting)
                if not suspects:
                    raise KnuckleError(f"Daft ended before a clip was begun ({first_line(crash)})")
                for name in suspects:
                    # Alone, so that no other clip can be to blame.
                    if self.result.stopped:
                        return
                    again = self._query([waiting[name]], 1, cores, waiting, progress)
                    if again is not None:
                        del waiting[name]
                        self._failed(
                            name,
                            f"{name}: expected a video, got one that ends its worker ({first_line(again)})",
                        )

    def _query(
        self, clips: list[Clip], workers: int, cores: int, waiting: dict[str, Clip], progress: Progress
    ) -> BaseException | None:
        """Let Daft do clips; what comes of each leaves `waiting`. The error where the engine itself failed."""
        daft = import_daft()
        workers = min(workers, len(clips))
        # On a cluster, tasks that any machine may take, each with some of the longest and some of the shortest.
        tasks = min(len(clips), TASKS_A_CORE * cores)
        if tasks:
            clips = [clip for task in range(tasks) for clip in clips[task::tasks]]
        frame = daft.from_pydict(
            {"clip": [clip.name for clip in clips], "bytes": [clip.bytes for clip in clips]}
        )
        frame = frame.with_column("bytes", frame["bytes"].cast(daft.DataType.int64()))
        if tasks:
            frame = frame.into_partitions(tasks)
        query = frame.select(
            write_clips(
                daft.col("clip"),
                daft.col("bytes"),
                self.table,
                self.asked,
                workers=workers,
                io_config=self.io_config,
            )
        )
        rows: queue.Queue[Any] = queue.Queue()

        def run() -> None:
            try:
                with daft.context.execution_config_ctx(maintain_order=False):
                    for row in query.iter_rows():
                        rows.put(row)
                rows.put(None)
            except BaseException as error:
                rows.put(error)

        thread = threading.Thread(target=run, name="daft", daemon=True)
        thread.start()
        asked_to_stop = False
        while True:
            try:
                row = rows.get(timeout=LOOKED_S)
            except queue.Empty:
                row = ()
            if self.stopped() and not asked_to_stop:
                asked_to_stop = True
                self.result.stopped = True
                self.table.stop.touch()
            if row is None:
                return None
            if isinstance(row, BaseException):
                return row
            if row:
                self._came(Outcome(**row), waiting, progress)
            progress.look()

    def _came(self, outcome: Outcome, waiting: dict[str, Clip], progress: Progress) -> None:
        if outcome.stopped:
            return
        waiting.pop(outcome.clip, None)
        for sentence in outcome.notes:
            self.note(f"note: {sentence}")
        if outcome.error is not None:
            self._failed(outcome.clip, outcome.error)
        else:
            self.result.done.append(outcome)
        progress.finished(outcome.clip)

    def _failed(self, clip: str, error: str) -> None:
        self.result.failed[clip] = error
        # At once, so that a run which is killed has told it.
        self.table.write_failed(self.earlier | self.result.failed)
        self.note(f"error: {error}")
