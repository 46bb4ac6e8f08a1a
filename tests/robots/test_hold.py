"""A hand that is lost: the robot holds, says so, and never jumps."""

import numpy as np
import pytest

from knuckle.errors import KnuckleError
from knuckle.robots.hold import Holder


def test_a_lost_hand_is_held_and_said_and_its_return_is_no_jump():
    hold = Holder(2.0)
    assert hold(None, 0.0) == (None, "waiting", 0.0)
    first = hold(np.array([0.1, 0.2]), 0.1)
    assert first.status == "following" and first.positions.tolist() == [0.1, 0.2]
    for time_s, lost in ((0.2, 0.1), (0.3, 0.2), (5.0, 4.9)):
        command = hold(None, time_s)
        assert command.status == "holding" and command.lost_s == pytest.approx(lost)
        assert command.positions.tolist() == [0.1, 0.2]
    back = [hold(np.array([1.1, 0.2]), 5.0 + 0.1 * step) for step in range(1, 8)]
    steps = np.diff([0.1, *(command.positions[0] for command in back)])
    assert (steps <= 0.2 + 1e-12).all() and back[-1].positions[0] == pytest.approx(1.1)
    assert [command.status for command in back] == ["returning"] * 4 + ["following"] * 3


def test_even_the_first_movement_starts_where_the_robot_is():
    hold = Holder(1.0, np.zeros(2))
    assert hold(np.ones(2), 3.0).positions.tolist() == [0, 0]
    assert hold(np.ones(2), 3.25).positions.tolist() == [0.25, 0.25]
    assert hold(None, 4.0).positions.tolist() == [0.25, 0.25]


def test_what_a_robot_hands_back_is_not_the_holders_own():
    hold = Holder(1.0)
    hold(np.zeros(2), 0.0).positions[:] = 9
    assert hold(None, 1.0).positions.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("positions", "time_s", "what"),
    [(np.zeros(2), 0.5, "time"), (np.array([0.0, np.nan]), 1.5, "finite"), (np.zeros(3), 1.5, "one a joint")],
)
def test_bad_input_is_refused_and_changes_nothing(positions, time_s, what):
    hold = Holder(1.0)
    hold(np.zeros(2), 1.0)
    with pytest.raises(KnuckleError, match=what):
        hold(positions, time_s)
    assert hold(None, 2.0).positions.tolist() == [0, 0]
    with pytest.raises(KnuckleError, match="speed above 0"):
        Holder(0.0)
