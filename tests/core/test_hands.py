import json

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

CAMERA = Camera(500, 500, 320, 240, 640, 480)


def two_hands(**changes) -> Hands:
    rng = np.random.default_rng(0)
    values = {
        "sides": ("left", "right"),
        "confidence": np.array([0.9, 0.4]),
        "boxes_px": rng.uniform(10, 50, (2, 4)),
        "joints_px": rng.uniform(0, 100, (2, 21, 2)),
        "joints_m": rng.normal(size=(2, 21, 3)),
        "vertices_m": rng.normal(size=(2, 30, 3)),
        "pose_rad": rng.normal(size=(2, 16, 3)),
        "shape": rng.normal(size=(2, 10)),
        "model": "dahyf-lite",
    }
    return Hands(CAMERA, **{**values, **changes})


def test_dict_round_trip_through_json():
    hands = two_hands()
    again = Hands.from_dict(json.loads(json.dumps(hands.to_dict())))
    assert again.sides == hands.sides and again.model == "dahyf-lite" and again.camera == CAMERA
    for name in ("confidence", "joints_m", "vertices_m", "pose_rad", "shape", "boxes_px", "joints_px"):
        assert np.array_equal(getattr(again, name), getattr(hands, name))


def test_iterates_as_single_hands():
    hands = two_hands()
    singles = list(hands)
    assert [h.side for h in singles] == ["left", "right"]
    assert singles[1].joints_m.shape == (21, 3) and singles[1].confidence == 0.4
    assert len(Hands(CAMERA)) == 0 and list(Hands(CAMERA)) == []


def test_hands_of_several_models_are_told_apart():
    hands = two_hands(model="", models=("dahyf-lite", "dfl-lite"))
    assert hands.model == "dahyf-lite+dfl-lite" and [h.model for h in hands] == ["dahyf-lite", "dfl-lite"]
    again = Hands.from_dict(json.loads(json.dumps(hands.to_dict())))
    assert again.models == hands.models and again.model == hands.model
    assert hands.with_faces(np.array([[0, 1, 2]])).models == hands.models
    assert two_hands().models == ("dahyf-lite", "dahyf-lite") and two_hands()[0].model == "dahyf-lite"


def test_what_is_not_given_has_defaults():
    hands = two_hands()
    assert hands.side_confidence.tolist() == [1, 1] and hands.states == ("observed", "observed")
    assert np.isnan(hands.joint_error_px).all() and np.isnan(hands[0].joint_error_m).all()
    data = json.loads(json.dumps(hands.to_dict(), allow_nan=False))
    assert data["hands"][0]["joint_error_m"] == [None] * 21
    assert np.isnan(Hands.from_dict(data).joint_error_m).all()
    # Files of before.
    for hand in data["hands"]:
        for name in ("side_confidence", "state", "joint_error_px", "joint_error_m"):
            del hand[name]
    again = Hands.from_dict(data)
    assert again.side_confidence.tolist() == [1, 1] and again.states == hands.states


def test_sureness_survives_a_round_trip():
    error = np.random.default_rng(1).uniform(0, 9, (2, 21))
    hands = two_hands(
        side_confidence=[0.6, 1], states=("doubtful", "held"), joint_error_px=error, joint_error_m=error / 1e3
    )
    again = Hands.from_dict(json.loads(json.dumps(hands.to_dict())))
    assert again.states == ("doubtful", "held") and again[1].state == "held"
    assert again.side_confidence.tolist() == [0.6, 1] and again[0].side_confidence == 0.6
    assert np.array_equal(again.joint_error_px, error) and np.array_equal(again.joint_error_m, error / 1e3)


def test_left_faces_are_rewound():
    hands = two_hands(faces=np.array([[0, 1, 2]]))
    assert hands.faces_of("right").tolist() == [[0, 1, 2]] and hands.faces_of("left").tolist() == [[2, 1, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sides": ("left", "both")}, 'expected "left" or "right"'),
        ({"joints_m": np.zeros((2, 42, 3))}, r"joints_m: expected \(2, 21, 3\), got \(2, 42, 3\)"),
        ({"joints_m": np.full((2, 21, 3), np.nan)}, "expected finite"),
        ({"confidence": np.array([0.5, 1.5])}, r"expected 0\.\.1"),
        ({"shape": np.zeros((3, 10))}, "shape: expected"),
        ({"side_confidence": np.array([0.5, -0.1])}, r"side_confidence: expected 0\.\.1"),
        ({"side_confidence": np.array([0.5, np.nan])}, "side_confidence: expected finite"),
        ({"states": ("observed", "seen")}, "state: expected one of observed, doubtful, held, bridged"),
        ({"states": ("observed",)}, "states: expected one for each of 2 hands, got 1"),
        ({"joint_error_px": np.full((2, 21), -1.0)}, "joint_error_px: expected finite numbers from 0 on"),
        ({"joint_error_m": np.zeros((2, 20))}, r"joint_error_m: expected \(2, 21\), got \(2, 20\)"),
        ({"models": ("dahyf-lite",)}, "models: expected one for each of 2 hands, got 1"),
    ],
)
def test_wrong_input_is_refused(change, message):
    with pytest.raises(KnuckleError, match=message):
        two_hands(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints_m": np.full((2, 21, 3), np.inf)}, "joints_m: expected finite"),
        ({"vertices_m": np.zeros((3, 30, 3))}, r"vertices_m: expected \(2, V, 3\)"),
        ({"confidence": np.array([0.5, 1.5])}, r"confidence: expected 0\.\.1"),
        ({"states": ("observed", "seen")}, "state: expected one of observed"),
        ({"identities": (3, 3)}, "identities: expected another one for each of 2 hands"),
        # The arrays that stay are of two hands.
        ({"sides": ("left",)}, "expected one for each of 1 hands"),
    ],
)
def test_changed_hands_are_checked_as_new_ones_are(change, message):
    with pytest.raises(KnuckleError, match=message):
        two_hands().changed(**change)


def test_changed_hands_have_the_other_values_and_share_the_rest():
    hands = two_hands()
    changed = hands.changed(shape=[[1] * 10, [2] * 10], states=["held", "observed"], joint_error_m=None)
    assert (
        changed.shape.dtype == float and changed.shape[1, 0] == 2 and changed.states == ("held", "observed")
    )
    assert np.isnan(changed.joint_error_m).all() and changed.joint_error_m.shape == (2, 21)
    assert changed.joints_m is hands.joints_m and changed.model == hands.model
    assert hands.states == ("observed", "observed") and hands.shape[1, 0] != 2
    with pytest.raises(TypeError, match="joint_m"):
        hands.changed(joint_m=hands.joints_m)


def test_foreign_dict_is_refused():
    data = two_hands().to_dict()
    del data["hands"][0]["pose_rad"]
    with pytest.raises(KnuckleError, match="pose_rad"):
        Hands.from_dict(data)
