"""The page's recorded tracks: `knuckle track`'s own reader takes them, and the hands do what they are said to do."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from knuckle.tracks.lines import read_header, read_tracks

FILE = Path(__file__).parents[2] / "tools" / "web_assets" / "recorded.py"
_spec = importlib.util.spec_from_file_location("recorded_tracks", FILE)
assert _spec is not None and _spec.loader is not None
recorded = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(recorded)


def on_table(name: str) -> np.ndarray:
    """Joints of the first hand on the table, frame by frame."""
    frames = list(recorded.TRACKS[name]())
    joints = np.array([recorded.hands_of(frame[:1], 0.0).joints_m[0] for frame in frames])
    return (joints - recorded.ANCHOR_M) @ recorded.camera_from_table()


@pytest.mark.parametrize("name", ["cross", "press"])
def test_files_are_tracks_of_the_package(name, tmp_path):
    path = recorded.write(name, tmp_path)
    assert path.stat().st_size < 600_000
    assert read_header(path).settings["stage"]["tilt_deg"] == recorded.TILT_DEG
    read = list(read_tracks(path))
    written = [recorded.hands_of(frame, k / recorded.RATE) for k, frame in enumerate(recorded.TRACKS[name]())]
    assert len(read) == len(written)
    for one, other in zip(read, written, strict=True):
        assert (one.sides, one.states, one.identities) == (other.sides, other.states, other.identities)
        assert one.time_s == pytest.approx(other.time_s, abs=1e-6)
        np.testing.assert_allclose(one.joints_m, other.joints_m, atol=1e-6)
        np.testing.assert_allclose(one.pose_rad, other.pose_rad, atol=1e-6)


def test_meshes_of_a_file_are_those_of_its_poses(tmp_path):
    path = recorded.write("press", tmp_path)
    hands = next(iter(read_tracks(path, mesh=True)))
    [posture] = next(recorded.TRACKS["press"]())
    np.testing.assert_allclose(hands.vertices_m, recorded.hands_of([posture], 0.0).vertices_m, atol=5e-6)


def test_the_finger_presses_three_times_straight_from_above():
    tips = on_table("press")[:, 8]
    np.testing.assert_allclose(
        tips[:, [0, 2]], np.broadcast_to(recorded.BUTTON_M[[0, 2]], (len(tips), 2)), atol=1e-6
    )
    depth = recorded.BUTTON_M[1] - tips[:, 1]
    assert depth.max() < recorded.BUTTON_TRAVEL_M
    down = False
    presses = 0
    for value in depth:
        if not down and value > 0.7 * recorded.BUTTON_TRAVEL_M:
            down, presses = True, presses + 1
        elif down and value < 0.35 * recorded.BUTTON_TRAVEL_M:
            down = False
    assert presses == 3
    # And a button that is let up as soon as it is less than pressed would count one more.
    assert np.count_nonzero(np.diff((depth > 0.7 * recorded.BUTTON_TRAVEL_M).astype(int)) == 1) == 4


def test_thumb_and_finger_close_on_the_block_and_open_again():
    joints = on_table("grab")
    apart = np.linalg.norm(joints[:, 4] - joints[:, 12], axis=-1)
    width = recorded.BLOCK_SIDE_M + 2 * 0.006
    assert apart[0] > width + 0.03
    assert abs(apart[60] - width) < 0.004
    assert apart[-1] > width + 0.03
    middle = (joints[:, 4] + joints[:, 12]) / 2
    assert np.linalg.norm(middle[45] - recorded.BLOCK_M) < 0.006
    assert middle[96] == pytest.approx(recorded.BLOCK_M + np.array([0.10, 0.073, 0]), abs=0.002)


def test_the_finger_dips_into_the_surface_once():
    height = on_table("water")[:, 8, 1]
    assert height.min() < -0.015
    assert np.count_nonzero(np.diff((height < 0).astype(int)) == 1) == 1


def test_all_hands_are_before_the_camera():
    for frames in recorded.TRACKS.values():
        for frame in frames():
            assert all(posture.wrist_m[2] > 0.2 for posture in frame)
