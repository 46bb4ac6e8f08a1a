"""The tracker on the package's sample photo, moved about: small, with networks as they ship."""

import json
from functools import lru_cache

import cv2
import numpy as np
import pytest

from knuckle import Tracker
from knuckle.errors import KnuckleError
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO

MODEL = "dahyf-photo"


@lru_cache(maxsize=1)
def sample() -> np.ndarray:
    return cv2.resize(read_image(SAMPLE_PHOTO), (320, 320), interpolation=cv2.INTER_AREA)


def frame(left: float = 0.0, top: float = 0.0) -> np.ndarray:
    move = np.array([[1, 0, left], [0, 1, top]], dtype=float)
    return cv2.warpAffine(sample(), move, (320, 320), borderMode=cv2.BORDER_REPLICATE)


EMPTY = np.full((320, 320, 3), 128, np.uint8)


def test_moving_hands_keep_their_identities_and_go_where_the_picture_goes():
    tracker = Tracker(model=MODEL)
    frames = [tracker(frame(5 * n, 2 * n), n / 30) for n in range(7)]
    # One that is hardly sure at first is told of once it was seen again.
    assert all(0 in hands.identities for hands in frames)
    frames = frames[3:]
    assert [hands.identities for hands in frames] == [(0, 1)] * 4
    assert len({hands.sides for hands in frames}) == 1 and set(frames[0].sides) == {"left", "right"}
    assert all(hands.states == ("observed", "observed") for hands in frames)
    assert [hands.time_s for hands in frames] == [n / 30 for n in range(3, 7)]
    went = frames[-1].joints_px.mean((0, 1)) - frames[0].joints_px.mean((0, 1))
    assert np.abs(went - [15, 6]).max() < 3


def test_a_hidden_hand_is_held_and_has_its_identity_when_it_is_back():
    tracker = Tracker(model=MODEL)
    seen = [tracker(frame(), n / 30) for n in range(4)][-1]
    hidden = [tracker(EMPTY, n / 30) for n in range(4, 7)]
    assert [hands.states for hands in hidden] == [("held", "held")] * 3
    assert all(hands.identities == seen.identities for hands in hidden)
    assert np.abs(hidden[-1].joints_px - seen.joints_px).max() < 3
    assert (hidden[-1].confidence < hidden[0].confidence).all() and np.isnan(hidden[0].joint_error_m).all()
    back = [tracker(frame(), n / 30) for n in range(7, 14)][-1]
    assert back.identities == seen.identities and back.states == ("observed", "observed")
    # Gone for two seconds: still the same; for longer than three: others.
    tracker(EMPTY, 0.5)
    assert len(tracker(EMPTY, 2.3)) == 0
    assert [tracker(frame(), 2.9 + n / 30) for n in range(7)][-1].identities == seen.identities
    tracker(EMPTY, 3.2)
    assert len(tracker(EMPTY, 6.4)) == 0
    later = [tracker(frame(), 7.0 + n / 30) for n in range(7)][-1]
    assert later.identities == (2, 3)


def test_without_gate_a_hidden_hand_is_not_told_of_and_poses_are_as_seen():
    tracker = Tracker(model=MODEL, gate=False, smooth=False)
    assert [len(tracker(frame(), n / 30)) for n in range(4)][-1] == 2
    assert len(tracker(EMPTY, 0.2)) == 0


def test_gate_and_filter_are_switched_apart():
    def last(**switches: bool):
        tracker = Tracker(model=MODEL, **switches)
        return [tracker(frame(9 * (n % 2)), n / 30) for n in range(5)][-1]

    raw, gated = last(gate=False, smooth=False), last(smooth=False)
    filtered, both = last(gate=False), last()
    # Sure hands pass the gate as they are, posed again to the rounding of rotations.
    assert np.abs(gated.joints_m - raw.joints_m).max() < 1e-5
    # The filter alone smooths what goes to and fro.
    assert np.abs(filtered.joints_px - raw.joints_px).max() > 1
    assert np.abs(both.joints_m - filtered.joints_m).max() < 1e-9


def test_saved_after_any_frame_it_goes_on_to_the_bit():
    first = Tracker(model=MODEL)
    pictures = [frame(4 * n) if n != 2 else EMPTY for n in range(5)]
    for n, picture in enumerate(pictures[:3]):
        first(picture, n / 30)
    second = Tracker(model=MODEL)
    second.restore(json.loads(json.dumps(first.saved())))
    for n, picture in enumerate(pictures[3:], 3):
        one, other = first(picture, n / 30), second(picture, n / 30)
        assert one.identities == other.identities and one.states == other.states
        assert np.array_equal(one.joints_m, other.joints_m) and np.array_equal(one.pose_rad, other.pose_rad)


def test_mirrored_frames_give_the_true_sides_and_px_of_the_frames_as_they_are():
    plain, mirrored = Tracker(model=MODEL), Tracker(model=MODEL, mirrored=True)
    for n in range(3):
        one, other = plain(frame(), n / 30), mirrored(cv2.flip(frame(), 1), n / 30)
    assert one.sides == other.sides
    assert np.abs(319 - other.joints_px[..., 0] - one.joints_px[..., 0]).max() < 1e-6


def test_time_that_does_not_go_on_and_frames_that_are_no_pictures_are_refused():
    tracker = Tracker(model=MODEL)
    assert len(tracker(EMPTY, 1.0)) == 0
    with pytest.raises(KnuckleError, match="expected one after that of the last frame, 1, got 1"):
        tracker(EMPTY, 1.0)
    with pytest.raises(KnuckleError, match="got nan"):
        tracker(EMPTY, float("nan"))
    with pytest.raises(KnuckleError, match="expected a path or an RGB array of uint8"):
        tracker(EMPTY.astype(float), 2.0)
    with pytest.raises(KnuckleError, match="state of a tracker: expected what saved"):
        tracker.restore({"time_s": 1.0})
