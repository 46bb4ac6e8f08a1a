"""Clips of moving hands: exact truth, constant people, motion blur, a world that stands still, and what is written."""

import json
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.poses.penetration import penetration
from knuckle.poses.prior import MAX_PENETRATION_M
from knuckle.rig.limits import angles_to_pose, joint_limits
from knuckle.rig.load import load_rig
from knuckle.rig.rotations import rodrigues
from knuckle.synth.clips import frozen, make
from knuckle.synth.clips.clip import EXPOSURE_S
from knuckle.synth.clips.fingers import flat_hand, play
from knuckle.synth.clips.kinds import KINDS
from knuckle.synth.clips.labels import frame_line
from knuckle.synth.clips.make import make_clip
from knuckle.synth.clips.moving import Bones, Capsules, Motion, MovingArm, forearm_turn
from knuckle.synth.clips.paths import Keys, Shaking, still
from knuckle.synth.clips.people import ArmMotion, MovingPerson
from knuckle.synth.clips.room import Room
from knuckle.synth.clips.sheet import TIMES_S, write_clip_sheet
from knuckle.synth.clips.stage import clearance_m, find_flaw, sample_builds
from knuckle.synth.clips.writer import clip_folders, render_clips

RIG = load_rig("open", side="right")
CAMERA = Camera(560, 560, 319.5, 239.5, 640, 480)


