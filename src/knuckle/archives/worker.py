"""What a worker does: one clip at a time, from its first segment to its last, in little memory.

A worker is a process of its own with one core. It has no torch: importing that inside of Daft's workers crashes them.
"""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knuckle.archives.clips import first_line, is_url
from knuckle.archives.engine import import_daft
from knuckle.archives.rows import import_arrow, parquet_options, row_of, schema, table_of
from knuckle.archives.segments import walk
from knuckle.archives.table import Asked, Table
from knuckle.errors import KnuckleError
from knuckle.files import atomic_path
from knuckle.tracks.journal import Journal, JournalHeldError, State
from knuckle.tracks.settings import rig_of
from knuckle.video.file_source import FileSource
from knuckle.video.frame import VideoSource

PROGRESS = "progress"
"""In a clip's journal: frames done and frames there are, told every `TOLD_S`."""
TOLD_S = 1.0
WAITED_S = 20.0
"""For the worker of a killed run to let go of a clip: it looks every `LOOKED_S` whether its parent is still there."""
LOOKED_S = 0.5
COPIED_BYTES = 1 << 20


class StoppedError(Exception):
    """The run was asked to end."""


@dataclass
class Outcome:
    """What came of a clip."""

    clip: str
    frames: int = 0
    segments: int = 0
    hands: int = 0
    """Over all frames."""
    went_on_after: int = 0
    """Frames that an earlier run had done."""
    error: str | None = None
    stopped: bool = False
    notes: list[str] = field(default_factory=list)


def set_up() -> None:
    """Make this process a worker: one thread, no Ctrl-C of its own, and an end when its parent has ended."""
    import cv2

    from knuckle.inference.onnx_model import set_threads

    cv2.setNumThreads(1)
    set_threads(1)
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(os.getppid(),), name="parent watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOKED_S)
    os._exit(1)


@contextmanager
def opened(clip: str, io_config: Any, notes: list[str]) -> Iterator[VideoSource]:
    """A clip's frames. What has to be fetched is copied into a temporary file, a block at a time, by Daft.

    Raises KnuckleError naming the clip where it cannot be fetched or is no video.
    """
    with local_copy(clip, io_config) as path, FileSource(path, name=clip, warn=notes.append) as source:
        yield source


@contextmanager
def local_copy(clip: str, io_config: Any) -> Iterator[Path]:
    """A file of this machine with a clip's contents; raises KnuckleError naming a clip that cannot be fetched."""
    if not is_url(clip):
        yield Path(clip)
        return
    suffix = Path(clip.split("?", 1)[0]).suffix[:10]
    with tempfile.NamedTemporaryFile(prefix="knuckle-", suffix=suffix) as copy:
        try:
            with import_daft().File(clip, io_config=io_config).open() as source:
                while block := source.read(COPIED_BYTES):
                    copy.write(block)
            copy.flush()
        except Exception as error:
            # Daft's own errors, those of the store's reader, and a full disk.
            raise KnuckleError(f"{clip}: cannot be fetched ({first_line(error)})") from error
        yield Path(copy.name)


def annotate_clip(
    table: Table, clip: str, size: int | None, asked: Asked, *, io_config: Any = None
) -> Outcome:
    """Do a clip, or what an earlier run left of it, up to its Parquet file. Never raises: what is wrong is told."""
    outcome = Outcome(clip)
    try:
        if table.stop.exists():
            raise StoppedError
        with _journal(table.journal(clip)) as journal:
            try:
                if not table.part(clip).exists():
                    _annotate(table, clip, size, asked, io_config, journal, outcome)
            except KnuckleError:
                if journal.state is not None and not journal.state.frames:
                    journal.remove()
                raise
            journal.remove()
    except StoppedError:
        outcome.stopped = True
    except KnuckleError as error:
        message = str(error)
        outcome.error = message if clip in message else f"{clip}: {message}"
    except Exception as error:
        # A bug, or a clip beyond all that was thought of: the other thousands are done all the same.
        outcome.error = f"{clip}: {type(error).__name__}: {first_line(error)}"
    return outcome


def _journal(folder: Path) -> Journal:
    """The journal of a clip, which the worker of a run that was killed a moment ago may hold still."""
    until = time.monotonic() + WAITED_S
    while True:
        try:
            return Journal(folder)
        except JournalHeldError:
            if time.monotonic() > until:
                raise
            time.sleep(LOOKED_S)


def _annotate(
    table: Table,
    clip: str,
    size: int | None,
    asked: Asked,
    io_config: Any,
    journal: Journal,
    outcome: Outcome,
) -> None:
    about = {**asked.to_dict(), "clip": clip, "bytes": size}
    state = journal.state
    if state is None or state.task != about:
        journal.clear()
        state = State(about)
        journal.save(state)
    outcome.went_on_after = state.frames
    # Before the clip is touched: should it end this process, that tells which one it was.
    (journal.folder / PROGRESS).write_text(f"{state.frames} 0", encoding="utf-8")
    rig = rig_of(asked.settings.model)
    with opened(clip, io_config, outcome.notes) as source:
        tick = _teller(journal.folder / PROGRESS, source.info.count, table.stop)
        tick(state.frames)
        follower = asked.settings.open_tracker(source.info)
        for segment in walk(
            source,
            follower,
            segment_s=asked.segment_s,
            done=state.frames,
            saved=state.tracker,
            tick=tick,
        ):
            row = row_of(segment, clip=clip, rate=source.info.rate, rig=rig)
            _write_segment(journal.folder / f"{segment.number:06d}.parquet", row, about)
            if segment.follower is not None:
                state = State(about, frames=segment.done, tracker=segment.follower)
                journal.save(state)
    _join(sorted(journal.folder.glob("[0-9]*.parquet")), table.part(clip), about, outcome)


def _write_segment(path: Path, row: dict[str, Any], about: dict[str, Any]) -> None:
    import_arrow()
    from pyarrow import parquet

    with atomic_path(path) as temporary:
        parquet.write_table(table_of([row], about), temporary, **parquet_options())


def _join(segments: list[Path], path: Path, about: dict[str, Any], outcome: Outcome) -> None:
    """Join segments to a clip's file, each a row group, in the memory of one."""
    import_arrow()
    from pyarrow import parquet

    if not segments:
        raise KnuckleError(f"{outcome.clip}: expected a video with pictures, got one without any")
    with (
        atomic_path(path) as temporary,
        parquet.ParquetWriter(temporary, schema(about), **parquet_options()) as writer,
    ):
        for segment in segments:
            with parquet.ParquetFile(segment) as file:
                part = file.read()
            writer.write_table(part.replace_schema_metadata(schema(about).metadata))
            frames = part.column("frames").combine_chunks().flatten()
            outcome.segments += 1
            outcome.frames += len(frames)
            outcome.hands += len(frames.field("hands").flatten())


def _teller(path: Path, count: int | None, stop: Path) -> Callable[[int], None]:
    """Tells at times how far a clip is; raises StoppedError once the run is asked to end."""
    told_s = -TOLD_S

    def tell(done: int) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s < TOLD_S:
            return
        told_s = now_s
        with suppress(OSError):
            path.write_text(f"{done} {count or 0}", encoding="utf-8")
        if stop.exists():
            raise StoppedError

    return tell
