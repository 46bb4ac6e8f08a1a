"""A clip walked from its first frame to its last, cut into segments: knows nothing of files, engines or tables."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import UInt8

from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.tracks.lines import frame_to_json
from knuckle.video.frame import VideoSource

LONGEST_S = 60.0
"""Of a segment: what a row of a table holds at most, and what is lost when a run is killed."""


class Follower(Protocol):
    """What gives the hands of one frame after the other: a `Tracker`."""

    def __call__(self, frame: UInt8[np.ndarray, "H W 3"], time_s: float, /) -> Hands: ...
    def saved(self) -> dict[str, Any]: ...
    def restore(self, saved: dict[str, Any], /) -> None: ...


@dataclass
class Segment:
    """The hands of up to `LONGEST_S` seconds of a clip."""

    number: int
    """From 0, by the clip's clock: segment n begins n times its length after the clip's start. One in which no frame
    lies is left out."""
    camera: Camera
    frames: list[dict[str, Any]]
    """Each as a line of `knuckle track` has it: frame, time_s, hands."""
    done: int = 0
    """Frames that the source has given by its end."""
    follower: dict[str, Any] | None = None
    """The follower's state after it, from which the next segment goes on; None for the last one."""

    @property
    def hands(self) -> int:
        """How many hands, over all frames."""
        return sum(len(frame["hands"]) for frame in self.frames)


def walk(
    source: VideoSource,
    follower: Follower,
    *,
    segment_s: float,
    done: int = 0,
    saved: dict[str, Any] | None = None,
    tick: Callable[[int], None] = lambda _: None,
) -> Iterator[Segment]:
    """The segments of a clip, in order, each as soon as its last frame is followed.

    Args:
        source: the clip, at its start.
        follower: follows its hands from segment to segment: identities are unique in the clip.
        segment_s: length of a segment, s.
        done, saved: of the last segment of an earlier walk (`Segment`), after which this one begins.
        tick: told after every frame how many are done.

    Raises KnuckleError for a clip that cannot be read.
    """
    if done:
        source.skip(done)
        follower.restore(saved or {})
    segment: Segment | None = None
    for frame in source:
        number = int(frame.time_s // segment_s)
        if segment is not None and segment.number != number:
            state: dict[str, Any] = json.loads(json.dumps(follower.saved(), allow_nan=False))
            # From here on the walk is as one that was killed now and goes on.
            follower.restore(state)
            segment.follower = state
            yield segment
            segment = None
        hands = follower(frame.image, frame.time_s)
        if segment is None:
            segment = Segment(number, hands.camera, [])
        segment.frames.append(frame_to_json(frame.index, hands, segment.camera, mesh=False))
        done += 1
        segment.done = done
        tick(done)
    if segment is not None:
        yield segment
