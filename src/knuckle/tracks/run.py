"""One video to its files: no frame is dropped, and what was interrupted goes on where it was."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from knuckle.errors import KnuckleError
from knuckle.progress import show_progress
from knuckle.tracks.journal import EVERY, Journal, State
from knuckle.tracks.lines import Header, LinesWriter, read_header
from knuckle.tracks.overlay import Overlay
from knuckle.tracks.results import Results, Video
from knuckle.tracks.settings import Settings, difference, rig_of, version_here, weights_of
from knuckle.tracks.tables import Summary, summarise, write_npz, write_parquet
from knuckle.video import VideoInfo, VideoSource, open_video


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
            return Done(results, summary.frames, summary.frames, True, summary, results.parquet.exists())
        return _run(source, results, settings, journal, state or State(task), stopped)


def _run(
    source: VideoSource,
    results: Results,
    settings: Settings,
    journal: Journal,
    state: State,
    stopped: Callable[[], bool],
) -> Done:
    started = state.frames
    overlay = _overlay(settings, results, source.info, state)
    if not state.read:
        state = _read(source, overlay, results, settings, journal, state, stopped)
    if overlay is not None:
        overlay.join(results.overlay)
    if not state.read:
        return Done(results, state.frames, started, False)
    summary = summarise(results.lines)
    write_npz(results.lines, results.npz, summary, folder=results.journal)
    parquet = write_parquet(results.lines, results.parquet)
    journal.save(replace(state, done=True))
    journal.remove()
    return Done(results, state.frames, started, True, summary, parquet)


def _overlay(settings: Settings, results: Results, info: VideoInfo, state: State) -> Overlay | None:
    if not settings.overlay:
        return None
    parts = -(-state.frames // EVERY)
    return Overlay(results.journal, info, first=parts, last_ms=state.overlay_ms)


def _read(
    source: VideoSource,
    overlay: Overlay | None,
    results: Results,
    settings: Settings,
    journal: Journal,
    state: State,
    stopped: Callable[[], bool],
) -> State:
    """Do the frames that are left; the state when the video ended, or when it was stopped (then its frames are those
    done, and the journal has an earlier one)."""
    tracker = settings.open_tracker(source.info)
    camera = None
    if state.frames:
        source.skip(state.frames)
        tracker.restore(state.tracker or {})
        camera = read_header(results.lines).camera
    else:
        journal.save(state)
    count = state.frames

    def saved(tracked: dict[str, Any]) -> State:
        lines.sync()
        last_ms = -1 if overlay is None else overlay.last_ms
        return replace(state, frames=count, lines_bytes=lines.bytes, overlay_ms=last_ms, tracker=tracked)

    with ExitStack() as stack:
        lines = stack.enter_context(LinesWriter(results.lines, keep=state.lines_bytes))
        if overlay is not None:
            stack.callback(overlay.close)
        advance = stack.enter_context(show_progress(source.info.name, source.info.count, done=count))
        for frame in source:
            hands = tracker(frame.image, frame.time_s)
            if camera is None:
                camera = hands.camera
                lines.write_header(_header(source.info, state.task, settings, hands.camera))
            lines.write(frame.index, hands, camera, mesh=settings.mesh)
            if overlay is not None:
                overlay.write(frame, hands)
            count += 1
            if count % EVERY == 0:
                tracked = json.loads(json.dumps(tracker.saved(), allow_nan=False))
                # From here on the run is as one that was killed now and goes on.
                tracker.restore(tracked)
                journal.save(saved(tracked))
            advance(1)
            if stopped():
                return replace(state, frames=count)
        if overlay is not None:
            overlay.close()
        finished = replace(saved({}), read=True)
        journal.save(finished)
    return finished


def _header(info: VideoInfo, task: dict[str, Any], settings: Settings, camera: Any) -> Header:
    return Header(
        video=task["video"],
        path=task["path"],
        bytes=task["bytes"],
        rate=info.rate,
        camera=camera,
        rig=rig_of(settings.model),
        settings=task["settings"],
        weights=task["weights"],
        knuckle=task["knuckle"],
    )


def task_of(video: Video, results: Results, settings: Settings) -> dict[str, Any]:
    """What is asked of which video, by what: plain values that JSON keeps."""
    return {
        "video": video.name,
        "path": video.seen_from(results.lines.parent),
        "bytes": video.bytes,
        "settings": settings.to_dict(),
        "weights": weights_of(settings.model),
        "knuckle": version_here(),
    }


def task_of_header(header: Header) -> dict[str, Any]:
    """That of a file of hands."""
    names = ("video", "path", "bytes", "settings", "weights", "knuckle")
    return {name: getattr(header, name) for name in names}


def check_same(task: dict[str, Any], earlier: dict[str, Any], results: Results) -> None:
    """Raise KnuckleError, saying what differs, where results there are of another task."""
    anew = "; --overwrite starts anew"
    if differs := difference(task["settings"], earlier["settings"]):
        raise KnuckleError(f"{results.lines}: expected the options it was begun with ({differs}){anew}")
    if task["bytes"] != earlier["bytes"]:
        raise KnuckleError(
            f"{task['path']}: expected the {earlier['bytes']} bytes that {results.lines} was begun with, got"
            f" {task['bytes']}{anew}"
        )
    for name, what in (("knuckle", "version of knuckle"), ("weights", "weights")):
        if task[name] != earlier[name]:
            raise KnuckleError(
                f"{results.lines}: expected the {what} that it was begun with, got others{anew}"
            )
