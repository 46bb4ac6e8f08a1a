"""The LeRobot teleoperator: wrist steps, pinch, clutch, and that it stops when the hand is lost."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from one_hand import one_hand

from knuckle.errors import KnuckleError
from knuckle.geometry.camera import Camera
from knuckle.hands import Hands

PACKAGE = Path(__file__).parents[2] / "packages/lerobot_teleoperator_knuckle/src"
NAME = "lerobot_teleoperator_knuckle"


@pytest.fixture(autouse=True)
def package(monkeypatch):
    monkeypatch.syspath_prepend(str(PACKAGE))
    yield
    for name in [name for name in sys.modules if name.startswith(NAME)]:
        del sys.modules[name]


@pytest.fixture
def wrist(package, monkeypatch):
    """The part that knows no LeRobot, imported without the package's own `__init__`, which does."""
    module = type(sys)(NAME)
    module.__path__ = [str(PACKAGE / NAME)]
    monkeypatch.setitem(sys.modules, NAME, module)
    return import_module(f"{NAME}.wrist")


def hands_at(time_s, place=(0.0, 0.0, 0.5), *, other=False, **values):
    shown = [one_hand("right", place=place, **values)] + ([one_hand("left")] if other else [])
    return Hands(
        Camera.from_size(640, 480),
        sides=tuple(hand.side for hand in shown),
        confidence=[0.9] * len(shown),
        boxes_px=np.ones((len(shown), 4)),
        joints_px=np.zeros((len(shown), 21, 2)),
        joints_m=[hand.joints_m for hand in shown],
        vertices_m=[hand.vertices_m for hand in shown],
        pose_rad=[hand.pose_rad for hand in shown],
        shape=np.zeros((len(shown), 10)),
        states=tuple(hand.state for hand in shown),
        time_s=time_s,
    )


def steps(action):
    return [action[f"delta_{axis}"] for axis in ("x", "y", "z")]


def turns(action):
    return [action[f"delta_r{axis}"] for axis in "xyz"]


def test_the_wrist_moves_the_robot_in_its_axes(wrist):
    follow = wrist.WristFollower(wrist.Settings(scale=2.0))
    assert set(follow(hands_at(0.0), 0.0)) == set(wrist.NAMES)
    # The hand goes 1 cm to the right, 1 cm up and 1 cm away in the picture.
    action = follow(hands_at(0.1, (0.01, -0.01, 0.51)), 0.1)
    np.testing.assert_allclose(steps(action), [0.02, -0.02, 0.02], atol=1e-9)
    np.testing.assert_allclose(turns(action), 0, atol=1e-6)
    turned = follow(hands_at(0.2, (0.01, -0.01, 0.51), turn=(0, 0, 0.1)), 0.2)
    np.testing.assert_allclose(steps(turned), 0, atol=1e-9)
    # About the line of sight, which is the robot's x.
    np.testing.assert_allclose(turns(turned), [0.1, 0, 0], atol=1e-6)


def test_a_pinch_is_the_gripper(wrist):
    hands = {bend: hands_at(0.0, bend=bend) for bend in (0.0, 1.3)}
    found = {
        bend: wrist.WristFollower(wrist.Settings())(each, 0.0)["gripper"] for bend, each in hands.items()
    }
    thumb, index = hands[1.3].joints_m[0, [4, 8]]
    assert found[0.0] == 1 and found[1.3] == pytest.approx((np.linalg.norm(thumb - index) - 0.02) / 0.05)
    assert 0 < found[1.3] < 1
    narrow = wrist.WristFollower(wrist.Settings(pinch_closed_m=0.06, pinch_open_m=0.1))
    assert narrow(hands[1.3], 0.0)["gripper"] == 0


