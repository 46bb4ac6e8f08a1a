"""Retargeting to a small robot hand of our own, by all three ways; what is said where it cannot be."""

import sys
from pathlib import Path

import numpy as np
import pytest
from one_hand import one_hand

from knuckle.errors import KnuckleError
from knuckle.robots import retarget
from knuckle.robots.retarget import Retargeter, RobotModel

URDF = Path(__file__).with_name("small_hand.urdf")
TIPS = {"thumb": "thumb_tip", "index": "index_tip", "middle": "middle_tip"}
ROBOT = RobotModel(URDF, "palm", TIPS)


@pytest.fixture
def installed():
    pytest.importorskip("dex_retargeting", reason="dex-retargeting (extra robots) is not installed")
    pytest.importorskip("torch", reason="torch, which dex-retargeting imports, is not installed")


@pytest.mark.parametrize("kind", ["vector", "dexpilot", "position"])
def test_a_fist_bends_the_robots_fingers(installed, kind):
    follow = Retargeter(ROBOT, kind=kind, fastest=1e9)
    bent = [name for name in follow.joint_names if name.startswith(("index_joint", "middle_joint"))]
    places = [follow.joint_names.index(name) for name in bent]
    sums = []
    for step in range(31):
        command = follow(one_hand(bend=step / 30 * 1.3, turn=(0.3, step / 30, 0)), step / 30)
        sums.append(command.positions[places].sum())
        assert follow.tip_error_m < 0.035, step
    assert sums[-1] - sums[0] > 3
    # A robot in the same pose says the same.
    assert np.abs(np.diff(sums)).max() < 1.0


def test_joints_go_by_name(installed):
    order = ("thumb_joint_2", "index_joint_1", "middle_spread_joint")
    some, whole = Retargeter(ROBOT, joints=order), Retargeter(ROBOT)
    hand = one_hand(bend=0.5)
    positions = dict(zip(whole.joint_names, whole(hand, 0.0).positions, strict=True))
    np.testing.assert_allclose(some(hand, 0.0).positions, [positions[name] for name in order])
    with pytest.raises(KnuckleError, match=r"small_hand\.urdf: expected a joint elbow"):
        Retargeter(ROBOT, joints=("elbow",))


def test_lost_and_doubtful_hands_are_held(installed):
    follow = Retargeter(ROBOT, fastest=2.0)
    seen = follow(one_hand(bend=0.2), 0.0).positions
    for time_s, hand in (
        (0.1, None),
        (0.2, one_hand(bend=1.2, states=("held",))),
        (0.3, one_hand(states=("doubtful",))),
    ):
        command = follow(hand, time_s)
        assert command.status == "holding"
        np.testing.assert_array_equal(command.positions, seen)
    back = follow(one_hand(bend=1.2), 0.4)
    assert np.abs(back.positions - seen).max() == pytest.approx(0.2) and back.status == "returning"


def test_a_file_without_the_links_is_named(installed):
    with pytest.raises(KnuckleError, match=r"small_hand\.urdf: expected a robot hand with the links named"):
        Retargeter(RobotModel(URDF, "wrist", TIPS))


def test_without_the_extra_one_sentence_says_what_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "dex_retargeting", None)
    monkeypatch.setitem(sys.modules, "dex_retargeting.retargeting_config", None)
    monkeypatch.setattr(retarget, "_TOO_NEW", (99, 0))
    with pytest.raises(KnuckleError, match=r'needs dex-retargeting.*pip install "knuckle\[robots\]"'):
        Retargeter(ROBOT)
    monkeypatch.setattr(retarget, "_TOO_NEW", (3, 0))
    with pytest.raises(KnuckleError, match=r"expected Python below 3\.13"):
        Retargeter(ROBOT)


@pytest.mark.parametrize(
    ("robot", "kind", "what"),
    [
        (RobotModel(URDF.with_name("gone.urdf"), "palm", TIPS), "vector", r"gone\.urdf: cannot be read"),
        (RobotModel(URDF, "palm", {"toe": "thumb_tip"}), "vector", "toe"),
        (RobotModel(URDF, "palm", {}), "vector", "at least one finger"),
        (RobotModel(URDF, "palm", {"index": "index_tip"}), "dexpilot", "expected the thumb"),
        (ROBOT, "magic", "expected one of vector, dexpilot, position"),
    ],
)
def test_bad_robots_are_one_sentence(robot, kind, what):
    with pytest.raises(KnuckleError, match=what):
        Retargeter(robot, kind=kind)
