"""OpenXR's joints: order, axes on poses that are known, metacarpals, radii, flags, both sides."""

import json
from itertools import pairwise

import numpy as np
import pytest
from moving import FRAMES, frame_at, made_track

from knuckle.animation.motion import read_motion
from knuckle.animation.openxr import FROM_COMMON, OPENXR_JOINTS, openxr_hands, place_openxr, skeleton_of
from knuckle.animation.openxr_lines import write_openxr
from knuckle.rig import load_rig
from knuckle.rig.rotations import rodrigues

AXES = np.array([1.0, -1, -1])
FINGERS = ("thumb", "index", "middle", "ring", "little")


def columns(quaternions: np.ndarray) -> np.ndarray:
    """Matrices of quaternions x, y, z, w, by turning the three axes one by one."""
    vector, w = quaternions[..., None, :3], quaternions[..., None, 3:]
    axes = np.broadcast_to(np.eye(3), (*quaternions.shape[:-1], 3, 3))
    twice = 2 * np.cross(np.broadcast_to(vector, axes.shape), axes)
    return (axes + w * twice + np.cross(np.broadcast_to(vector, axes.shape), twice)).swapaxes(-1, -2)


def held_up(side: str, bend: float = 0.0):
    """A hand before the camera: middle finger up, palm to the camera; all finger joints bent by an angle.

    The thumb of a right hand is then on the picture's right. Returns the 26 joints, their axes, and the posed hand.
    """
    rig = load_rig("open", side=side)
    rest = rig.joints_rest_m.astype(float)
    up = rest[9] - rest[0]
    up /= np.linalg.norm(up)
    radial = rest[5] - rest[17]
    radial -= radial @ up * up
    radial /= np.linalg.norm(radial)
    right = radial if side == "right" else -radial
    rotations = np.tile(np.eye(3), (16, 1, 1))
    rotations[0] = np.stack([right, up, np.cross(right, up)])
    for joint in range(1, 13):
        rotations[joint] = rodrigues(bend * rig.axes[joint, 2].astype(float))
    posed = rig.posed_by_matrices(rotations)
    _, world = rig.posed_joints(rotations)
    hand = place_openxr(skeleton_of(rig, np.zeros(10)), posed.joints, world)
    return rig, hand, columns(hand.orientations), posed


def named(values: np.ndarray, name: str) -> np.ndarray:
    return values[OPENXR_JOINTS.index(name)]


def test_the_order_is_that_of_xr_hand_joint_ext():
    assert len(OPENXR_JOINTS) == 26
    for number, name in ((0, "palm"), (1, "wrist"), (5, "thumb_tip"), (6, "index_metacarpal")):
        assert OPENXR_JOINTS[number] == name
    for number, name in (
        (10, "index_tip"),
        (14, "middle_distal"),
        (16, "ring_metacarpal"),
        (25, "little_tip"),
    ):
        assert OPENXR_JOINTS[number] == name


@pytest.mark.parametrize("side", ["left", "right"])
def test_axes_of_a_hand_held_up_with_its_palm_to_the_camera(side):
    _, hand, axes, _ = held_up(side)
    for name in ("palm", "wrist", "middle_metacarpal"):
        x, y, z = named(axes, name).T
        np.testing.assert_allclose(x, [-1, 0, 0], atol=0.2, err_msg=name)
        np.testing.assert_allclose(y, [0, 0, -1], atol=0.2, err_msg=name)
        np.testing.assert_allclose(z, [0, -1, 0], atol=0.2, err_msg=name)
    np.testing.assert_allclose(axes @ axes.swapaxes(-1, -2), np.tile(np.eye(3), (26, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(axes), 1)
    thumb, little = (named(hand.positions_m, name)[0] for name in ("thumb_tip", "little_tip"))
    assert (thumb > little) == (side == "right")


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("bend", [0.0, 1.2])
def test_every_bone_points_to_its_tip_and_its_back_out_of_the_nail(side, bend):
    rig, hand, axes, posed = held_up(side, bend)
    for finger in FINGERS:
        joints = [place for place, name in enumerate(OPENXR_JOINTS) if name.startswith(finger)]
        for one, beyond in pairwise(joints):
            bone = hand.positions_m[beyond] - hand.positions_m[one]
            # Fingertips are skin, which is not carried quite as its bone.
            assert -axes[one, :, 2] @ bone / np.linalg.norm(bone) > (
                0.98 if beyond == joints[-1] else 1 - 1e-9
            )
        label = 1 + FINGERS.index(finger)
        nail = np.isin(rig.faces, np.flatnonzero((rig.nail > 0) & (rig.finger_label == label))).all(1)
        a, b, c = (posed.vertices[rig.faces[nail, k]] for k in range(3))
        out = np.cross(b - a, c - a).sum(0)
        assert axes[joints[-1], :, 1] @ out / np.linalg.norm(out) > 0.85, finger


@pytest.mark.parametrize("side", ["left", "right"])
def test_palm_and_metacarpals_lie_where_bones_are(side):
    _, hand, _, _ = held_up(side)
    places = dict(zip(OPENXR_JOINTS, hand.positions_m, strict=True))
    middle = (places["middle_metacarpal"] + places["middle_proximal"]) / 2
    np.testing.assert_allclose(places["palm"], middle, atol=1e-9)
    lengths = [np.linalg.norm(places[f"{f}_proximal"] - places[f"{f}_metacarpal"]) for f in FINGERS[1:]]
    np.testing.assert_allclose(
        np.array(lengths) / lengths[1], np.array([67.7, 66.1, 58.0, 52.3]) / 66.1, rtol=1e-6
    )
    for finger in FINGERS[1:]:
        base = places[f"{finger}_metacarpal"] - places["wrist"]
        assert 0.01 < base[1] < 0.045 and abs(base[0]) < 0.03, finger
    assert hand.radii_m.min() > 0.003 and hand.radii_m.max() < 0.03
    radii = dict(zip(OPENXR_JOINTS, hand.radii_m, strict=True))
    assert radii["index_distal"] < radii["index_proximal"] < radii["palm"] + 0.004


def test_joints_of_ours_keep_their_places(tmp_path):
    hands = frame_at(4)
    for hand, answer in zip(hands, openxr_hands(hands), strict=True):
        for place, common in enumerate(FROM_COMMON):
            if common >= 0:
                np.testing.assert_allclose(answer.positions_m[place], hand.joints_m[common] * AXES)


def test_lines_have_every_frame_with_flags(tmp_path):
    write_openxr(tmp_path / "a.jsonl", read_motion(made_track(tmp_path)))
    header, *frames = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert header["joints"] == list(OPENXR_JOINTS) and len(frames) == FRAMES
    assert [hand["identity"] for hand in frames[11]["hands"]] == [0]
    for number, flags in ((6, 15), (7, 3)):
        hand = frames[number]["hands"][1]
        joints = np.array(hand["joints"])
        assert (hand["side"], hand["identity"]) == ("left", 1) and (joints[:, 8] == flags).all()
        (expected,) = openxr_hands(frame_at(number).rows([1]))
        np.testing.assert_allclose(joints[:, :3], expected.positions_m, atol=2e-6)
        np.testing.assert_allclose(columns(joints[:, 3:7]), columns(expected.orientations), atol=1e-5)
