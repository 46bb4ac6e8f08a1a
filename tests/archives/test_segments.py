"""A clip cut into segments, each a row: nothing is lost, doubled or begun anew at a border."""

import numpy as np
import pytest
from counting_tracker import CountingTracker

from knuckle.archives.segments import walk
from knuckle.geometry.camera import Camera
from knuckle.video import Frame, VideoInfo, VideoSource


class Made(VideoSource):
    """Grey frames at given times."""

    def __init__(self, times_s):
        self.info = VideoInfo("made", 64, 48, 10.0, None, len(times_s), False)
        self.frames = [
            Frame(np.full((48, 64, 3), 5 * n % 256, np.uint8), t, n) for n, t in enumerate(times_s)
        ]
        self.next = 0

    def __next__(self):
        if self.next == len(self.frames):
            raise StopIteration
        self.next += 1
        return self.frames[self.next - 1]

    def skip(self, count):
        self.next += count

    def stop(self): ...
    def close(self): ...


TIMES = [0.0, 0.4, 0.9, 1.0, 1.5, 1.99, 4.0, 4.5, 5.2, 5.3, 5.4, 5.5]


def walked(times=TIMES, **options):
    return list(walk(Made(times), CountingTracker(Camera.from_size(64, 48)), segment_s=1.0, **options))


def test_segments_follow_the_clock_and_empty_ones_are_left_out():
    segments = walked()
    assert [segment.number for segment in segments] == [0, 1, 4, 5]
    assert [[frame["time_s"] for frame in segment.frames] for segment in segments] == [
        TIMES[:3], TIMES[3:6], TIMES[6:8], TIMES[8:]
    ]  # fmt: skip
    assert [segment.done for segment in segments] == [3, 6, 8, 12]
    assert [frame["frame"] for segment in segments for frame in segment.frames] == list(range(12))
    assert segments[-1].follower is None


def test_identities_go_on_over_borders():
    identities = [
        [hand["identity"] for hand in frame["hands"]] for segment in walked() for frame in segment.frames
    ]
    assert identities[:3] == [[0]] * 3 and identities[3:8] == [[0, 1]] * 5 and identities[8:] == [[0, 2]] * 4


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_walk_that_goes_on_gives_the_same_segments(kept):
    whole = walked()
    last = whole[kept - 1]
    rest = walked(done=last.done, saved=last.follower)
    assert rest == whole[kept:]
    # The state matters: without it the hands would be others.
    assert walked(done=last.done, saved={"count": 0, "sum": 0.0}) != whole[kept:]


def test_every_frame_is_told():
    told = []
    walked(tick=told.append)
    assert told == list(range(1, 13))
