"""--offline: gaps are bridged and noise is less, and a run that was stopped in either pass goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from counting_tracker import CountingTracker

from knuckle.geometry.camera import Camera
from knuckle.tracks.lines import read_tracks
from knuckle.tracks.results import Video, choose_results
from knuckle.tracks.run import track_video
from knuckle.tracks.settings import Settings

OFFLINE = Settings(overlay=False, offline=True)
MISSING = (5, 6)


class NoisyTracker(CountingTracker):
    """Its second hand is missing in two frames, and shakes."""

    def __call__(self, frame, time_s):
        hands = super().__call__(frame, time_s)
        rng = np.random.default_rng(self.count)
        shaken = hands.changed(joints_m=hands.joints_m + rng.normal(0, 0.004, (len(hands), 1, 3)))
        return shaken.rows([0]) if self.count - 1 in MISSING else shaken


@pytest.fixture
def noisy(counting, monkeypatch):
    asked: list[Settings] = []

    def opened(self, info):
        asked.append(self)
        return NoisyTracker(Camera.from_size(320, 320))

    monkeypatch.setattr(Settings, "open_tracker", opened)
    return asked


def track(clip: Path, out: Path, settings: Settings, **options):
    video = Video(str(clip))
    return track_video(video, choose_results(video, out)[0], settings, note=print, **options)


def test_gaps_are_bridged_and_noise_is_less(clip, tmp_path, noisy):
    raw, smooth = (
        list(
            read_tracks(track(clip, tmp_path / str(offline), replace(OFFLINE, offline=offline)).results.lines)
        )
        for offline in (False, True)
    )
    for number in MISSING:
        assert raw[number].identities == (0,) and smooth[number].identities == (0, 1)
        assert smooth[number].states == ("observed", "bridged")
        assert np.isnan(smooth[number].joint_error_m[1]).all() and smooth[number].confidence[1] == 0.9
    assert [hands.identities for hands in smooth[8:]] == [hands.identities for hands in raw[8:]]
    roots = [np.array([hands.joints_m[0, 0] for hands in each]) for each in (raw, smooth)]
    shaking = [np.abs(np.diff(root, 2, axis=0)).mean() for root in roots]
    assert shaking[1] < 0.5 * shaking[0]
    for hands in smooth:
        np.testing.assert_allclose(hands.joints_px, hands.camera.project(hands.joints_m), atol=2e-2)


@pytest.mark.parametrize("stops", [(7,), (12, 7)])
def test_it_goes_on_in_either_pass(clip, tmp_path, noisy, stops):
    whole = track(clip, tmp_path / "whole", OFFLINE)
    for stop in stops:
        asked = iter(range(1, 1000))
        # A first pass that is stopped after its last frame is done again from the last state, then the second begins.
        part = track(
            clip, tmp_path / "part", OFFLINE, stopped=lambda asked=asked, stop=stop: next(asked) >= stop
        )
        assert not part.finished
    last = track(clip, tmp_path / "part", OFFLINE)
    assert last.results.lines.read_bytes() == whole.results.lines.read_bytes()
    assert not last.results.journal.exists()
