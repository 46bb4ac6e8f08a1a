"""One video to its files: no frame is dropped, and what was interrupted goes on where it was."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from knuckle.errors import KnuckleError
from knuckle.tracks.journal import EVERY, Journal, State
from knuckle.tracks.lines import read_header
from knuckle.tracks.offline import OfflineTracker
from knuckle.tracks.overlay import Overlay
from knuckle.tracks.passes import Pass, go_through
from knuckle.tracks.results import Results, Video
from knuckle.tracks.settings import Settings
from knuckle.tracks.tables import Summary, summarise, write_npz, write_parquet
from knuckle.tracks.task import check_same, task_of, task_of_header
from knuckle.video import VideoInfo, VideoSource, open_video

FIRST_LINES = "first-pass.jsonl"
"""In the journal: what each frame shows by itself, of a run whose hands are smoothed afterwards."""


@dataclass(frozen=True)
class Done:
    """What came of a video."""

    results: Results
    frames: int
    resumed_from: int
    """Frames that an earlier run had done."""
    finished: bool
    """False where the run was stopped: the same call goes on."""
    summary: Summary | None = None
    """Of a finished one."""
    was_done: bool = False
    """Whether an earlier run had done all."""
    parquet: bool = False
    """Whether the library for it is installed."""


def track_video(
    video: Video,
    results: Results,
    settings: Settings,
    *,
    overwrite: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    note: Callable[[str], None] = print,
) -> Done:
    """Follow the hands through a video and write its results.

    Args:
        video: a file, or the address of one.
        results: where they go (`choose_results`).
        settings: what is asked.
        overwrite: start anew where earlier results are finished, or of other settings.
        stopped: asked after every frame; once it is true, all files are closed so that they can be read, and the same
            call goes on.
        note: takes what a user should know, a sentence each.

    Raises KnuckleError for a video or results of another task, and where a file cannot be written: it then ends with
    what could be, and the same call goes on.
    """
    task = task_of(video, results, settings)
    with open_video(video.source, warn=note) as source, Journal(results.journal) as journal:
        if source.info.live:
            raise KnuckleError(
                f"{source.info.name}: expected a video file, got a camera or stream; `knuckle live` records those"
            )
        if overwrite:
            journal.clear()
        elif journal.state is not None:
            check_same(task, journal.state.task, results)
        state = journal.state
        if state is None and results.lines.exists() and not overwrite:
            check_same(task, task_of_header(read_header(results.lines)), results)
            state = State(task, done=True)
        if state is not None and state.done:
            journal.remove()
            summary = summarise(results.lines)
            parquet = results.parquet.exists()
            return Done(results, summary.frames, summary.frames, True, summary, True, parquet)
        try:
            return _run(source, video, results, settings, journal, state or State(task), stopped)
        except KnuckleError as error:
            raise KnuckleError(f"{error}; once that is mended, the same command goes on") from error


def _run(
    source: VideoSource,
    video: Video,
    results: Results,
    settings: Settings,
    journal: Journal,
    state: State,
    stopped: Callable[[], bool],
) -> Done:
    started, name, seen = state.frames, source.info.name, results.journal / FIRST_LINES
    if settings.offline and not state.followed:
        way = Pass(f"{name}, 1 of 2", seen, settings.open_tracker)
        state, ended = go_through(source, way, journal, state, stopped)
        if not ended:
            return Done(results, state.frames, started, False)
        state, started = State(state.task, followed=True), 0
        journal.save(state)
        # From its start again.
        with open_video(video.source, warn=_nobody) as again:
            return _run(again, video, results, settings, journal, state, stopped)
    overlay = _overlay(settings, results, source.info, state)
    if not state.read:
        if settings.offline:
            way = Pass(
                f"{name}, 2 of 2", results.lines, lambda _: OfflineTracker(seen), overlay, settings.mesh
            )
        else:
            way = Pass(name, results.lines, settings.open_tracker, overlay, settings.mesh)
        state, ended = go_through(source, way, journal, state, stopped)
        if ended:
            state = replace(state, read=True)
            journal.save(state)
    if overlay is not None:
        overlay.join(results.overlay)
    if not state.read:
        return Done(results, state.frames, started, False)
    summary = summarise(results.lines)
    write_npz(results.lines, results.npz, summary, folder=results.journal)
    parquet = write_parquet(results.lines, results.parquet)
    journal.save(replace(state, done=True))
    journal.remove()
    return Done(results, state.frames, started, True, summary, parquet=parquet)


def _overlay(settings: Settings, results: Results, info: VideoInfo, state: State) -> Overlay | None:
    if not settings.overlay:
        return None
    parts = -(-state.frames // EVERY)
    return Overlay(results.journal, info, first=parts, last_ms=state.overlay_ms)


def _nobody(note: str) -> None:
    """What the first pass has said already."""
