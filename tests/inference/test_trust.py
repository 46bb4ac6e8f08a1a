"""Whom to believe: the landmark network's joints as ours, its share by what its answer looks like."""

import numpy as np
import pytest

from knuckle import weights
from knuckle.inference.detection.evidence import Evidence
from knuckle.inference.merge import SIGNALS as MERGE_SIGNALS
from knuckle.inference.trust import (
    CLASS_OF_JOINT,
    CLASSES,
    SIGNALS,
    STANDARD,
    TWO_HANDS,
    Odds,
    Trust,
    View,
    apart,
    box_overlap,
    joint_axes,
    merge_odds,
    our_joints,
    palm_length,
    signals,
    trust_in,
)
from knuckle.poses.prior import sample_orientations, sample_poses
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import matrix_to_axis_angle

RIG = load_rig("open")
COUNT = 40
NOTHING = Odds(np.zeros(len(SIGNALS)), np.zeros(len(CLASSES)))
CAMERA = np.tile([600.0, 600.0, 320.0, 240.0], (COUNT, 1))


@pytest.fixture(scope="module")
def hands() -> np.ndarray:
    rng = np.random.default_rng(0)
    pose = sample_poses(RIG, COUNT, rng).astype(float)
    pose[:, 0] = matrix_to_axis_angle(sample_orientations(COUNT, rng).astype(float))
    place = np.column_stack([rng.normal(0, 0.05, (COUNT, 2)), rng.uniform(0.4, 0.8, COUNT)])
    return RIG.posed(pose, np.zeros((COUNT, 10)), place).joints.astype(float)


def seen(joints_m: np.ndarray, *, presence: float = 0.99, right: float = 0.98) -> Evidence:
    """What a landmark network would say that is right."""
    px = project(joints_m)
    low = px.min(1)
    box = np.concatenate([low, px.max(1) - low], axis=1)
    count = len(px)
    rest = (np.full(count, presence), np.full(count, right), np.zeros(count))
    return Evidence(box, px, joints_m - joints_m.mean(1, keepdims=True), *rest)


def project(joints_m: np.ndarray) -> np.ndarray:
    lens = CAMERA[: len(joints_m), None]
    return joints_m[..., :2] / joints_m[..., 2:] * lens[..., :2] + lens[..., 2:]


