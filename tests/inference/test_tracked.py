"""Hands whose places are known from the frame before."""

from dataclasses import replace

import numpy as np
import pytest

from knuckle.geometry.camera import Camera
from knuckle.geometry.crop import hand_roll, turn_of_px
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.detection.landmarks import landmark_network
from knuckle.inference.one_hand import Joints, Predictor
from knuckle.inference.tracked import (
    Memory,
    Predicted,
    carried_evidence,
    carried_joints,
    estimate_tracked,
)
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels

TURN, SCALE = 0.3, 1.25


@pytest.fixture(scope="module")
def seen():
    """The sample photo's hands, seen by both networks, and what is expected of the next frame."""
    about, photo = read_sample_labels(), read_image(SAMPLE_PHOTO)
    camera = Camera(*about["camera"], photo.shape[1], photo.shape[0])
    predictor = Predictor("dahyf", int8=True)
    given = predictor(photo, np.array(about["boxes"], float), about["sides"], camera)
    predicted = Predicted.of_joints(given.joints_px, given.sides)
    found = estimate_tracked(predictor, photo, camera, predicted, look=np.array([True, True]))
    return photo, camera, predictor, given, found


def next_frame(found, **changed):
    return replace(
        Predicted.of_joints(found.hands.joints_px, found.hands.sides, start=found.start, memory=found.memory),
        **changed,
    )


def test_a_tracked_hand_is_that_of_a_photo(seen):
    _, _, _, given, found = seen
    assert found.looked.all() and found.asked.all()
    apart = np.linalg.norm(found.hands.joints_px - given.joints_px, axis=-1).mean(1)
    assert (apart < 0.02 * given.boxes_px[:, 2:].max(1)).all()
    assert (found.hands.confidence > 0.9).all() and np.isfinite(found.hands.joint_error_m).all()


@pytest.mark.parametrize("name", ["look", "ask"])
def test_a_hand_that_one_network_leaves_out_stays_where_it_is(seen, name):
    photo, camera, predictor, _, found = seen
    left_out = np.array([False, True])
    again = estimate_tracked(predictor, photo, camera, next_frame(found), **{name: left_out})
    assert ((again.looked if name == "look" else again.asked) == left_out).all()
    apart = np.linalg.norm(again.hands.joints_px - found.hands.joints_px, axis=-1).mean(1)
    assert (apart < 0.02 * found.hands.boxes_px[:, 2:].max(1)).all()


def test_a_hand_that_is_not_where_it_was_expected_is_seen_by_both(seen):
    photo, camera, predictor, _, found = seen
    expected = next_frame(found)
    moved = [replace(square, rotation_rad=square.rotation_rad + 0.6) for square in expected.squares]
    for name in ("look", "ask"):
        nowhere = np.zeros(2, bool)
        again = estimate_tracked(
            predictor, photo, camera, replace(expected, squares=tuple(moved)), **{name: nowhere}
        )
        assert again.looked.all() and again.asked.all(), name


def test_no_hands_are_no_hands(seen):
    photo, camera, predictor, _, _ = seen
    nothing = Predicted.of_joints(np.zeros((0, 21, 2)), ())
    assert len(estimate_tracked(predictor, photo, camera, nothing, landmarks=landmark_network()).hands) == 0


def two_answers():
    """What both networks say of a hand half a metre away, 1 cm and some px apart, and its camera."""
    rng = np.random.default_rng(4)
    camera = Camera(600.0, 600.0, 320.0, 240.0, 641, 481)
    m = rng.uniform(-0.08, 0.08, (1, 21, 3)) + np.array([0.0, 0.0, 0.5])
    px = camera.project(m)
    other_px, other_m = (
        px + rng.normal(0, 3, px.shape),
        m - m.mean(1, keepdims=True) + rng.normal(0, 0.01, m.shape),
    )
    low = other_px.min(1)
    box = np.concatenate([low, np.ptp(other_px, axis=1)], axis=1)
    evidence = Evidence(box, other_px, other_m, np.ones(1), np.ones(1), hand_roll(other_px))
    return Memory(evidence, Joints(px, m, np.ones(1), np.zeros((1, 21)))), camera


def turned(px):
    middle = np.array([320.0, 240.0])
    return middle + SCALE * (px - middle) @ turn_of_px(TURN).T


def test_evidence_is_carried_along_with_the_hand():
    memory, _ = two_answers()
    own = memory.own._replace(px=turned(memory.own.px))
    carried = carried_evidence(memory, own)
    assert np.allclose(carried.joints_px, turned(memory.evidence.joints_px), atol=1e-6)
    assert np.isclose(carried.rotation_rad[0], memory.evidence.rotation_rad[0] + TURN)


def test_joints_are_carried_along_and_nearer_as_the_hand_grows():
    memory, camera = two_answers()
    cos, sin = np.cos(TURN), np.sin(TURN)
    about_z = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    now = replace(
        memory.evidence,
        joints_px=turned(memory.evidence.joints_px),
        joints_m=memory.evidence.joints_m @ about_z.T,
        rotation_rad=memory.evidence.rotation_rad + TURN,
    )
    carried = carried_joints(memory, now, camera)
    assert np.allclose(camera.project(carried.m), turned(memory.own.px), atol=1e-6)
    before, after = memory.own.m.mean(1)[0, 2], carried.m.mean(1)[0, 2]
    assert np.isclose(before / after, SCALE, rtol=1e-3)
    shape = carried.m[..., 2] - after - (memory.own.m[..., 2] - before)
    assert np.abs(shape).max() < 1e-9
