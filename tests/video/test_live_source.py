"""Cameras and streams that are absent, busy, slow, unplugged or come back; and files that play as if they were one."""

import os
import threading
import time
from collections.abc import Callable

import cv2
import pytest
from pictures import FakeCapture, number_of, numbered

from knuckle.errors import KnuckleError
from knuckle.video import open_video
from knuckle.video.clock import StreamClock
from knuckle.video.live_source import FAILED_READS, LiveSource
from knuckle.video.mjpeg import PictureServer


def live(*captures: FakeCapture, **options) -> LiveSource:
    left = list(captures)
    defaults = {
        "name": "camera 0",
        "absent": "no camera",
        "times": "arrival",
        "timeout_s": 2.0,
        "reconnect_s": 0.0,
    }
    return LiveSource(lambda: left.pop(0), **{**defaults, "warn": pytest.fail, **options})


def after(wait: Callable[[], object], number: int) -> Callable[[], object]:
    def picture() -> object:
        wait()
        return numbered(number)

    return picture


def test_the_newest_frame_is_given_and_stale_ones_are_counted():
    given, taken = threading.Event(), threading.Event()
    pictures = [numbered(0), after(lambda: taken.wait(2), 1), numbered(2), numbered(3), after(given.set, 4)]
    with live(FakeCapture([*pictures, lambda: time.sleep(0.3)])) as video:
        assert number_of(next(video).image) == 0
        taken.set()
        given.wait(2)
        time.sleep(0.05)
        before = time.monotonic()
        frame = next(video)
        assert number_of(frame.image) == frame.index == 4
        assert video.stale == 3
        assert before - 1 < frame.time_s < before
        with pytest.raises(KnuckleError, match="file to go on in"):
            video.skip(1)


def test_the_first_frame_that_is_asked_for_is_the_newest_too():
    made, given = threading.Event(), threading.Event()
    pictures = [numbered(0), after(lambda: made.wait(2), 1), after(given.set, 2), lambda: time.sleep(0.3)]
    with live(FakeCapture(pictures)) as video:
        made.set()
        given.wait(2)
        time.sleep(0.05)
        assert number_of(next(video).image) == 2
        assert video.stale == 2


@pytest.mark.parametrize("capture", [FakeCapture([], opened=False), FakeCapture([])])
def test_a_camera_that_is_absent_or_busy_is_told(capture):
    with pytest.raises(KnuckleError, match=r"^camera 0: no camera$"):
        live(capture)
    assert capture.released


def test_an_unplugged_camera_is_told_after_its_last_frame():
    capture = FakeCapture([numbered(0), None, numbered(1), *[None] * FAILED_READS])
    with live(capture) as video:
        seen = []
        with pytest.raises(KnuckleError, match="camera 0: expected pictures, got none any more: unplugged"):
            seen += [number_of(frame.image) for frame in iter(lambda: next(video), None)]
    assert capture.released


def test_a_stream_that_comes_back_in_another_size_is_told():
    captures = FakeCapture([numbered(0)]), FakeCapture([numbered(1, 48, 64)])
    notes: list[str] = []
    with (
        live(*captures, reconnect_s=2.0, warn=notes.append) as video,
        pytest.raises(
            KnuckleError, match="camera 0: expected pictures of one size, got 64x48 and then 48x64"
        ),
    ):
        list(video)
    assert "trying to reach it again" in notes[0]


@pytest.mark.parametrize("first", [[], [numbered(0)]])
def test_a_read_that_hangs_is_told_in_time(first):
    hang = threading.Event()
    capture = FakeCapture([*first, after(lambda: hang.wait(5), 1)])
    start = time.monotonic()
    with pytest.raises(KnuckleError, match=r"camera 0: expected .*picture.* got none"):
        threading.Timer(0.3, hang.set).start()
        with live(capture, timeout_s=0.2) as video:
            next(video)
            next(video)
    assert time.monotonic() - start < 2


