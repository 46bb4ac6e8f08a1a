"""Going through the frames of a video once: followed, drawn and written, with a state from which to go on."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8

from knuckle.hands import Hands
from knuckle.progress import show_progress
from knuckle.tracks.journal import EVERY, Journal, State
from knuckle.tracks.lines import LinesWriter, read_header
from knuckle.tracks.overlay import Overlay
from knuckle.tracks.task import header_of
from knuckle.video import Frame, VideoInfo, VideoSource
from knuckle.video.pipeline import WAITING, Pipeline

WAITING_PIXELS = 8_000_000
"""In all frames that wait before a stage: large ones would fill the memory."""


class Follower(Protocol):
    """What gives the hands of one frame after the other: a `Tracker`, or what stands in for it."""

    def __call__(self, frame: UInt8[np.ndarray, "H W 3"], time_s: float, /) -> Hands: ...
    def saved(self) -> dict[str, Any]: ...
    def restore(self, saved: dict[str, Any], /) -> None: ...


@dataclass(frozen=True)
class Pass:
    """One way through a video."""

    title: str
    """Of the progress bar."""
    lines: Path
    """The file of hands that it writes."""
    open_follower: Callable[[VideoInfo], Follower]
    overlay: Overlay | None = None
    """Draws the frames; None: they are not drawn."""
    mesh: bool = False
    """Whether lines have vertices."""


@dataclass
class _Followed:
    """A frame on its way through the stages."""

    frame: Frame
    hands: Hands
    saved: dict[str, Any] | None
    """The follower's state after it, every `EVERY` frames."""
    picture: UInt8[np.ndarray, "h w 3"] | None = None


def go_through(
    source: VideoSource, way: Pass, journal: Journal, state: State, stopped: Callable[[], bool]
) -> tuple[State, bool]:
    """Do the frames that are left. The state after them, and whether the video ended; where it was stopped, the journal
    has an earlier state.

    Frames are read, followed, drawn and written at the same time, each in its own thread. Raises KnuckleError for a
    video that cannot be read, and where a file cannot be written.
    """
    follower, overlay = way.open_follower(source.info), way.overlay
    camera = None
    if state.frames:
        source.skip(state.frames)
        follower.restore(state.tracker or {})
        camera = read_header(way.lines).camera
    else:
        journal.save(state)
    count = followed = state.frames

    def follow(frame: Frame) -> _Followed:
        nonlocal followed
        hands = follower(frame.image, frame.time_s)
        followed += 1
        saved = None
        if followed % EVERY == 0:
            saved = json.loads(json.dumps(follower.saved(), allow_nan=False))
            # From here on the run is as one that was killed now and goes on.
            follower.restore(saved)
        return _Followed(frame, hands, saved)

    def draw(each: _Followed) -> _Followed:
        if overlay is not None:
            each.picture = overlay.draw(each.frame, each.hands)
        return each

    with ExitStack() as stack:
        lines = stack.enter_context(LinesWriter(way.lines, keep=state.lines_bytes))
        if overlay is not None:
            stack.enter_context(overlay)
        waiting = max(1, min(WAITING, WAITING_PIXELS // (source.info.width * source.info.height)))
        stages = stack.enter_context(Pipeline(source, follow, draw, newest=False, waiting=waiting))
        advance = stack.enter_context(show_progress(way.title, source.info.count, done=count))
        for each in stages:
            if camera is None:
                camera = each.hands.camera
                lines.write_header(header_of(source.info, state.task, camera))
            lines.write(each.frame.index, each.hands, camera, mesh=way.mesh)
            if overlay is not None and each.picture is not None:
                overlay.write(each.picture, each.frame.time_s)
            count += 1
            if each.saved is not None:
                journal.save(_state_after(state, count, lines, overlay, each.saved))
            advance(1)
            if stopped():
                return replace(state, frames=count), False
        if overlay is not None:
            overlay.close()
        return _state_after(state, count, lines, overlay, None), True


def _state_after(
    state: State, frames: int, lines: LinesWriter, overlay: Overlay | None, tracker: dict[str, Any] | None
) -> State:
    """After frames whose lines and part of the overlay are complete."""
    lines.sync()
    last_ms = -1 if overlay is None else overlay.last_ms
    return replace(state, frames=frames, lines_bytes=lines.bytes, overlay_ms=last_ms, tracker=tracker)
