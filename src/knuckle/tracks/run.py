"""One video to its files: no frame is dropped, and what was interrupted goes on where it was."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import UInt8

from knuckle.errors import KnuckleError
from knuckle.hands import Hands
from knuckle.progress import show_progress
from knuckle.tracks.journal import EVERY, Journal, State
from knuckle.tracks.lines import Header, LinesWriter, read_header
from knuckle.tracks.overlay import Overlay
from knuckle.tracks.results import Results, Video
from knuckle.tracks.settings import Settings, difference, rig_of, version_here, weights_of
from knuckle.tracks.tables import Summary, summarise, write_npz, write_parquet
from knuckle.video import Frame, VideoInfo, VideoSource, open_video
from knuckle.video.pipeline import WAITING, Pipeline

WAITING_PIXELS = 8_000_000
"""In all frames that wait before a stage: large ones would fill the memory."""


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


@dataclass
class _Followed:
    """A frame on its way through the stages."""

    frame: Frame
    hands: Hands
    saved: dict[str, Any] | None
    """The tracker's state after it, every `EVERY` frames."""
    picture: UInt8[np.ndarray, "h w 3"] | None = None


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
    done, and the journal has an earlier one).

    Frames are read, followed, drawn and written at the same time, each in its own thread.
    """
    tracker = settings.open_tracker(source.info)
    camera = None
    if state.frames:
        source.skip(state.frames)
        tracker.restore(state.tracker or {})
        camera = read_header(results.lines).camera
    else:
        journal.save(state)

    def follow(frame: Frame) -> _Followed:
        nonlocal followed
        hands = tracker(frame.image, frame.time_s)
        followed += 1
        saved = None
        if followed % EVERY == 0:
            saved = json.loads(json.dumps(tracker.saved(), allow_nan=False))
            # From here on the run is as one that was killed now and goes on.
            tracker.restore(saved)
        return _Followed(frame, hands, saved)

    def draw(each: _Followed) -> _Followed:
        if overlay is not None:
            each.picture = overlay.draw(each.frame, each.hands)
        return each

    count = followed = state.frames
    with ExitStack() as stack:
        lines = stack.enter_context(LinesWriter(results.lines, keep=state.lines_bytes))
        if overlay is not None:
            stack.enter_context(overlay)
        waiting = max(1, min(WAITING, WAITING_PIXELS // (source.info.width * source.info.height)))
        stages = stack.enter_context(Pipeline(source, follow, draw, newest=False, waiting=waiting))
        advance = stack.enter_context(show_progress(source.info.name, source.info.count, done=count))
        for each in stages:
            if camera is None:
                camera = each.hands.camera
                lines.write_header(_header(source.info, state.task, settings, camera))
            lines.write(each.frame.index, each.hands, camera, mesh=settings.mesh)
            if overlay is not None and each.picture is not None:
                overlay.write(each.picture, each.frame.time_s)
            count += 1
            if each.saved is not None:
                journal.save(_state_after(state, count, lines, overlay, each.saved))
            advance(1)
            if stopped():
                return replace(state, frames=count)
        if overlay is not None:
            overlay.close()
        finished = replace(_state_after(state, count, lines, overlay, None), read=True)
        journal.save(finished)
    return finished


def _state_after(
    state: State, frames: int, lines: LinesWriter, overlay: Overlay | None, tracker: dict[str, Any] | None
) -> State:
    """After frames whose lines and part of the overlay are complete."""
    lines.sync()
    last_ms = -1 if overlay is None else overlay.last_ms
    return replace(state, frames=frames, lines_bytes=lines.bytes, overlay_ms=last_ms, tracker=tracker)


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
