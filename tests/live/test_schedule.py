"""When a video is searched."""

from knuckle.live.schedule import Schedule


def searches(count: int, *, rate: float, missing: bool) -> list[int]:
    schedule = Schedule()
    return [n for n in range(count) if schedule.due(n / rate, missing=missing)]


def test_the_first_frame_is_searched_and_then_two_a_second():
    assert searches(61, rate=30, missing=False) == [0, 15, 30, 45, 60]


def test_more_often_while_a_hand_is_missing_but_never_in_every_frame():
    assert searches(13, rate=30, missing=True) == [0, 3, 6, 9, 12]
    assert searches(9, rate=5, missing=True) == [0, 3, 6]


def test_every_two_seconds_small_hands_are_looked_for():
    schedule = Schedule()
    times = (0.0, 0.5, 1.5, 2.0, 2.5, 4.0)
    assert [time_s for time_s in times if schedule.closely(time_s, missing=False)] == [0.0, 2.0, 4.0]
    assert not schedule.closely(4.4, missing=True) and schedule.closely(4.5, missing=True)
