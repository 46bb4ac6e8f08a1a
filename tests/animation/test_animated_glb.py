"""Animated glTF deforms into the rig's surface, at the video's times, and hides hands that are away."""

import numpy as np
import pytest
from gltf_reader import Gltf
from moving import FRAMES, RATE, frame_at, made_track, time_at, write_track

from knuckle.animation.glb import motion_to_glb
from knuckle.animation.motion import motion_of, read_motion
from knuckle.errors import KnuckleError
from knuckle.export.json import write_json
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

AXES = np.array([1.0, -1, -1])


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    return read_motion(made_track(tmp_path_factory.mktemp("track")))


@pytest.fixture(scope="module")
def gltf(motion):
    return Gltf(motion_to_glb(motion))


def test_the_surface_is_the_rigs(motion, gltf):
    """24 frames of four hands: a right one, a left one with a gap, and one that changes its side."""
    worst = 0.0
    for number in range(FRAMES):
        hands = frame_at(number)
        for hand in hands:
            name = f"{hand.side}_hand_{hand.identity}"
            surface = gltf.surface(f"{name}_mesh", time_at(number))
            worst = max(worst, np.abs(surface - hand.vertices_m * AXES).max())
            wrist, tip = (gltf.place(f"{name}_{joint}", time_at(number)) for joint in ("wrist", "index_dip"))
            np.testing.assert_allclose(wrist, hand.joints_m[0] * AXES, atol=1e-5)
            np.testing.assert_allclose(tip, hand.joints_m[7] * AXES, atol=1e-5)
    assert worst < 5e-6, f"{1e3 * worst:.4f} mm"


def test_without_correctives_the_surface_would_be_another(motion, gltf):
    """The comparison above can fail: the correctives alone move vertices by more than its bound."""
    channels = gltf.tree["animations"][0]["channels"]
    weights = [c for c in channels if c["target"]["path"] == "weights"]
    assert len(weights) == len(motion.hands) == 4
    for channel in weights:
        output = gltf.tree["animations"][0]["samplers"][channel["sampler"]]["output"]
        values = gltf.accessor(output)
        assert np.abs(values).max() == pytest.approx(1) and np.abs(values).min() < 0.9
    still = gltf.tree["meshes"][0]["primitives"][0]["targets"]
    assert np.abs(gltf.accessor(still[0]["POSITION"])).max() > 1e-4


def test_a_hand_that_is_away_has_no_size_and_does_not_drift_before(gltf):
    for number in (0, 2, 9, 11, 13, 22, 23):
        assert np.ptp(gltf.surface("left_hand_1_mesh", time_at(number)), axis=0).max() == 0, number
    last = gltf.surface("left_hand_1_mesh", time_at(8))
    np.testing.assert_allclose(gltf.surface("left_hand_1_mesh", time_at(8.9)), last, atol=1e-6)
    assert np.ptp(gltf.surface("right_hand_0_mesh", time_at(11)), axis=0).max() > 0.05


def test_states_identities_camera_and_colour_are_kept(motion, gltf):
    nodes = {node["name"]: node for node in gltf.nodes}
    extras = nodes["left_hand_1"]["extras"]
    assert (extras["identity"], extras["side"]) == (1, "left")
    assert extras["state"] == 2 * ["observed", "held", "observed", "absent"]
    rows = np.round(np.array(extras["state_from_s"]) * RATE)
    assert rows.tolist() == [3, 7, 8, 9, 14, 15, 16, 22]
    assert {"left_hand_2", "right_hand_2"} <= nodes.keys()
    lens = gltf.tree["cameras"][nodes["camera"]["camera"]]["perspective"]
    assert np.tan(lens["yfov"] / 2) == pytest.approx(240 / 610)
    colour = gltf.tree["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"]
    np.testing.assert_allclose(colour, (0.730, 0.413, 0.283, 1), atol=0.004)


def test_a_photo_stands_still_in_its_pose(tmp_path):
    hands = frame_at(4).changed(identities=(), time_s=None)
    write_json(tmp_path / "photo.json", hands, image="photo.jpg")
    gltf = Gltf(motion_to_glb(read_motion(tmp_path / "photo.json")))
    assert "animations" not in gltf.tree
    for place, hand in enumerate(hands):
        surface = gltf.surface(f"{hand.side}_hand_{place}_mesh", 0)
        assert np.abs(surface - hand.vertices_m * AXES).max() < 1e-4


def test_one_frame_and_no_hands_are_files_too():
    one = Gltf(motion_to_glb(motion_of([frame_at(4)])))
    assert (
        np.abs(one.surface("right_hand_0_mesh", time_at(4)) - frame_at(4).vertices_m[0] * AXES).max() < 1e-4
    )
    none = Gltf(motion_to_glb(motion_of([Hands(Camera.from_size(8, 6), time_s=0.0)])))
    assert [node["name"] for node in none.nodes] == ["camera"] and "meshes" not in none.tree


def test_times_that_stand_still_are_refused(tmp_path):
    path = write_track(tmp_path / "a.hands.jsonl", [frame_at(3), frame_at(3)])
    with pytest.raises(KnuckleError, match=r"a\.hands\.jsonl: frame 1: expected a time .* after"):
        read_motion(path)
    with pytest.raises(KnuckleError, match="at least one frame"):
        read_motion(write_track(tmp_path / "b.hands.jsonl", []))
