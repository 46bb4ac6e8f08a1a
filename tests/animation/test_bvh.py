"""BVH read back by a reader of our own: joints within 0.1 mm, rotations within 0.01 degrees."""

import numpy as np
import pytest
from moving import CAST, FRAMES, RATE, frame_at, made_track

from knuckle.animation.bvh import hand_to_bvh, to_zyx
from knuckle.animation.motion import motion_of, read_motion
from knuckle.rig.rotations import rodrigues

AXES = np.array([1.0, -1, -1])


def about(axis: str, degrees: float) -> np.ndarray:
    return rodrigues(np.radians(degrees) * np.eye(3)["XYZ".index(axis)])


def read_bvh(text: str, scale: float):
    """Frame time, and for each frame the places (metres) and world rotations of all joints and end sites by name."""
    words = text.split()
    joints, stack, at = [], [], words.index("ROOT")
    while words[at] != "MOTION":
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            name = words[at + 1] if word != "End" else f"{joints[stack[-1]]['name']}_end"
            joints.append({"name": name, "parent": stack[-1] if stack else None, "channels": []})
            stack.append(len(joints) - 1)
            at += 2
        elif word == "OFFSET":
            joints[stack[-1]]["offset"] = np.array(words[at + 1 : at + 4], float) * scale
            at += 4
        elif word == "CHANNELS":
            joints[stack[-1]]["channels"] = words[at + 2 : at + 2 + int(words[at + 1])]
            at += 2 + int(words[at + 1])
        else:
            if word == "}":
                stack.pop()
            at += 1
    count, frame_time = int(words[at + 2]), float(words[at + 5])
    rows = np.array(words[at + 6 :], float).reshape(count, -1)
    frames = []
    for row in rows:
        values, found = iter(row.tolist()), {}
        for joint in joints:
            local, move = np.eye(3), joint["offset"].copy()
            for channel in joint["channels"]:
                value = next(values)
                if channel.endswith("position"):
                    move["XYZ".index(channel[0])] += value * scale
                else:
                    local = local @ about(channel[0], value)
            if joint["parent"] is None:
                place, turn = move, local
            else:
                above_place, above = found[joints[joint["parent"]]["name"]]
                place, turn = above_place + above @ move, above @ local
            found[joint["name"]] = place, turn
        frames.append(found)
    return frame_time, frames


@pytest.mark.parametrize(("unit", "scale", "place"), [("cm", 0.01, 0), ("m", 1.0, 1)])
def test_joints_and_rotations_come_back(tmp_path, unit, scale, place):
    motion = read_motion(made_track(tmp_path))
    hand = motion.hands[place]
    frame_time, frames = read_bvh(hand_to_bvh(hand, motion, unit=unit), scale)
    assert len(frames) == FRAMES and frame_time == pytest.approx(1 / RATE)
    moved = []
    for number in CAST[place][2]:
        frame = frames[number]
        truth = next(h for h in frame_at(number) if h.identity == hand.identity)
        posed = hand.posed(hand.rows.tolist().index(number))
        names = {"wrist": 0, "thumb_cmc": 1, "index_dip": 7, "middle_mcp": 9, "pinky_dip": 19}
        for name, joint in names.items():
            np.testing.assert_allclose(frame[name][0], truth.joints_m[joint] * AXES, atol=1e-5, err_msg=name)
        turn = frame["pinky_dip"][1].T @ posed.transforms[9, :3, :3]
        assert np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))) < 0.01
        # Fingertips are skin, which correctives and neighbours move a little.
        np.testing.assert_allclose(frame["index_dip_end"][0], truth.joints_m[8] * AXES, atol=3e-3)
        moved.append(frame["index_dip_end"][0] - frame["wrist"][0])
    assert np.ptp(moved, axis=0).max() > 0.02, "fingers move"


def test_a_hand_that_is_away_keeps_its_last_pose(tmp_path):
    motion = read_motion(made_track(tmp_path))
    _, frames = read_bvh(hand_to_bvh(motion.hands[1], motion, unit="m"), 1)
    places = np.array([frame["ring_dip"][0] for frame in frames])
    np.testing.assert_array_equal(places[8:14], np.tile(places[8], (6, 1)))
    np.testing.assert_array_equal(places[:4], np.tile(places[3], (4, 1)))
    assert np.abs(places[14] - places[13]).max() > 0.01


def test_uneven_times_are_put_on_an_even_beat():
    frames = [frame_at(number) for number in range(10)]
    del frames[4:6]
    motion = motion_of(frames, rate=RATE)
    _, found = read_bvh(hand_to_bvh(motion.hands[0], motion, unit="m"), 1)
    assert len(found) == 10
    for number in (3, 6, 9):
        wrist = frame_at(number)[0].joints_m[0] * AXES
        np.testing.assert_allclose(found[number]["wrist"][0], wrist, atol=1e-5)
    between = (2 * frame_at(3)[0].joints_m[0] + frame_at(6)[0].joints_m[0]) / 3 * AXES
    np.testing.assert_allclose(found[4]["wrist"][0], between, atol=1e-5)


def test_angles_are_right_where_two_axes_meet():
    for middle in (90.0, -90.0, 89.999, 30.0):
        turn = about("Z", 20) @ about("Y", middle) @ about("X", -50)
        z, y, x = np.degrees(to_zyx(turn))
        np.testing.assert_allclose(about("Z", z) @ about("Y", y) @ about("X", x), turn, atol=1e-6)
