"""Confidence, errors of joints and state: what they follow from, and that a damaged table is refused."""

import json

import numpy as np
import pytest

import knuckle
from knuckle import KnuckleError
from knuckle.inference import certainty
from knuckle.inference.certainty import JOINT_SIGNALS, SIGNALS, annotate, calibration_of
from knuckle.inference.disagreement import Disagreement, Estimated
from knuckle.photos.reading import read_image
from knuckle.photos.sample import SAMPLE_PHOTO, read_sample_labels

DISAGREEMENT = ("branches", "apart", "apart 3D", "residual")


@pytest.fixture(scope="module")
def sample() -> knuckle.Hands:
    about = read_sample_labels()
    options = {name: about[name] for name in ("boxes", "sides", "camera")}
    return knuckle.estimate(read_image(SAMPLE_PHOTO), **options)


def test_every_hand_gets_errors_a_state_and_the_users_side(sample):
    assert sample.states == ("observed", "observed") and (sample.confidence > 0.8).all()
    assert (sample.joint_error_px > 0).all() and (sample.joint_error_m[:, 1:] > 0).all()
    assert (sample.joint_error_m[:, 0] == 0).all() and (sample.side_confidence == 1).all()
    size = sample.boxes_px[:, 2:].max()
    assert (sample.joint_error_px < 0.5 * size).all() and (sample.joint_error_m < 0.1).all()


@pytest.mark.parametrize("model", ["dahyf", "auto"])
def test_noise_in_a_box_is_a_doubtful_hand(model):
    noise = np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)
    hands = knuckle.estimate(noise, boxes=[[40, 30, 90, 100]], sides=["right"], model=model)
    assert hands.states == ("doubtful",) and hands.confidence[0] < 0.2


def test_without_evidence_there_are_figures_too(sample):
    about = read_sample_labels()
    options = {name: about[name] for name in ("boxes", "sides", "camera")}
    alone = knuckle.estimate(read_image(SAMPLE_PHOTO), evidence=False, **options)
    assert (alone.confidence > 0.5).all() and (alone.joint_error_px > 0).all()
    assert not np.array_equal(alone.joint_error_px, sample.joint_error_px)


@pytest.mark.parametrize("system", ["dahyf-photo", "dfl-lite+dahyf-photo", "somebody's own"])
@pytest.mark.parametrize("seen", [True, False])
def test_answers_that_lie_apart_never_make_a_hand_more_exact(system, seen):
    figures = calibration_of(system, seen=seen)
    middle, joint = figures.range.mean(1)[None], np.tile(figures.joint_range.mean(1), (1, 21, 1))
    before = figures.radii(middle, joint)
    for name in DISAGREEMENT:
        worse = middle.copy()
        worse[0, SIGNALS.index(name)] = figures.range[SIGNALS.index(name), 1]
        for radius, of_before in zip(figures.radii(worse, joint), before, strict=True):
            assert (radius >= of_before).all()
    for number, name in enumerate(JOINT_SIGNALS[:3]):
        worse = joint.copy()
        worse[0, 5, number] = figures.joint_range[number, 1]
        for radius, of_before in zip(figures.radii(middle, worse), before, strict=True):
            assert radius[0, 5] >= of_before[0, 5], name
            assert np.array_equal(np.delete(radius, 5), np.delete(of_before, 5))
    for name in ("presence", "confidence"):
        surer = middle.copy()
        surer[0, SIGNALS.index(name)] = 1e9
        assert figures.confidence(surer) >= figures.confidence(middle)


def test_what_lies_beyond_the_learnt_range_counts_as_its_end():
    figures = calibration_of("dahyf-photo", seen=True)
    ends, joints = figures.range[:, 1][None], np.tile(figures.joint_range[:, 1], (1, 21, 1))
    for beyond, at_end in zip(
        figures.radii(ends + 100, joints + 100), figures.radii(ends, joints), strict=True
    ):
        np.testing.assert_array_equal(beyond, at_end)


def test_no_hands_stay_none():
    nothing = knuckle.Hands(knuckle.Camera.from_size(8, 6))
    assert len(annotate(Estimated(nothing, Disagreement.none(0)), None)) == 0


@pytest.mark.parametrize("fault", ["missing", "no JSON", "no standard", "a signal less", "a joint less"])
def test_a_damaged_table_is_refused_by_name(fault, tmp_path, monkeypatch):
    path = tmp_path / "certainty.json"
    table = json.loads(certainty.TABLE.read_text())
    standard = table["systems"]["standard"]["seen"]
    if fault == "no standard":
        del table["systems"]["standard"]
    elif fault == "a signal less":
        del standard["confidence"]["slopes"]["size"]
    elif fault == "a joint less":
        standard["space"]["joints"].pop()
    if fault != "missing":
        path.write_text("{" if fault == "no JSON" else json.dumps(table))
    monkeypatch.setattr(certainty, "TABLE", path)
    with pytest.raises(KnuckleError, match=r"certainty\.json: expected figures"):
        calibration_of("dahyf-photo", seen=True)