@pytest.fixture(scope="module", autouse=True)
def unchecked():
    """Clips whose choreographies are taken as they are drawn, which is quicker; the check has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "find_flaw", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def hide():
    return make_clip(5, 0, kinds=["hide"])


@pytest.fixture(scope="module")
def truth(hide):
    """What is known of every fifth frame; nothing is painted."""
    return {index: hide.truth(index) for index in range(0, hide.frames, 6)}


def arm(*, wrist, left=False, turns=(0.3, 0, 0)):
    rng = np.random.default_rng(2)
    motion = Motion(
        wrist_m=wrist,
        elbow_m=still(0.1, 0.9, 0.6),
        turn=forearm_turn(still(*turns)),
        fingers=still(*flat_hand(RIG, rng)),
    )
    return MovingArm(RIG, sample_builds(rng)[0], left=left, motion=motion)


def test_a_reach_starts_and_ends_at_rest_and_is_fastest_half_way():
    path = Keys([1.0, 2.0], [[0.0], [1.0]])
    speed = [float((path(t + 1e-5) - path(t - 1e-5))[0]) / 2e-5 for t in (1.0, 1.5, 2.0)]
    assert speed == pytest.approx([0, 1.875, 0], abs=1e-3)
    assert path(0.0)[0] == 0 and path(9.0)[0] == 1 and path(1.5)[0] == pytest.approx(0.5)


def test_shaking_has_the_speed_that_is_asked_for_and_stops():
    path = Shaking(1.0, 3.0, [0.08, 0, 0], 4.0)
    times = np.linspace(0, 4, 4001)
    speed = np.abs(np.diff([path(t)[0] for t in times])) / np.diff(times)
    assert speed.max() == pytest.approx(0.08 * 2 * np.pi * 4, rel=0.01)
    assert not speed[times[1:] < 1.0].any() and not speed[times[:-1] > 3.0].any()


def test_fingers_stay_within_their_limits_and_out_of_each_other():
    fingers = play(RIG, np.random.default_rng(3), np.arange(0.0, 12.0, 1.0))
    angles = np.stack([fingers(t) for t in np.arange(0, 12, 0.05)])
    low, high = joint_limits()
    assert (angles[:, 1:] >= low[1:] - 1e-6).all() and (angles[:, 1:] <= high[1:] + 1e-6).all()
    assert penetration(RIG, angles_to_pose(RIG, angles)).max() < MAX_PENETRATION_M + 5e-4
    assert np.ptp(angles, axis=0).max() > 0.5


def test_joints_in_px_are_the_projection_of_those_in_metres(hide, truth):
    hands = [hand for frame in truth.values() for hand in frame.hands]
    assert len(hands) > 30
    for hand in hands:
        assert np.abs(hide.camera.project(hand.joints_m) - hand.joints_px).max() < 1e-6


def test_a_hand_keeps_its_identity_side_and_bones(truth):
    found = {}
    for frame in truth.values():
        for hand in frame.hands:
            bones = np.linalg.norm(hand.joints_m[[9, 10, 5]] - hand.joints_m[[0, 9, 0]], axis=1)
            side, first = found.setdefault(hand.identity, (hand.side, bones))
            assert side == hand.side
            assert np.abs(bones - first).max() < 1e-6
    assert {side for side, _ in found.values()} == {"left", "right"} and len(found) == 2


def test_sides_are_those_of_the_hands_themselves():
    """Upright, palm to the camera: a right thumb points to the right of the picture, a left one to the left."""
    for left, sign in ((False, 1), (True, -1)):
        hand = arm(wrist=still(0, 0.1, 0.5), left=left, turns=(0, 0, 0))
        joints = hand.bones(0.0).joints[0]
        assert sign * (joints[4] - joints[0])[0] > 0.03
        assert hand.sides == ("left" if left else "right",)


def test_no_hand_shows_at_the_start_and_the_end(truth, hide):
    assert not truth[0].hands and not truth[hide.frames - 6].hands


def test_shown_falls_when_a_hand_is_hidden(truth):
    shares = [{hand.identity: hand.shown for hand in frame.hands} for frame in truth.values()]
    both = [share for share in shares if len(share) == 2]
    assert min(min(share.values()) for share in both) < 0.1
    # The one before it is seen whole.
    assert all(max(share.values()) > 0.9 for share in both if min(share.values()) < 0.1)
    assert any(min(share.values()) > 0.9 for share in both)


def test_a_frame_is_rendered_alike_again_and_does_not_depend_on_others(hide):
    again = make_clip(5, 0, kinds=["hide"])
    hide.frame(20)
    one, two = hide.frame(75), again.frame(75)
    assert np.array_equal(one.image, two.image)
    assert json.dumps(frame_line(one.truth)) == json.dumps(frame_line(two.truth))
    assert not np.array_equal(one.image, hide.frame(76).image)


def moving(hide, speed):
    """The clip with one arm instead that crosses the picture at a speed (m/s)."""
    path = arm(wrist=lambda t: np.array([(t - 1.0) * speed, 0.1, 0.5]))
    return replace(hide, actors=[path], camera=CAMERA, rate=10.0)


def test_blur_is_what_the_hand_moves_during_the_exposure(hide):
    for speed in (0.0, 1.5):
        frame = moving(hide, speed).truth(10)
        depth = frame.hands[0].joints_m[:, 2]
        px = (speed * EXPOSURE_S * CAMERA.fx / depth).mean()
        # The elbow stays where it is, which turns the hand a little.
        assert frame.hands[0].blur_px == pytest.approx(px, rel=0.2, abs=1e-6)


def test_a_fast_hand_is_smeared_along_its_way_only(hide):
    def sharpness(speed):
        frame = moving(hide, speed).frame(10)
        x, y, w, h = np.rint(frame.truth.hands[0].box_px).astype(int)
        part = frame.image[y : y + h, x : x + w].astype(float).mean(-1)
        return np.array([np.abs(np.diff(part, axis=axis)).mean() for axis in (1, 0)])

    along, across = sharpness(2.0) / sharpness(0.0)
    assert along < 0.75 and across > along + 0.1


def test_the_room_stands_still_in_the_world():
    """A camera that turns sees what a homography of its first picture shows."""
    room = Room(np.random.default_rng(4))
    turned = np.eye(4)
    turned[:3, :3] = rodrigues(np.array([0.03, 0.12, 0.02]))
    first, second = room.seen(CAMERA, np.eye(4)), room.seen(CAMERA, turned)
    move = CAMERA.matrix @ turned[:3, :3] @ np.linalg.inv(CAMERA.matrix)
    warped = cv2.warpPerspective(first, move, (640, 480))
    inside = cv2.warpPerspective(np.ones(first.shape[:2], np.uint8), move, (640, 480), flags=0) > 0
    inside = cv2.erode(inside.astype(np.uint8), np.ones((9, 9))) > 0
    assert inside.mean() > 0.6
    apart = np.abs(warped.astype(float) - second)[inside].mean()
    assert apart < 2.0 < np.abs(first.astype(float) - second)[inside].mean()


def test_truth_of_a_moving_camera_is_in_its_own_frame():
    clip = make_clip(6, 0, kinds=["camera"])
    first, second = clip.truth(60), clip.truth(75)
    assert first.camera_from_world is not None and second.camera_from_world is not None
    assert np.abs(first.camera_from_world - second.camera_from_world).max() > 1e-3
    hand = second.hands[0]
    world = (hand.joints_m - second.camera_from_world[:3, 3]) @ second.camera_from_world[:3, :3]
    assert np.abs(world - clip.actors[hand.identity].bones(75 / clip.rate).joints[0]).max() < 1e-9


def test_clapping_hands_touch_and_stay_on_their_own_side():
    clip = make_clip(7, 0, kinds=["clap"])
    gaps, actors = [], [actor for actor in clip.actors if isinstance(actor, MovingArm)]
    assert len(actors) == 2 and isinstance(actors[0].correct, partial)
    normal = actors[0].correct.keywords["normal"]
    for time in np.arange(2.0, 5.2, 0.04):
        left, right = (one.at(time).vertices[: one.mesh.hand_vertices] for one in actors)
        gaps.append(float((left @ normal).min() - (right @ normal).max()))
    assert 0.0004 < min(gaps) < 0.002
    assert max(gaps) > 0.1


def test_a_person_keeps_its_hands_size_and_skin_and_reaches_its_targets():
    rng = np.random.default_rng(8)
    arms = tuple(
        ArmMotion(
            wrist_m=Keys([0, 1], [[sign * 0.2, 0.1, 0.65], [sign * 0.14, 0.1, 0.6]]),
            turns_rad=still(0, 0, 0),
            fingers=still(*flat_hand(RIG, rng)),
            shows_s=1.0,
        )
        for sign in (1, -1)
    )
    person = MovingPerson(RIG, rng, arms=(arms[0], arms[1]), place_m=still(0, 0.15, 0.9), yaw_rad=0.1)
    start, end = person.at(0.0), person.at(1.0)
    for side, sign in enumerate((1, -1)):
        assert np.linalg.norm(end.bones.joints[side][0] - [sign * 0.14, 0.1, 0.6]) < 1e-3
        length = [np.linalg.norm(m.bones.joints[side][9] - m.bones.joints[side][0]) for m in (start, end)]
        assert length[0] == pytest.approx(length[1], abs=1e-6)
        # Joints lie inside the skin that is drawn.
        skin = end.vertices[person.body.hands[side]]
        assert all(np.linalg.norm(skin - joint, axis=1).min() < 0.035 for joint in end.bones.joints[side])
        # The palm is shown to the camera.
        joints = end.bones.joints[side]
        palm = np.cross(joints[5] - joints[0], joints[17] - joints[0]) * -sign
        assert palm[2] < 0
    assert clearance_m([end.bones]) > 0


def test_flaws_are_found():
    def pose(_):
        return np.eye(4)

    seen = arm(wrist=still(0, 0.1, 0.5))
    assert "shows at 0.0" in str(find_flaw([seen], CAMERA, pose, 2.0))
    comes = Keys([0.8, 1.1, 2.6, 3.0], [[0, 0.6, 0.5], [0, 0.1, 0.5], [0, 0.1, 0.5], [0, 0.6, 0.5]])
    assert find_flaw([arm(wrist=comes)], CAMERA, pose, 4.0) is None
    other = Keys(
        [0.8, 1.1, 2.6, 3.0], [[0.03, 0.6, 0.5], [0.03, 0.1, 0.5], [0.03, 0.1, 0.5], [0.03, 0.6, 0.5]]
    )
    assert "runs into" in str(find_flaw([arm(wrist=comes), arm(wrist=other)], CAMERA, pose, 4.0))
    bones = seen.bones(0.0)
    head = Capsules(bones.joints[0][9:10], bones.joints[0][12:13], np.array([0.1]))
    assert clearance_m([Bones(bones.joints, bones.elbows, head)]) < -0.05


def test_clips_on_disk_and_their_command(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make, "RATE", 0.6)
    out = tmp_path / "clips"
    arguments = (
        "synth",
        "--hands",
        "clip",
        "--kind",
        "hide",
        "--seed",
        "5",
        "--out",
        str(out),
        "--workers",
        "1",
    )
    assert run(*arguments, "--count", "1") == 0
    assert "1 clips, seed 5" in capsys.readouterr().out
    clip = frozen.load_clip(clip_folders(out)[0])
    assert clip.name == "00-hide" and clip.kind == "hide" and len(clip.frames) == 6
    assert [line["time_s"] for line in clip.truth] == pytest.approx(np.arange(6) / 0.6, abs=1e-6)
    hands = [hand for line in clip.truth for hand in line["hands"]]
    assert hands and all(
        np.abs(clip.camera.project(np.array(hand["joints_m"])) - hand["joints_px"]).max() < 0.02
        for hand in hands
    )
    stored = np.asarray(cv2.imread(str(clip.frames[3])))[..., ::-1].astype(float)
    assert np.abs(stored - make_clip(5, 0, kinds=["hide"]).frame(3).image).mean() < 3
    with pytest.raises(KnuckleError, match="cannot resume, its seed is 5, expected 6"):
        render_clips(out, 1, seed=6, kinds=["hide"], resume=True)
    clip.frames[5].unlink()
    with pytest.raises(KnuckleError, match="expected 6 frames and as many lines of truth, got 5 and 6"):
        frozen.load_clip(clip.folder)


def test_a_sheet_has_a_row_a_clip(hide, tmp_path):
    write_clip_sheet(tmp_path / "sheet.png", [hide])
    assert np.asarray(cv2.imread(str(tmp_path / "sheet.png"))).shape == (120, 160 * len(TIMES_S), 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--hands", "clip", "--kind", "juggle", "--count", "1", "--out", "{}/c"),
            "expected some of enter, cross",
        ),
        (("--hands", "clip", "--seed", "-1", "--count", "1", "--out", "{}/c"), "seed: expected 0 or more"),
        (("--hands", "clip", "--count", "0", "--out", "{}/c"), "count: expected at least 1 clip"),
        (("--hands", "clip", "--size", "64", "--count", "1", "--out", "{}/c"), "none with --hands clip"),
        (("--kind", "clap", "--count", "1", "--out", "{}/c"), "with --hands clip only"),
        (("--hands", "clip", "--frozen", "--count", "3"), "the same for everybody"),
    ],
)
def test_bad_options_are_one_sentence_and_code_2(run, arguments, message, tmp_path, capsys):
    assert run("synth", *(a.format(tmp_path) for a in arguments)) == 2
    shown = capsys.readouterr().err
    assert message in shown and "Traceback" not in shown
    assert not list(tmp_path.iterdir())


def test_the_record_of_the_frozen_clips_names_three_of_every_kind():
    names = list(frozen.expected()["clips"])
    assert len(names) == frozen.COUNT
    assert [name.split("-")[1] for name in names] == 3 * list(KINDS)


def test_other_clips_than_the_frozen_ones_are_refused():
    wanted = frozen.expected()
    assert frozen.compare(wanted) == "exact"
    near = json.loads(json.dumps(wanted)) | {"labels_sha256": "other"}
    assert frozen.compare(near) == "close"
    near["clips"]["02-clap"]["shown"] += 0.1
    with pytest.raises(
        KnuckleError, match=r"02-clap differs from the frozen one in shown: 0\.1, allowed 0\.01"
    ):
        frozen.compare(near)
