"""The live view: what its keys change, and what it records."""

import sys
import time

import numpy as np
import pytest
from moved import moved_frames

from knuckle.errors import KnuckleError
from knuckle.tracks import live_view
from knuckle.tracks.lines import read_header, read_tracks
from knuckle.tracks.live_view import LiveView
from knuckle.tracks.settings import Settings
from knuckle.video import Frame, VideoInfo, VideoSource, open_video
from knuckle.video.clock import now


class Camera0(VideoSource):
    """Gives its next frame once the last one was shown; so none is left out."""

    def __init__(self, screen: "Screen", count: int, *, goes_away: bool = False) -> None:
        self.info = VideoInfo("camera 0", 320, 320, None, None, None, True)
        self.screen, self.frames, self.goes_away = screen, moved_frames(count), goes_away
        self.given = 0

    def __next__(self) -> Frame:
        until = time.monotonic() + 5
        while len(self.screen.pictures) < self.given and time.monotonic() < until:
            time.sleep(0.001)
        if self.given == len(self.frames):
            if self.goes_away:
                raise KnuckleError("camera 0: expected pictures, got none any more")
            raise StopIteration
        self.given += 1
        return Frame(self.frames[self.given - 1], now(), self.given - 1)

    def skip(self, count: int) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self.given = len(self.frames)

    def close(self) -> None:
        pass


class Screen:
    """Keeps what it is shown; presses keys after the pictures of those numbers."""

    def __init__(self, presses: dict[int, str]) -> None:
        self.pictures: list[np.ndarray] = []
        self.presses = presses

    def show(self, picture: np.ndarray) -> None:
        self.pictures.append(picture)

    def keys(self) -> list[str]:
        return list(self.presses.get(len(self.pictures), ""))


@pytest.fixture
def view(counting, monkeypatch, tmp_path):
    """A view of so many frames, run to its end: screen, view and what was said."""
    monkeypatch.setattr(live_view, "draw_status", lambda *_: None)

    def made(presses: dict[int, str], *, count: int = 5, **options):
        screen, said = Screen(presses), []
        source = Camera0(screen, count, **options)
        made = LiveView(
            source, Settings(), screen, models=["auto", "dahyf-lite"], out=tmp_path, say=said.append
        )
        return screen, made, said

    return made


def test_quit_ends_at_once_and_frames_are_shown_with_their_hands(view):
    screen, shown, _ = view({2: "q"})
    shown.run()
    assert shown.frames == len(screen.pictures) == 2
    plain = moved_frames(2)
    assert (screen.pictures[1] != plain[1]).any(2).sum() > 1000


def test_a_mirror_shows_the_same_hands_turned_over(view, monkeypatch):
    # Without labels, which are not turned over.
    monkeypatch.setattr("knuckle.view.overlay.draw_label", lambda *_: None)
    _, shown, _ = view({}, count=1)
    frame = Frame(moved_frames(1)[0], 0.0, 0)
    hands = shown._tracker[1](frame.image, 0.5)
    pictures = []
    for mirror in (False, True):
        shown._mirror = mirror
        pictures.append(shown._draw(live_view._Shown(frame, hands, "auto")).picture.astype(int))
    plain, turned = pictures
    apart = np.abs(plain - turned[:, ::-1]).max(2)
    assert (apart > 40).mean() < 0.01
    assert (np.abs(plain - turned).max(2) > 40).mean() > 0.1


def test_a_recording_has_the_frames_as_they_came_and_their_hands(view, tmp_path):
    pytest.importorskip("av", reason="av (extra video) is not installed")
    _, shown, said = view({1: "r", 2: "ms", 4: "r"}, count=6)
    shown.run()
    (folder,) = tmp_path.glob("knuckle-*")
    hands = list(read_tracks(folder / "video.hands.jsonl"))
    with open_video(folder / "video.webm") as source:
        frames = list(source)
    assert len(hands) == len(frames) == 3
    np.testing.assert_allclose([each.time_s for each in hands], [f.time_s for f in frames], atol=1e-3)
    assert hands[0].time_s == 0 and not hands[0].camera.picture_mirrored
    # Not turned over, though the picture was from the second frame on.
    for frame, original in zip(frames, moved_frames(6)[1:4], strict=True):
        assert np.abs(frame.image.astype(int) - original).mean() < 8
    assert read_header(folder / "video.hands.jsonl").settings["mirrored"] is False
    assert any("stay while a recording runs" in note for note in said)
    assert any("3 frames" in note for note in said)


def test_keys_change_tracker_and_model(view, monkeypatch):
    asked: list[Settings] = []
    opened = Settings.open_tracker

    def noted(self, info):
        asked.append(self)
        return opened(self, info)

    monkeypatch.setattr(Settings, "open_tracker", noted)
    _, shown, said = view({1: "n", 2: "s", 3: "n"}, count=6)
    shown.run()
    assert asked == [
        Settings(),
        Settings(model="dahyf-lite"),
        Settings(model="dahyf-lite", mirrored=True),
        Settings(mirrored=True),
    ]
    assert said == ["model dahyf-lite", "the source is a mirror image", "model auto"]


def test_a_source_that_goes_away_ends_the_view_and_completes_the_recording(view, tmp_path):
    pytest.importorskip("av", reason="av (extra video) is not installed")
    _, shown, _ = view({1: "r"}, count=4, goes_away=True)
    with pytest.raises(KnuckleError, match="got none any more"):
        shown.run()
    (folder,) = tmp_path.glob("knuckle-*")
    with open_video(folder / "video.webm") as source:
        assert len(list(source)) == 3
    assert len(list(read_tracks(folder / "video.hands.jsonl"))) == 3


def test_the_status_says_rate_and_lateness(view):
    _, shown, _ = view({}, count=4)
    shown.run()
    line = shown._status(live_view._Shown(Frame(moved_frames(1)[0], 0.0, 0), None, "auto"))[0]
    assert line.startswith("auto   ") and "frames/s" in line
    late_ms = float(line.split("frames/s")[1].split("ms")[0])
    assert 0 <= late_ms < 5000 and shown._rate() > 0


def test_a_model_that_cannot_be_opened_leaves_the_one_before(view, monkeypatch):
    opened = Settings.open_tracker

    def damaged(self, info):
        if self.model == "dahyf-lite":
            raise KnuckleError("dahyf-lite.onnx: the file is damaged")
        return opened(self, info)

    monkeypatch.setattr(Settings, "open_tracker", damaged)
    _, shown, said = view({1: "n"}, count=5)
    shown.run()
    assert shown.frames == 5 and shown._settings.model == "auto"
    assert said == ["model dahyf-lite", "dahyf-lite.onnx: the file is damaged"]


def test_without_what_writes_videos_the_key_says_what_to_install(view, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    _, shown, said = view({1: "r"}, count=3)
    shown.run()
    assert shown.frames == 3 and not list(tmp_path.iterdir())
    assert said == ['writing a video needs av, which is not installed: pip install "knuckle[video]"']