def test_a_lost_hand_stops_the_robot_and_its_return_is_no_jump(wrist):
    follow = wrist.WristFollower(wrist.Settings())
    assert follow(None, 0.0)["gripper"] == 1 and follow.status == "waiting"
    follow(hands_at(0.1, bend=1.3), 0.1)
    gripper = follow.gripper
    away = Hands(Camera.from_size(640, 480), time_s=0.2)
    lost = [
        (away, 0.2),
        (hands_at(0.3, (0.2, 0, 0.5), states=("held",)), 0.3),
        (hands_at(0.4, (0.2, 0, 0.5)), 1.0),
    ]
    for hands, now in lost:
        action = follow(hands, now)
        assert follow.status == "lost" and action["gripper"] == gripper
        assert steps(action) == [0, 0, 0] and turns(action) == [0, 0, 0]
    back = follow(hands_at(1.1, (0.3, 0, 0.5), bend=1.3), 1.1)
    assert follow.status == "following" and steps(back) == [0, 0, 0]
    fast = follow(hands_at(1.2, (0.9, 0, 0.5), bend=1.3), 1.2)
    assert np.linalg.norm(steps(fast)) == pytest.approx(0.05)


def test_the_same_picture_twice_moves_nothing(wrist):
    follow = wrist.WristFollower(wrist.Settings())
    follow(hands_at(0.0), 0.0)
    follow(hands_at(0.1, (0.01, 0, 0.5)), 0.1)
    assert steps(follow(hands_at(0.1, (0.01, 0, 0.5)), 0.15)) == [0, 0, 0]


def test_the_clutch_lets_the_hand_go_back(wrist):
    follow = wrist.WristFollower(wrist.Settings(clutch="other_hand"))
    follow(hands_at(0.0, other=True), 0.0)
    assert np.linalg.norm(steps(follow(hands_at(0.1, (0.02, 0, 0.5), other=True), 0.1))) > 0.01
    assert steps(follow(hands_at(0.2, (0.0, 0, 0.5)), 0.2)) == [0, 0, 0] and follow.status == "released"
    assert steps(follow(hands_at(0.3, (-0.1, 0, 0.5), other=True), 0.3)) == [0, 0, 0]
    np.testing.assert_allclose(
        steps(follow(hands_at(0.4, (-0.1, 0, 0.51), other=True), 0.4)), [0.01, 0, 0], atol=1e-9
    )


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"side": "up"}, "left or right"),
        ({"clutch": "foot"}, "always or other_hand"),
        ({"robot_from_camera": (1.0,) * 9}, "nine numbers of a rotation"),
        ({"pinch_open_m": 0.01}, "pinch"),
    ],
)
def test_bad_settings_are_one_sentence(wrist, values, what):
    with pytest.raises(KnuckleError, match=what):
        wrist.Settings(**values)


def test_lerobot_takes_it(tmp_path):
    pytest.importorskip("lerobot.teleoperators.teleoperator", reason="lerobot is not installed")
    from lerobot.teleoperators.config import TeleoperatorConfig
    from lerobot.utils.import_utils import make_device_from_device_class

    package = import_module(NAME)
    config = package.KnuckleTeleopConfig(calibration_dir=tmp_path, id="mine", clutch="always")
    assert TeleoperatorConfig.get_choice_class("knuckle") is package.KnuckleTeleopConfig
    assert config.type == "knuckle"
    made = make_device_from_device_class(config)
    assert isinstance(made, package.KnuckleTeleop) and not made.is_connected
    import time

    class Still:
        def __init__(self):
            self.closed = False

        def newest(self):
            return hands_at(time.monotonic())

        def close(self):
            self.closed = True

    source = Still()
    teleoperator = package.KnuckleTeleop(config, open_source=lambda _: source)
    with pytest.raises(RuntimeError, match="not connected"):
        teleoperator.get_action()
    teleoperator.connect()
    action = teleoperator.get_action()
    assert action.keys() == teleoperator.action_features.keys() and teleoperator.status == "following"
    teleoperator.disconnect()
    assert source.closed and not teleoperator.is_connected
