"""PHOTO.json: its keys, its rounding, and back."""

import json

import numpy as np
import pytest
from made_hands import made_hands

from knuckle.errors import KnuckleError
from knuckle.export.json import read_json, write_json
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

HAND_KEYS = {
    "side": (),
    "confidence": (),
    "box_px": (4,),
    "joints_px": (21, 2),
    "joints_m": (21, 3),
    "vertices_m": (-1, 3),
    "pose_rad": (16, 3),
    "shape": (10,),
    "model": (),
    "side_confidence": (),
    "state": (),
    "joint_error_px": (21,),
    "joint_error_m": (21,),
}


def test_the_file_has_exactly_the_documented_keys(tmp_path):
    hands = made_hands(Camera(400.123456789, 401, 160, 120, 320, 240, assumed=True))
    write_json(tmp_path / "photo.json", hands, image="photo.jpg")
    data = json.loads((tmp_path / "photo.json").read_text())
    assert list(data) == ["format", "version", "image", "width", "height", "camera", "mesh", "hands"]
    assert (data["format"], data["version"]) == ("knuckle hands", 1)
    assert (data["image"], data["width"], data["height"]) == ("photo.jpg", 320, 240)
    assert data["camera"] == {"fx": 400.1235, "fy": 401.0, "cx": 160.0, "cy": 120.0} | {
        "assumed": True,
        "picture_mirrored": False,
        "source": "assumed",
    }
    assert len(data["hands"]) == 2
    for hand in data["hands"]:
        assert list(hand) == list(HAND_KEYS)
        for key, shape in HAND_KEYS.items():
            if shape:
                assert np.array(hand[key], dtype=float).reshape(shape).shape[1:] == shape[1:]
    assert [h["side"] for h in data["hands"]] == ["left", "right"]
    assert data["hands"][0]["model"] == "dahyf-lite"
    assert data["hands"][0]["confidence"] == 0.9877


def test_round_trip_within_the_rounding(tmp_path):
    hands = made_hands()
    write_json(tmp_path / "a.json", hands, image="a.jpg")
    back = read_json(tmp_path / "a.json", faces=hands.faces)
    assert back.sides == hands.sides and back.model == hands.model and back.camera == hands.camera
    for name, size in [
        ("joints_m", 1e-6),
        ("vertices_m", 1e-6),
        ("joints_px", 1e-3),
        ("boxes_px", 1e-3),
        ("pose_rad", 1e-6),
    ]:
        np.testing.assert_allclose(getattr(back, name), getattr(hands, name), atol=0.51 * size, rtol=0)
    np.testing.assert_array_equal(back.faces, hands.faces)
    write_json(tmp_path / "b.json", back, image="a.jpg")
    assert (tmp_path / "b.json").read_text() == (tmp_path / "a.json").read_text()


def test_errors_of_joints_are_rounded_and_unknown_ones_null(tmp_path):
    hands = made_hands()
    error = np.full((2, 21), 1.23456789)
    error[1, 3] = np.nan
    sure = hands.changed(joint_error_px=error, joint_error_m=error / 1e3, side_confidence=[0.123456, 1])
    write_json(tmp_path / "a.json", sure, image="a.jpg")
    first, second = json.loads((tmp_path / "a.json").read_text())["hands"]
    assert first["joint_error_px"] == [1.235] * 21 and first["joint_error_m"][0] == 0.001235
    assert second["joint_error_px"][3] is None and first["side_confidence"] == 0.1235
    back = read_json(tmp_path / "a.json")
    assert np.isnan(back.joint_error_m[1, 3]) and np.isfinite(back.joint_error_m).sum() == 41


def test_no_hands_is_an_empty_list(tmp_path):
    write_json(tmp_path / "a.json", Hands(Camera.from_size(8, 6)), image="a.jpg")
    assert json.loads((tmp_path / "a.json").read_text())["hands"] == []
    assert len(read_json(tmp_path / "a.json")) == 0


def test_a_left_hand_and_an_umlaut_survive(tmp_path):
    write_json(tmp_path / "ä.json", made_hands(), image="Händé.jpg")
    assert "Händé.jpg" in (tmp_path / "ä.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", "nonsense", '{"hands": [{}], "camera": {}, "width": 1, "height": 1}']
)
def test_other_files_are_refused_by_name(tmp_path, text):
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(KnuckleError, match=r"odd\.json"):
        read_json(tmp_path / "odd.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(KnuckleError, match=r"gone\.json: cannot be read"):
        read_json(tmp_path / "gone.json")