def test_time_that_runs_backwards_leaves_frames_out():
    start_ms = 1000 * time.monotonic()
    times_ms = [start_ms - 50, start_ms - 30, start_ms - 40, start_ms - 20]
    wait = threading.Event()
    pictures = [numbered(0), after(wait.wait, 1), numbered(2), numbered(3), lambda: time.sleep(0.3)]
    with live(FakeCapture(pictures, times_ms=times_ms), times="monotonic") as video:
        frames = [next(video)]
        wait.set()
        time.sleep(0.1)
        frames.append(next(video))
        assert (video.backwards, video.stale) == (1, 1)
    assert [frame.time_s * 1000 for frame in frames] == pytest.approx([times_ms[0], times_ms[3]])
    assert [frame.index for frame in frames] == [0, 3]


def test_a_stream_that_is_killed_is_reached_again_and_given_up_when_it_stays_away():
    def serve(port: int) -> tuple[PictureServer, threading.Event]:
        server, stopped = PictureServer({}, port=port), threading.Event()

        def feed() -> None:
            number = 0
            while not stopped.wait(0.02):
                number += 1
                server.publish(cv2.imencode(".jpg", numbered(number % 200))[1].tobytes())

        threading.Thread(target=feed, daemon=True).start()
        return server, stopped

    server, stopped = serve(0)
    notes: list[str] = []
    address = server.url.replace("http://", "http://user:secret@") + "stream?token=secret"
    with open_video(address, reconnect_s=1.2, timeout_s=3, warn=notes.append) as video:
        frames = [next(video) for _ in range(5)]
        server.close()
        stopped.set()
        threading.Timer(0.3, lambda: again.append(serve(server.port))).start()
        again: list[tuple[PictureServer, threading.Event]] = []
        frames += [next(video) for _ in range(8)]
        assert [note.split(": ", 1)[1] for note in notes] == [
            "no pictures any more; trying to reach it again",
            "pictures come again",
        ]
        times = [frame.time_s for frame in frames]
        assert times == sorted(set(times)) and max(frame.index for frame in frames) > 8
        again[0][0].close()
        again[0][1].set()
        with pytest.raises(KnuckleError, match="is it still there") as caught:
            list(video)
    told = f"{caught.value} {notes}"
    assert "secret" not in told and server.url + "stream" in told


def test_addresses_and_cameras_that_are_not_there():
    with pytest.raises(
        KnuckleError, match=r"^ftp://host/x: expected a file, a camera's number, or an address"
    ):
        open_video("ftp://user:secret@host/x")
    with pytest.raises(KnuckleError, match=r"^http://127.0.0.1:9/x: expected a stream, got no answer"):
        open_video("http://127.0.0.1:9/x")
    if not os.path.exists("/dev/video77"):  # noqa: PTH110
        for camera in (77, "77"):
            with pytest.raises(KnuckleError, match=r"^camera 77: expected a camera"):
                open_video(camera)


def test_a_paced_file_gives_frames_when_their_time_has_come(clip, clip_times):
    with open_video(clip, paced=True) as video:
        assert video.info.live
        frames = [next(video), next(video)]
        late_s = time.monotonic() - frames[-1].time_s
        time.sleep(0.3)
        frames += list(video)
        assert len(frames) + video.stale == 24 and video.stale >= 2
    assert 0 <= late_s < 0.1
    numbers = [number_of(frame.image) for frame in frames]
    assert numbers == [frame.index for frame in frames] and numbers[-1] == 23
    spans = [frame.time_s - frames[0].time_s for frame in frames]
    assert spans == pytest.approx([clip_times[number] for number in numbers], abs=1e-3)


def test_a_streams_clock_follows_the_times_frames_carry():
    clock = StreamClock()
    late_s = [0.2, 0.05, 0.3, 0.05, 0.12, 0.05]
    taken = [clock.taken(100 + 0.04 * place + late, 0.04 * place) for place, late in enumerate(late_s)]
    # Once the quickest way was seen, frames are as far apart as they were taken, whatever the network does.
    assert taken[1:] == pytest.approx([100.05 + 0.04 * place for place in range(1, 6)], abs=1e-3)
    assert clock.taken(200.0, 0.0) == pytest.approx(200.0)
    assert clock.taken(210.0, 0.04) == pytest.approx(210.0)