def told(ours_m: np.ndarray, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    view, ours = View(evidence.joints_px, evidence.joints_m), View(project(ours_m), ours_m)
    return signals(view, ours, evidence, np.full(len(ours_m), 0.05)), apart(view, ours, evidence)


def test_axes_of_joints_are_orthonormal_and_turn_with_the_hand(hands):
    axes = joint_axes(hands)
    np.testing.assert_allclose(axes.swapaxes(-1, -2) @ axes, np.tile(np.eye(3), (COUNT, 21, 1, 1)), atol=1e-6)
    turn = sample_orientations(1, np.random.default_rng(1))[0].astype(float)
    np.testing.assert_allclose(joint_axes(hands @ turn.T), turn @ axes, atol=1e-4)
    np.testing.assert_allclose(palm_length(hands @ turn.T * 2), 2 * palm_length(hands), rtol=1e-5)


def test_without_offsets_joints_stay_and_turn_with_the_line_of_sight(hands):
    trust = Trust(np.zeros((21, 3)), np.zeros((21, 3)), NOTHING, NOTHING)
    evidence = seen(hands)
    view = our_joints(evidence, CAMERA, trust)
    np.testing.assert_array_equal(view.px, evidence.joints_px)
    ray = np.concatenate([(view.px.mean(1) - CAMERA[:, 2:]) / CAMERA[:, :2], np.ones((COUNT, 1))], axis=1)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    along = evidence.joints_m[..., 2]
    np.testing.assert_allclose((view.m * ray[:, None]).sum(-1), along, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(view.m, axis=-1), np.linalg.norm(evidence.joints_m, axis=-1))


def test_offsets_are_palm_lengths_along_a_joints_own_axes(hands):
    offsets = np.zeros((21, 3))
    offsets[8, 0] = 0.1
    trust = Trust(offsets, offsets, NOTHING, NOTHING)
    evidence = seen(hands)
    middle = np.tile([600.0, 600.0], (COUNT, 1))
    straight = np.concatenate([middle, evidence.joints_px.mean(1)], axis=1)
    view = our_joints(evidence, straight, trust)
    moved = view.m - evidence.joints_m
    finger = hands[:, 8] - hands[:, 7]
    wanted = 0.1 * palm_length(hands)[:, None] * finger / np.linalg.norm(finger, axis=1, keepdims=True)
    np.testing.assert_allclose(moved[:, 8], wanted, atol=1e-9)
    np.testing.assert_array_equal(np.delete(moved, 8, axis=1), 0)
    in_picture = view.px - evidence.joints_px
    scale = np.linalg.norm(in_picture[:, 8], axis=1) / np.maximum(np.linalg.norm(wanted[:, :2], axis=1), 1e-9)
    np.testing.assert_allclose(in_picture[:, 8], scale[:, None] * wanted[:, :2], atol=1e-6)
    assert (scale > 0).all() and (scale < 1.1 * 600 / hands[..., 2].min(1)).all()


@pytest.mark.parametrize(
    "system", [STANDARD, TWO_HANDS, "dahyf-lite", "ehpe-lite", "handar-lite", "dfl-lite"]
)
def test_a_sure_network_counts_more_than_an_unsure_one(hands, system):
    trust, evidence, rng = trust_in(system), seen(hands), np.random.default_rng(3)
    near = hands + rng.normal(0, 0.006, hands.shape)
    for odds in (trust.picture, trust.depth):
        sure = odds.share(*told(near, evidence))
        assert sure.shape == (COUNT, 21) and ((sure > 0) & (sure < 1)).all()
        assert (odds.share(*told(near, seen(hands, presence=0.6))).mean(1) < sure.mean(1)).all()
        assert (odds.share(*told(near, seen(hands, right=0.05))).mean(1) < sure.mean(1)).all()
    assert trust.picture.share(*told(near, evidence)).mean() > 0.4


@pytest.mark.parametrize("system", [STANDARD, TWO_HANDS])
def test_of_two_hands_far_apart_one_is_chosen(hands, system):
    """The one whose joints fill the box and who is sure; a mean of both would be no hand."""
    picture, far = trust_in(system).picture, hands + np.array([0.12, 0.0, 0.0])
    inner = [joint for joint in range(21) if CLASSES[CLASS_OF_JOINT[joint]] not in ("W", "CMC")]
    right = picture.share(*told(far, seen(hands)))[:, inner]
    assert np.median(right) > 0.97
    elsewhere = seen(far)
    lost = Evidence(
        seen(hands).box_px,
        elsewhere.joints_px,
        elsewhere.joints_m,
        np.full(COUNT, 0.6),
        *(np.full(COUNT, 0.2),) * 2,
    )
    assert np.median(picture.share(*told(hands, lost))) < 0.03


def test_a_share_becomes_a_choice_with_distance():
    odds = Odds(np.zeros(1), np.full(len(CLASSES), 1.0))
    share = odds.share(np.zeros((3, 1)), np.array([0.0, 0.2, 1.0]))
    np.testing.assert_allclose(share[:, 0], 1 / (1 + np.exp(-np.array([1.0, 2.0, 6.0]))))


def test_boxes_that_fit_well_tell_no_more():
    px = np.zeros((2, 21, 2))
    px[:, 1] = [100, 100]
    exact, half = box_overlap(px, np.array([[0.0, 0, 100, 100], [0.0, 0, 50, 100]]))
    assert exact == 0.9 and half == 0.5


def test_every_shipped_system_has_figures_and_any_other_the_standard_ones():
    for name, path in weights.available().items():
        record = weights.read_record(path)
        assert np.isfinite(trust_in(record.name).picture.slopes).all(), name
    np.testing.assert_array_equal(trust_in("unheard-of").picture.slopes, trust_in(STANDARD).picture.slopes)
    for systems in ("dfl-lite+dahyf-lite", "unheard-of"):
        for odds in merge_odds(systems, MERGE_SIGNALS):
            assert odds.slopes.shape == (len(MERGE_SIGNALS),) and odds.classes.shape == (len(CLASSES),)
