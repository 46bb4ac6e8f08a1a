"""Sizes learnt from frames, and hands brought to a size."""

import json
from dataclasses import replace

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands
from knuckle.live.hand_size import HandSize, SizeFigures, hand_length, rescaled, size_figures
from knuckle.rig import load_rig

TELLING = SizeFigures(mean_m=0.18, people=0.1, slope=0.8, offset=-0.02, frame=0.05, person=0.02, alike_s=0.5)


def said_of(size: float, count: int, rng: np.random.Generator, figures: SizeFigures) -> np.ndarray:
    """Lengths that a network of these figures says, a frame each `alike_s` of time."""
    off = rng.normal(0, figures.person) + rng.normal(0, figures.frame, count)
    return figures.mean_m * np.exp(figures.slope * size + figures.offset + off)


def test_frames_bring_the_length_and_its_deviation_is_true():
    rng = np.random.default_rng(0)
    off = []
    for size in rng.normal(0, TELLING.people, 200):
        hand = HandSize(figures=TELLING)
        for number, length in enumerate(said_of(size, 20, rng, TELLING)):
            hand.observe(length, number * 3 * TELLING.alike_s)
        off.append((np.log(hand.length_m / TELLING.mean_m) - size) / hand.relative_sd)
    assert hand.relative_sd < 0.4 * TELLING.people
    assert 0.6 < np.mean(np.abs(off) < 1) < 0.76


def test_a_thousand_frames_of_one_moment_are_hardly_more_than_one():
    one, many = HandSize(figures=TELLING), HandSize(figures=TELLING)
    one.observe(0.2, 0.0)
    for frame in range(1000):
        many.observe(0.2, frame * 1e-5)
    assert many.relative_sd == pytest.approx(one.relative_sd, rel=0.01)


def test_the_package_says_of_a_hand_that_was_not_seen_what_people_are_like():
    figures = size_figures()
    size = HandSize()
    assert size.length_m == figures.mean_m and size.relative_sd == figures.people
    for frame in range(600):
        size.observe(0.2, frame / 30)
    # One camera sees a small hand near and a large one far alike.
    assert 0.95 * figures.people < size.relative_sd <= figures.people


def test_one_wild_frame_moves_little():
    size = HandSize(figures=TELLING)
    for frame in range(10):
        size.observe(0.2, float(frame))
    before = size.length_m
    for wild, time_s in ((0.27, 10.0), (5.0, 11.0), (float("nan"), 12.0), (0.2, float("nan"))):
        size.observe(wild, time_s)
    assert size.length_m == pytest.approx(before, rel=0.02) and size.length_m > before


def test_a_given_length_stays():
    size = HandSize(0.19)
    size.observe(0.15, 0.0)
    assert size.length_m == 0.19 and size.sd_m == pytest.approx(0.0019)
    with pytest.raises(KnuckleError, match=r"hand length: expected metres between .* got 19"):
        HandSize(19)


@pytest.mark.parametrize("given", [None, 0.19])
def test_a_saved_size_goes_on_as_the_same(given: float | None):
    rng = np.random.default_rng(1)
    lengths = said_of(0.1, 12, rng, TELLING)
    whole = HandSize(given, figures=TELLING)
    part = HandSize.restored(HandSize(given).saved(), figures=TELLING)
    for number, length in enumerate(lengths):
        whole.observe(length, number / 3)
        part.observe(length, number / 3)
        part = HandSize.restored(json.loads(json.dumps(part.saved())), figures=TELLING)
    assert (part.length_m, part.relative_sd) == (whole.length_m, whole.relative_sd)
    with pytest.raises(KnuckleError, match="hand size: expected the keys"):
        HandSize.restored({"given_m": None})


@pytest.fixture(scope="module")
def hands() -> Hands:
    """A left and a right hand of the open rig before a camera."""
    rng = np.random.default_rng(2)
    pose, shape = rng.normal(0, 0.3, (2, 16, 3)), rng.normal(0, 1, (2, 10))
    place = np.array([[0.1, -0.05, 0.5], [-0.12, 0.02, 0.6]])
    posed = [
        load_rig("open", side=s).posed(p, b, t) for s, p, b, t in zip(SIDES, pose, shape, place, strict=True)
    ]
    joints = np.stack([one.joints for one in posed])
    camera = Camera(600, 600, 320, 240, 640, 480)
    return Hands(
        camera,
        sides=SIDES,
        confidence=np.ones(2),
        boxes_px=np.tile([0.0, 0, 100, 100], (2, 1)),
        joints_px=camera.project(joints),
        joints_m=joints,
        vertices_m=np.stack([one.vertices for one in posed]),
        pose_rad=pose,
        shape=shape,
        joint_error_m=np.full((2, 21), 0.01),
    )


SIDES = ("left", "right")


def test_a_hand_that_is_rescaled_looks_the_same_and_is_the_rigs_own(hands: Hands):
    ratio = np.array([1.12, 0.85])
    larger = rescaled(hands, ratio)
    assert np.allclose(hand_length(larger.joints_m), ratio * hand_length(hands.joints_m))
    assert np.allclose(larger.camera.project(larger.joints_m), hands.joints_px, atol=1e-9)
    assert np.allclose(larger.vertices_m, hands.vertices_m * ratio[:, None, None])
    assert np.allclose(larger.joint_error_m, 0.01 * ratio[:, None])
    for side, pose, shape, joints in zip(SIDES, larger.pose_rad, larger.shape, larger.joints_m, strict=True):
        again = load_rig("open", side=side).posed(pose, shape).joints
        assert np.abs((again - again[0]) - (joints - joints[0])).max() < 2e-4


def test_bending_does_not_shorten_a_hand():
    rig, pose = load_rig("open"), np.zeros((2, 16, 3))
    pose[1, 4:7, 0] = 0.8
    straight, bent = hand_length(rig.posed(pose).joints)
    assert bent == pytest.approx(straight, rel=0.02)
    assert 0.17 < straight < 0.19


def test_what_cannot_be_rescaled_is_refused(hands: Hands):
    with pytest.raises(KnuckleError, match=r"ratio: expected numbers above 0, got \[0.0, 0.0\]"):
        rescaled(hands, 0.0)
    with pytest.raises(KnuckleError, match="rig: expected that of the hands, with 7 vertices"):
        rescaled(hands.changed(vertices_m=hands.vertices_m[:, :7]), 1.1)
    none = Hands(hands.camera)
    assert rescaled(none, 1.1) is none


def test_a_length_is_told_apart_from_the_networks(hands: Hands):
    size = HandSize(0.2)
    scaled = rescaled(hands, size.ratio(hand_length(hands.joints_m)))
    assert np.allclose(hand_length(scaled.joints_m), 0.2)
    assert size.ratio(3.0) == 1.0


def test_a_network_that_tells_nothing_leaves_people_as_they_are():
    size = HandSize(figures=replace(TELLING, slope=0.0))
    size.observe(0.2, 0.0)
    assert (size.length_m, size.relative_sd) == (TELLING.mean_m, TELLING.people)
